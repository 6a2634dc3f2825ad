"""An agent type as the kernel sees it: what reaches the handler, and what comes back."""

import asyncio
import json
from typing import Any

import pytest

from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import Envelope
from tests.kernel.helpers import answer as answered
from tests.kernel.helpers import chunk, ends, failure, refusal, result, sent
from tests.sdk.shop import START, Shop, asked, cell_of, handle


def test_a_reply_names_its_type() -> None:
    """The asker decodes it by that."""
    issued = handle("sell", b'{"name":"a"}', "Item")
    (reply,) = sent(issued, kinds.REPLY)

    assert (reply.type, reply.payload) == ("Item", b'{"name":"a"}')


def test_a_union_is_decoded_by_the_name_of_the_type() -> None:
    """Both would fit the JSON."""
    assert result(handle("either", b'{"name":"a"}', "Item")) == "Item"
    assert result(handle("either", b'{"name":"a"}', "Box")) == "Box"


def test_the_reply_to_an_ask_is_decoded_by_the_name_of_its_type() -> None:
    """Both would fit the JSON."""
    for name in ("Box", "Item"):
        cell = cell_of("Shop/s")
        (question,) = cell.handle(asked("relay", b'{"name":"a"}', "Item"))
        assert isinstance(question, commands.Send)
        reply = Envelope("Shop/other", 1, "Shop/s", kinds.REPLY, "", name, b'{"name":"a"}', 1)
        assert result(cell.handle(events.Delivered(START, reply))) == name


@pytest.mark.parametrize(
    ("payload", "type_", "said"),
    [
        (b'{"nam":"a"}', "Item", "Shop.sell got an invalid Item from C/y: nam: Extra inputs"),
        (b'{"name":1}', "Item", "name: Input should be a valid string (got 1)"),
        (b'{"name":"a"}', "Box", "Shop.sell got a Box from C/y; it takes Item."),
        (b'{"name":"a"}', "Special", "it takes Item"),
        (b"null", "", "got a message without type"),
        (b"{", "Item", "invalid Item"),
    ],
)
def test_a_message_that_does_not_fit_is_refused(payload: bytes, type_: str, said: str) -> None:
    """Which field, of which message, for which handler, from whom."""
    told = failure(handle("sell", payload, type_))

    assert told["type"] == "agentmesh.errors.InvalidMessageError"
    assert said in told["what"]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("wrong", "Shop.wrong returned Special, but declares `-> Item`: subclasses"),
        ("liar", "Shop.liar returned Item, but declares `-> int`: "),
    ],
)
def test_a_reply_that_does_not_fit_is_refused(handler: str, said: str) -> None:
    """Where it is returned, and not only where it arrives."""
    told = failure(handle(handler, b'{"name":"a"}', "Item"))

    assert told["type"] == "agentmesh.errors.InvalidMessageError"
    assert said in told["what"]


def test_nothing_is_a_reply_too() -> None:
    """Declared so, or as one possibility."""
    assert result(handle("nothing")) is None
    assert result(handle("maybe", b"{}", "Item")) is None
    assert result(handle("maybe", b'{"name":"a"}', "Item")) == {"name": "a"}


def test_an_agent_that_is_a_function_handles_by_its_name() -> None:
    """It has neither state nor other handlers."""
    cell = cell_of("double/d")
    issued = cell.handle(asked("double", b'{"name":"ab"}', "Item", agent="double/d"))

    assert result(issued) == "abab"
    assert cell.instance is None


def test_a_stream_that_yields_something_else_ends_with_an_error() -> None:
    """After the pieces that were right."""
    issued = handle("each", b'{"name":"abc"}', "Item")

    assert [each.kind for each in sent(issued)] == [kinds.CHUNK, kinds.CHUNK, kinds.FAIL]
    assert "Shop.each returned Special" in failure(issued)["what"]
    assert ends(issued) == [("C/y#1", commands.FAILED)]


