"""`llm` with a response model: schemas, checks, corrections."""

from typing import assert_type

import pytest
from pydantic import BaseModel, Field

from agentmesh.effects.model_loop import llm
from agentmesh.effects.tools import tool
from agentmesh.errors import ModelAnswerError
from agentmesh.sdk.message import Message
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    Json,
    Rule,
    Script,
    Text,
    ToolCall,
    ToolCalls,
)


class Answer(Message):
    text: str
    stars: int = Field(ge=1, le=5)
    sources: tuple[str, ...] = ()


class Nested(BaseModel):
    best: Answer
    others: list[Answer] | None = None


@tool
async def weather(city: str) -> str:
    """Tell the weather."""
    return f"sun in {city}"


def test_a_response_model_comes_back_as_its_instance(converse):
    """The provider gets the schema; the program gets an object."""

    @workflow
    async def asks() -> int:
        answer = await llm("rate", response_model=Answer)
        assert_type(answer, Answer)
        return answer.stars

    ended, (body,) = converse(asks, Rule(contains="rate", answer={"text": "t", "stars": 4}))
    form = body["response_format"]["json_schema"]

    assert ended.result == 4
    assert (form["name"], form["strict"]) == ("Answer", True)
    assert form["schema"]["required"] == ["text", "stars", "sources"]
    assert form["schema"]["additionalProperties"] is False


def test_nested_forms_are_strict_too(converse):
    """References and options are closed as well."""

    @workflow
    async def asks() -> str:
        return (await llm("rate", response_model=Nested)).best.text

    answer = {"best": {"text": "a", "stars": 1, "sources": []}, "others": None}
    ended, (body,) = converse(asks, Rule(contains="rate", answer=Json(answer)))
    schema = body["response_format"]["json_schema"]["schema"]

    assert ended.result == "a"
    assert schema["$defs"]["Answer"]["additionalProperties"] is False
    assert schema["required"] == ["best", "others"]


def test_a_form_that_strict_providers_do_not_know_is_only_checked(converse):
    """A mapping with keys of its own choice, say."""

    class Loose(BaseModel):
        scores: dict[str, int]

    @workflow
    async def asks() -> int:
        return (await llm("rate", response_model=Loose)).scores["a"]

    ended, (body,) = converse(asks, Rule(contains="rate", answer={"scores": {"a": 3}}))

    assert ended.result == 3
    assert body["response_format"]["json_schema"]["strict"] is False


def test_an_answer_that_does_not_fit_is_corrected(converse):
    """The model is told what is wrong, and may try again."""

    @workflow
    async def asks() -> int:
        return (await llm("rate", response_model=Answer)).stars

    replies = Script('{"text": "t", "stars": 9}', '```json\n{"text": "t", "stars": 5}\n```')
    ended, (_, second) = converse(asks, Rule(pattern="rate|fit", answer=replies))

    assert ended.result == 5
    assert second["messages"][-2] == {"role": "assistant", "content": '{"text": "t", "stars": 9}'}
    assert "stars: Input should be less than or equal to 5" in second["messages"][-1]["content"]


def test_an_answer_that_never_fits_is_an_error(converse):
    """It shows what was wrong and what was written."""

    @workflow
    async def asks() -> int:
        return (await llm("rate", response_model=Answer)).stars

    ended, bodies = converse(asks, Rule(pattern="rate|fit", answer="I would rather not use JSON"))

    with pytest.raises(ModelAnswerError) as caught:
        _ = ended.result
    assert "no valid Answer" in str(caught.value)
    assert "It wrote: I would rather not use JSON" in str(caught.value)
    assert len(bodies) == 3


def test_an_answer_that_is_cut_off_is_not_repeated(converse):
    """It would be cut off again."""

    @workflow
    async def asks() -> int:
        return (await llm("rate", response_model=Answer)).stars

    ended, bodies = converse(
        asks, Rule(contains="rate", answer=Text('{"te', finish_reason="length"))
    )

    with pytest.raises(
        ModelAnswerError, match=r"cut off at its token limit.*max_completion_tokens"
    ):
        _ = ended.result
    assert len(bodies) == 1


def test_tools_and_a_form_together(converse):
    """First the tools, then the answer in its form."""

    @workflow
    async def asks() -> str:
        return (await llm("go", tools=[weather], response_model=Answer)).text

    ended, bodies = converse(
        asks,
        Rule(contains="go", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
        Rule(contains="go", answer={"text": "sunny", "stars": 5}),
    )

    assert ended.result == "sunny"
    assert len(bodies) == 2
