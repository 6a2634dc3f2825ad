"""Tools and conversations: what a simulated model answers, turn after turn."""

import json
from collections.abc import Iterator

import pytest
from openai.types.chat import (
    ChatCompletionAllowedToolChoiceParam,
    ChatCompletionMessageParam,
    ChatCompletionNamedToolChoiceParam,
    ChatCompletionToolChoiceOptionParam,
)

from agentmesh.testing.models import ModelServer, Rule, Script, Template, ToolCall, ToolCalls
from tests.testing.models.helpers import CLOCK, WEATHER, client, content, said, told


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A server without rules."""
    with ModelServer(seed=7) as running:
        yield running


def test_offered_tools_are_called_once_and_their_results_summed_up(server: ModelServer) -> None:
    """The whole round trip of a tool, without any rule."""
    with client(server) as opened:
        first = opened.chat.completions.create(
            model="sim-small", messages=said("How is Oslo?"), tools=[WEATHER]
        )
        (call,) = first.choices[0].message.tool_calls or []
        assert call.type == "function"
        history: list[ChatCompletionMessageParam] = [
            *said("How is Oslo?"),
            *told(call, "rain"),
        ]
        second = opened.chat.completions.create(
            model="sim-small", messages=history, tools=[WEATHER]
        )

    arguments = json.loads(call.function.arguments)
    assert first.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "weather"
    assert isinstance(arguments["city"], str)
    assert arguments["days"] >= 1
    assert content(second) == "Simulated answer to: How is Oslo? (weather said rain)"


def test_parallel_calls_stream_piece_by_piece() -> None:
    """Clients put streamed calls together by their index."""
    calls = ToolCalls(ToolCall("weather", {"city": "Oslo", "days": 2}), "clock", text="One moment.")
    with (
        ModelServer(rules=[Rule(answer=calls)]) as server,
        client(server) as opened,
        opened.chat.completions.stream(
            model="sim-small", messages=said("Both, please"), tools=[WEATHER, CLOCK]
        ) as stream,
    ):
        answer = stream.get_final_completion()

    made = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in made] == ["weather", "clock"]
    assert json.loads(made[0].function.arguments or "") == {"city": "Oslo", "days": 2}
    assert made[1].function.arguments == "{}"
    assert made[0].id != made[1].id
    assert answer.choices[0].message.content == "One moment."


def test_one_call_is_kept_where_parallel_calls_are_switched_off() -> None:
    """`parallel_tool_calls=False` is a promise of the API."""
    with (
        ModelServer(rules=[Rule(answer=ToolCalls("weather", "clock"))]) as server,
        client(server) as opened,
    ):
        answer = opened.chat.completions.create(
            model="sim-small",
            messages=said("Both, please"),
            tools=[WEATHER, CLOCK],
            parallel_tool_calls=False,
        )

    assert len(answer.choices[0].message.tool_calls or []) == 1


def test_a_tool_choice_is_followed(server: ModelServer) -> None:
    """None, any, or exactly the one that is named."""
    with client(server) as opened:

        def called(choice: ChatCompletionToolChoiceOptionParam) -> list[str]:
            answer = opened.chat.completions.create(
                model="sim-small",
                messages=said("What time is it?"),
                tools=[WEATHER, CLOCK],
                tool_choice=choice,
            )
            made = answer.choices[0].message.tool_calls or []
            return [call.function.name for call in made if call.type == "function"]

        named: ChatCompletionNamedToolChoiceParam = {
            "type": "function",
            "function": {"name": "clock"},
        }
        allowed: ChatCompletionAllowedToolChoiceParam = {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [dict(named)]},
        }
        assert called("none") == []
        assert called("auto") == ["weather"]
        assert called("required") == ["weather"]
        assert called(named) == ["clock"]
        assert called(allowed) == ["clock"]


def test_rules_in_a_row_make_a_conversation_with_tools() -> None:
    """A call whose result is there is not made again: the next rule has its turn."""
    rules = [
        Rule(contains="trip", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
        Rule(contains="trip", answer=ToolCalls(ToolCall("clock"))),
        Rule(contains="trip", answer=Template("Pack for $last_result.")),
    ]
    names = []
    with ModelServer(rules=rules) as server, client(server) as opened:
        messages: list[ChatCompletionMessageParam] = said("Plan a trip")
        for result in ("rain", "noon"):
            answer = opened.chat.completions.create(
                model="sim-small", messages=messages, tools=[WEATHER, CLOCK]
            )
            (call,) = answer.choices[0].message.tool_calls or []
            assert call.type == "function"
            names.append(call.function.name)
            messages = [*messages, *told(call, result)]
        last = opened.chat.completions.create(
            model="sim-small", messages=messages, tools=[WEATHER, CLOCK]
        )

    assert names == ["weather", "clock"]
    assert content(last) == "Pack for noon."


def test_a_script_follows_each_conversation_by_itself() -> None:
    """Two conversations at once read the same script, each at its own place."""
    with (
        ModelServer(rules=[Rule(answer=Script("first", "second"))], default="end") as server,
        client(server) as opened,
    ):

        def answer(*so_far: str) -> str:
            history: list[ChatCompletionMessageParam] = said("go")
            for text in so_far:
                history += [{"role": "assistant", "content": text}, *said("and then?")]
            return content(opened.chat.completions.create(model="sim-small", messages=history))

        heard = [answer(), answer("first"), answer(), answer("first", "second")]

    assert heard == ["first", "second", "first", "end"]
