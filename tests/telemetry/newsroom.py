"""A newsroom: models, tools that fail, retries, log lines, tells, and ends of all kinds.

One run of it has every kind of span.
"""

import asyncio
import contextlib

import agentmesh as am
from agentmesh.testing.models import Rule

ODD = "half a pair \ud800, a bell \x07, a nul \x00, turned \u202e around"
SECRET_WORDS = "the mayor resigns"

RULES = [
    Rule(contains="stream", answer="piece by piece by piece"),
    Rule(contains="Write about", answer=f"Today {SECRET_WORDS}."),
]


class Topic(am.Message):
    """What to write about."""

    text: str


class Page(am.Message):
    """What was written."""

    text: str
    words: int = 0


@am.tool(timeout=5, retries=0)
async def look_up(topic: str) -> str:
    """Look something up."""
    return f"all about {topic}"


@am.tool(timeout=5, retries=0)
async def print_page(page: str) -> str:
    """Fail: there is no paper."""
    raise OSError("no paper" + page[:0])


@am.agent
class Writer:
    """Writes pages."""

    @am.handler
    async def write(self, topic: Topic) -> Page:
        """Look something up, then let a model write."""
        found = await look_up(topic.text)
        text = await am.llm(f"Write about {found}", temperature=0.5, seed=7)
        am.log("written", topic=topic.text, odd=ODD)
        return Page(text=text, words=len(text.split()))

    @am.handler
    async def stream(self, topic: Topic) -> Page:
        """The same, in pieces."""
        asked = await am.openai().chat.completions.create(
            model="sim-small",
            messages=[{"role": "user", "content": f"stream {topic.text}"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        deltas = [chunk.choices[0].delta async for chunk in asked if chunk.choices]
        return Page(text="".join(delta.content or "" for delta in deltas))

    @am.handler
    async def never(self, topic: Topic) -> Page:
        """Take longer than anybody waits."""
        await am.sleep(30)
        return Page(text=topic.text)


@am.agent(supervision=am.Supervision("restart", attempts=3, intensity=9))
class Press:
    """Prints: fails at first, or always."""

    @am.handler
    async def run(self, page: Page) -> str:
        """Fail at first."""
        await am.sleep(0.001)
        if am.context().turn == 1:
            raise ValueError("a jam")
        return page.text

    @am.handler
    async def jam(self, page: Page) -> str:
        """Fail each time."""
        raise ValueError(f"a jam {page.words}")


@am.agent
class Archive:
    """Keeps what it is told."""

    kept: int = 0

    @am.handler
    async def keep(self, page: Page) -> None:
        """Keep it."""
        self.kept += 1
        with contextlib.suppress(am.EffectError, OSError):
            await print_page(page.text)


@am.workflow(deadline="1m")
async def newsroom(topic: Topic) -> str:
    """Write, stream, archive; and let some of it go wrong."""
    writer = am.ref(Writer, "w1")
    page, other = await asyncio.gather(writer.write(topic), am.ref(Writer, "w2").stream(topic))
    am.tell(am.ref(Archive).keep, page)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await am.ref(Writer, "w3").never(topic)
    printed = await am.ref(Press).run(page)
    with contextlib.suppress(am.PoisonMessageError):
        await am.ref(Press, "old").jam(page)
    return printed + other.text
