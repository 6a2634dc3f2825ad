"""`llm`: texts, tools, errors and tokens, against the embedded model server."""

import asyncio
import json

import pytest

from agentmesh.effects.model_loop import llm
from agentmesh.effects.tools import tool
from agentmesh.errors import DeadlineExceededError, ModelAnswerError, UsageError
from agentmesh.kernel.events import EffectFinished
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    ModelServer,
    RateLimited,
    Refusal,
    Rule,
    Script,
    ToolCall,
    ToolCalls,
)

RAN: list[str] = []


@tool
async def weather(city: str) -> str:
    """Tell the weather."""
    RAN.append(city)
    await asyncio.sleep(0)
    return f"sun in {city}"


@tool
def stock(item: str, limit: int = 1) -> dict[str, int]:
    """Count what is there."""
    if item == "nothing":
        raise LookupError("no such item")
    return {item: limit}


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


def test_a_text_for_a_text(converse):
    """The shortest use; the model is the run's."""

    @workflow
    async def asks() -> str:
        return await llm("hello", temperature=0.5, seed=3, system="Be brief.")

    ended, (body,) = converse(asks, Rule(contains="hello", answer="hi"))

    assert ended.result == "hi"
    assert body == {
        "model": "sim-small",
        "temperature": 0.5,
        "seed": 3,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ],
    }


def test_messages_and_options_are_passed_on(converse):
    """What the chat API knows, it gets."""
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]

    @workflow
    async def asks() -> str:
        return await llm(messages, model="sim-large", max_completion_tokens=50)

    _, (body,) = converse(asks)

    assert body["messages"] == messages
    assert (body["model"], body["max_completion_tokens"]) == ("sim-large", 50)


def test_tools_are_called_in_parallel_and_told(converse):
    """Each call is an effect; the model gets the results in the order of its calls."""
    calls = ToolCalls(
        ToolCall("weather", {"city": "Oslo"}),
        ToolCall("stock", {"item": "tea", "limit": 2}),
        ToolCall("weather", {"city": "Rome"}),
    )

    @workflow
    async def asks() -> str:
        return await llm("weather?", tools=[weather, stock])

    ended, (_, second) = converse(
        asks, Rule(contains="weather", answer=calls), Rule(contains="weather", answer="done")
    )

    assert ended.result == "done"
    assert [each["content"] for each in second["messages"] if each["role"] == "tool"] == [
        "sun in Oslo",
        '{"tea":2}',
        "sun in Rome",
    ]
    assert [effect.name for effect in ended.effects[1:4]] == ["weather", "stock", "weather"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (ToolCall("sing", {}), "Error: there is no tool 'sing'; there are: weather, stock."),
        (ToolCall("weather", '{"city": '), "Invalid JSON"),
        (ToolCall("weather", '["Oslo"]'), "one JSON object"),
        (ToolCall("weather", {"town": "Oslo"}), "city: Missing required argument"),
        (ToolCall("stock", {"item": "nothing"}), "LookupError: no such item"),
    ],
)
def test_what_goes_wrong_with_a_call_is_told_to_the_model(converse, call, told):
    """It can correct itself; the program goes on."""

    @workflow
    async def asks() -> str:
        return await llm("go", tools=[weather, stock])

    rules = [Rule(contains="go", answer=Script(ToolCalls(call), "sorry"))]
    ended, (_, second) = converse(asks, *rules)

    assert ended.result == "sorry"
    assert told in second["messages"][-1]["content"]


def test_a_model_that_only_calls_tools_is_given_up(converse):
    """The error says how often, and what it called last."""

    @workflow
    async def asks() -> str:
        return await llm("go", tools=[weather], max_turns=3)

    rules = [
        Rule(contains="go", answer=ToolCalls(ToolCall("weather", {"city": str(n)})))
        for n in range(9)
    ]
    ended, bodies = converse(asks, *rules)

    with pytest.raises(ModelAnswerError, match=r"still called tools in turn 3: weather\(.*max_t"):
        _ = ended.result
    assert len(bodies) == 3


def test_a_refusal_is_an_error(converse):
    """Both for texts and for forms."""

    @workflow
    async def asks() -> str:
        return await llm("go")

    ended, _ = converse(asks, Rule(contains="go", answer=Refusal("I can't help with that")))

    with pytest.raises(ModelAnswerError, match="declined to answer: I can't help with that"):
        _ = ended.result


def test_the_tokens_of_every_call_are_in_the_journal(converse):
    """Retries and tool turns included: whoever counts, counts the recorded bodies."""

    @workflow
    async def asks() -> str:
        return await llm("go", tools=[weather])

    ended, bodies = converse(
        asks,
        Rule(contains="go", answer=RateLimited(retry_after_seconds=0.01), nth=1),
        Rule(contains="go", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
        Rule(contains="go", answer="done"),
    )
    results = [json.loads(event.result) for event in ended.of(EffectFinished)]
    bodies_got = [result.get("json", {}) for result in results if isinstance(result, dict)]
    usages = [body["usage"] for body in bodies_got if "usage" in body]

    assert len(bodies) == 3
    assert len(usages) == 2
    assert all(usage["total_tokens"] > 0 for usage in usages)


def test_texts_that_cannot_be_sent_are_repaired(converse):
    """Half of a surrogate pair, from another model's answer, would break the request."""

    @workflow
    async def asks() -> str:
        return await llm("a\ud800b")

    _, (body,) = converse(asks)

    assert body["messages"][0]["content"] == "a\ufffdb"


def test_a_deadline_is_not_told_to_the_model(converse):
    """It is the program's, and it is over."""

    @tool
    async def endless() -> str:
        await asyncio.sleep(60)
        return ""

    @workflow
    async def asks() -> str:
        return await llm("go", tools=[endless])

    ended, bodies = converse(
        asks, Rule(contains="go", answer=ToolCalls(ToolCall("endless", {}))), deadline_seconds=1.0
    )

    with pytest.raises(DeadlineExceededError):
        _ = ended.result
    assert len(bodies) == 1


def test_outside_a_run_it_just_asks(monkeypatch):
    """In a script, or a tool; nothing is recorded there."""
    rules = [
        Rule(contains="go", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
        Rule(contains="go", answer="done"),
    ]
    with ModelServer(rules=rules) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        text = asyncio.run(llm("go", model="sim-small", tools=[weather]))

    assert text == "done"
    assert RAN == ["Oslo"]


async def _plain(city: str) -> str:
    return city


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"prompt": []}, "got no messages"),
        ({"prompt": ["hello"]}, "Write messages as"),
        ({"prompt": "x", "tools": [_plain]}, "Put @am.tool above it"),
        ({"prompt": "x", "tools": [weather, weather]}, "two tools called 'weather'"),
        ({"prompt": "x", "response_model": list[str]}, "no pydantic model"),
        ({"prompt": "x", "max_turns": 0}, "max_turns=0"),
    ],
)
def test_arguments_that_cannot_work_are_refused_with_the_fix(monkeypatch, arguments, what):
    """Before anything is asked."""
    monkeypatch.setenv("OPENAI_MODEL", "m")
    prompt = arguments.pop("prompt")

    with pytest.raises(UsageError, match=what):
        asyncio.run(llm(prompt, **arguments))


def test_without_a_model_the_error_says_what_to_set():
    """No default of ours could be right for somebody's server."""
    with pytest.raises(UsageError, match="no OPENAI_MODEL"):
        asyncio.run(llm("x"))