def test_a_stream_is_read_and_broken_off() -> None:
    """The other shop is told at once."""
    cell = cell_of("Shop/s")
    (question,) = cell.handle(asked("stream", b'{"name":"abc"}', "Item"))
    cell.handle(chunk(question, {"name": "a"}))
    issued = cell.handle(chunk(question, {"name": "b"}))

    assert result(issued) == ["a", "b"]
    assert [each.dst for each in sent(issued, kinds.CANCEL)] == ["Shop/other"]


def test_a_stream_that_fails_half_way_raises_where_it_is_read() -> None:
    """As the exception it was."""
    cell = cell_of("Shop/s")
    (question,) = cell.handle(asked("stream", b'{"name":"abc"}', "Item"))
    cell.handle(chunk(question, {"name": "a"}))

    assert failure(cell.handle(refusal(question, ValueError("broke"))))["what"] == "broke"


def test_an_answer_that_does_not_fit_is_refused_where_it_arrives() -> None:
    """The other host runs another version of the program."""
    cell = cell_of("Shop/s")
    (question,) = cell.handle(asked("relay", b'{"name":"a"}', "Item"))
    told = failure(cell.handle(answered(question, {"colour": "red"})))

    assert "Shop/other answered swap with something that is not Item | Box" in told["what"]


def test_news_go_to_all_who_subscribed_in_the_order_of_their_names() -> None:
    """Whatever the order of their definition; each handler gets its own message."""
    receivers = [(each.dst, each.handler) for each in sent(handle("told", b"{}", "Item"))][:5]

    assert receivers == [
        ("Shop/other", "sell"),
        ("Shop/other", "nothing"),
        ("Alpha/k", "also"),
        ("Alpha/k", "hear"),
        ("aardvark/k", "hear"),
    ]


def test_a_log_line_shows_types_instead_of_addresses() -> None:
    """Where an object lies in memory differs between a run and its replay."""
    (line,) = [command for command in handle("logged") if isinstance(command, commands.Log)]

    assert json.loads(line.fields) == {"lock": "<Lock>", "items": ["a"]}


def test_sleeping_for_no_time_is_allowed() -> None:
    """As with asyncio: others run first."""
    assert result(handle("rested")) is None


def test_a_handler_may_know_its_message() -> None:
    """In whole microseconds, without the rounding of floats."""
    deadline = START + 2_500_000_000

    assert result(handle("context", deadline=deadline)) == [
        "Shop/s",
        "s",
        "C/y",
        "C/y#1",
        1,
        "2023-11-14T22:13:22.500000+00:00",
        2.5,
        "2023-11-14T22:13:20+00:00",
    ]
    assert result(handle("context"))[5:7] == [None, None]


def test_an_opaque_handler_is_one_effect_whose_request_holds_no_secret() -> None:
    """State and message go in as JSON, state and reply come back."""
    cell = cell_of("Shop/s")
    (effect,) = cell.handle(asked("hide", b'{"word":"am-secret:hush"}', "Hidden"))
    assert isinstance(effect, commands.StartEffect)
    assert (effect.kind, effect.name) == ("opaque", "Shop.hide")
    assert json.loads(effect.request) == {
        "handler": "hide",
        "message": {"word": "[redacted]"},
        "state": {"sold": 0, "names": []},
    }

    perform = cell.take_performer(effect.turn, effect.n)
    outcome = asyncio.run(_perform(perform))
    finished = events.EffectFinished(START, effect.turn, effect.n, outcome)
    assert result(cell.handle(finished)) == "hush"
    assert isinstance(cell.instance, Shop)
    assert cell.instance.names == ["hush"]


async def _perform(perform: Any) -> bytes:
    data: bytes = await perform(lambda _piece: None)
    return data


def test_an_agent_type_that_does_not_exist_fails_each_message() -> None:
    """There is a behaviour for that, too."""
    cell = cell_of("Nobody/n")
    told = failure(cell.handle(asked("x", agent="Nobody/n")))

    assert told["type"] == "agentmesh.errors.UnknownAgentError"
