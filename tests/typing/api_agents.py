"""What a type checker understands of agents, asks, streams and runs, without casts."""

from collections.abc import AsyncIterator
from typing import NoReturn, assert_type

import agentmesh as am


class Question(am.Message):
    """Asked."""

    text: str


class Answer(am.Message):
    """Answered."""

    text: str


class Other(am.Message):
    """Of another kind."""

    number: int


@am.tool(timeout=5)
async def search(query: str) -> list[str]:
    """Search."""
    return [query]


@am.tool
def measure(query: str) -> int:
    """Measure, in a thread."""
    return len(query)


@am.agent(concurrency=2)
class Researcher:
    """Answers."""

    asked: int = 0

    @am.handler
    async def answer(self, question: Question) -> Answer:
        """Answer one."""
        assert_type(await search(question.text), list[str])
        assert_type(await measure(question.text), int)
        return await am.llm(question.text, response_model=Answer)

    @am.handler
    async def items(self, question: Question) -> AsyncIterator[Answer]:
        """Answer in pieces."""
        yield Answer(text=question.text)


@am.agent
async def critique(answer: Answer) -> bool:
    """Judge."""
    return bool(answer.text)


@am.workflow(deadline="10m")
async def main(question: Question) -> Answer:
    """Ask."""
    researcher = am.ref(Researcher, "r1")
    assert_type(researcher, Researcher)
    answer = await researcher.answer(question)
    assert_type(answer, Answer)
    async for item in researcher.items(question):
        assert_type(item, Answer)
    assert_type(await am.ref(critique)(answer), bool)
    assert_type(am.spawn(Researcher, "r2", asked=3), Researcher)
    assert_type(await am.llm("hello"), str)
    assert_type(await am.effect(len, "abc"), int)
    am.tell(researcher.answer, question)
    await am.tell(researcher.answer, question)
    am.publish("topic", question)
    await researcher.answer(Other(number=1))  # type: ignore[arg-type]
    am.tell(researcher.answer, Other(number=1))  # type: ignore[arg-type]
    return answer


@am.tool(idempotent=False)
async def charge(cents: int) -> str:
    """Charge once."""
    assert_type(cents, int)
    return am.idempotency_key()


@am.agent(mailbox=10, overflow="reject")
async def endless(question: Question) -> Answer:
    """Go on and on: nothing follows, so nothing need be returned."""
    assert_type(await charge(1), str)
    if question.text:
        am.continue_with(Question(text=question.text[1:]))
    return Answer(text="")


@am.agent
async def never(answer: Answer) -> NoReturn:
    """Never return."""
    am.continue_with(answer)


@am.workflow
async def without_input() -> int:
    """Need nothing."""
    return 1


def start() -> None:
    """Run."""
    assert_type(am.run(main, Question(text="why")), Answer)
    assert_type(am.run(without_input), int)
    am.run(main, Other(number=1))  # type: ignore[arg-type]
    am.agent(overflow="explode")  # type: ignore[call-overload]
