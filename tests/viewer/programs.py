"""What the viewer's tests look at: a bit of everything that can happen in a run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import agentmesh as am

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202edesrever\ud800 end"
"""Markup, a control sequence, a bidirectional override and half a surrogate pair."""
LONG = 10 * 1024 * 1024


class Job(am.Message):
    topic: str
    times: int = 1


class Load(am.Message):
    text: str
    rest: Any = None


@am.tool
async def look_up(topic: str) -> str:
    await asyncio.sleep(0.001)
    if topic == "nothing":
        message = f"there is nothing about {topic}"
        raise LookupError(message)
    return topic.upper()


@am.tool
async def never(topic: str) -> str:
    await asyncio.sleep(3600)
    return topic


@am.agent(supervision=am.Supervision("restart", attempts=2, backoff="1ms", backoff_max="2ms"))
class Shaky:
    tries: int = 0

    @am.handler
    async def work(self, job: Job) -> int:
        self.tries += 1
        await am.sleep("1ms")
        if job.times < 0:
            message = "it can't be done"
            raise ValueError(message)
        return self.tries


@am.agent
class Writer:
    drafts: int = 0
    last: str = ""

    @am.handler
    async def write(self, job: Job) -> str:
        for _ in range(job.times):
            self.last = await look_up(job.topic)
            self.drafts += 1
        am.log("wrote", topic=job.topic, drafts=self.drafts)
        return self.last

    @am.handler
    async def think(self, job: Job) -> str:
        return await never(job.topic)

    @am.handler
    async def keep(self, load: Load) -> int:
        am.log(load.text[:100])
        self.last = load.text[:50]
        return len(load.text)

    @am.handler
    async def recite(self, job: Job) -> AsyncIterator[str]:
        for word in job.topic.split():
            yield word


@am.agent
class Editor:
    seen: int = 0

    @am.handler
    async def ask(self, job: Job) -> str:
        self.seen += 1
        writer = am.ref(Writer, "w1")
        first, second = await asyncio.gather(writer.write(job), am.ref(Writer, "w2").write(job))
        return first + second


@am.workflow(deadline="60s")
async def newsroom() -> list[str]:
    """Ask, wait, give up, fail, try again, listen to a stream."""
    editor, writer = am.ref(Editor, "e1"), am.ref(Writer, "w1")
    found = [await editor.ask(Job(topic="rain", times=2))]
    with contextlib.suppress(LookupError, am.AgentMeshError):
        await writer.write(Job(topic="nothing"))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await writer.think(Job(topic="life"))
    with contextlib.suppress(am.AgentMeshError, ValueError):
        await am.ref(Shaky, "s1").work(Job(topic="twice", times=-1))
    found += [word async for word in writer.recite(Job(topic="three little words"))]
    am.tell(am.ref(Writer, "w3").write, Job(topic="later"))
    await am.sleep("2ms")
    return found


@am.workflow(deadline="60s")
async def hostile() -> int:
    """Say what pages must not run."""
    return await am.ref(Writer, "w1").keep(Load(text=HOSTILE, rest={"<b>": [HOSTILE, 1e308 * 10]}))


@am.workflow(deadline="60s")
async def large() -> int:
    """Say more than a page should have."""
    return await am.ref(Writer, "w1").keep(Load(text="long " * (LONG // 5)))


@am.workflow(deadline="60s")
async def question() -> str:
    """Ask a model."""
    return await am.llm("What is new?", system="Be brief.")


@am.workflow(deadline="60s")
async def stuck() -> None:
    """Ask somebody who hangs when it is replayed to be looked at."""
    await am.ref(Writer, "w1").write(Job(topic="hang"))
