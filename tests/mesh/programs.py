"""Small programs that go wrong, or right, on request."""

import asyncio
import random
import time

import agentmesh as am


class Question(am.Message):
    """Something to answer."""

    text: str = "why"
    count: int = 1


class Answer(am.Message):
    """What is answered."""

    text: str


@am.agent
class Helper:
    """Answers, raises, waits."""

    asked: int = 0

    @am.handler
    async def answer(self, question: Question) -> Answer:
        """Answer."""
        self.asked += 1
        return Answer(text=f"{self.asked}: {question.text}")

    @am.handler
    async def explode(self, question: Question) -> Answer:
        """Raise."""
        raise ValueError(question.text)

    @am.handler
    async def never(self) -> None:
        """Wait for nothing."""
        await asyncio.Event().wait()

    @am.handler
    async def wait(self, question: Question) -> None:
        """Take a message and wait for nothing."""
        await asyncio.Event().wait()

    @am.handler
    async def fill(self, question: Question) -> int:
        """Take a long text many times."""
        return len(question.text)


@am.tool(timeout=30, retries=0)
async def slow(seconds: float) -> float:
    """Take a while, truly."""
    await asyncio.sleep(seconds)
    return time.time()


@am.workflow(deadline="20s")
async def ask_once(question: Question) -> Answer:
    """Ask and return the answer."""
    return await am.ref(Helper).answer(question)


@am.workflow(deadline="20s")
async def fails(question: Question) -> Answer:
    """Ask what raises."""
    return await am.ref(Helper).explode(question)


@am.workflow(deadline="300ms")
async def hangs() -> None:
    """Ask what never answers."""
    await am.ref(Helper).never()


@am.workflow(deadline="20s")
async def fills_the_disk(question: Question) -> int:
    """Send long texts until something gives way."""
    total = 0
    for number in range(question.count):
        total += await am.ref(Helper).fill(Question(text=f"{number}" * 4_000))
    return total


@am.workflow(deadline="20s")
async def leaves_work_behind() -> str:
    """Return while a message is still being handled."""
    am.tell(am.ref(Helper).wait, Question())
    return "done"


@am.workflow(deadline="20s")
async def rolls() -> list[float]:
    """Draw from the generators a handler has."""
    return [am.random().random(), random.random(), float(am.uuid().int % 1000)]


@am.workflow(deadline="500ms")
async def waits_for_a_model() -> str:
    """Ask a model that never answers."""
    return await am.llm("Are you there?")
