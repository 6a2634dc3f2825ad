"""Messages in, turns, answers out: one at a time, several at once, one after the other."""

import asyncio

import pytest

from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    START,
    answer,
    ask,
    cell_of,
    delivered,
    done,
    effect,
    ends,
    failure,
    finished,
    logged,
    nothing,
    question,
    refusal,
    reply,
    result,
    say,
    sent,
    stop,
    tell,
)


def test_an_ask_is_answered_and_ends() -> None:
    """The handler returns at once."""

    async def handler(_cell: Cell) -> str:
        return "hello"

    issued = cell_of(handler).handle(ask(1))

    assert issued == [reply("hello"), done(1)]


def test_nobody_is_told_what_a_tell_returned() -> None:
    """One way is one way."""
    assert cell_of(nothing).handle(tell(1)) == [done(1)]


def test_a_failure_reaches_the_asker_with_its_traceback_as_a_note() -> None:
    """The error travels as data; where it was raised is for people only."""

    async def handler(_cell: Cell) -> None:
        raise ValueError("no such item")

    issued = cell_of(handler).handle(ask(1))
    error = b'{"type": "builtins.ValueError", "what": "no such item"}'
    (answered,) = sent(issued)

    assert (answered.dst, answered.kind, answered.re, answered.payload) == (
        CALLER,
        kinds.FAIL,
        1,
        error,
    )
    assert 'raise ValueError("no such item")' in answered.note
    assert issued[1] == commands.FinishTurn(1, "C/y#1", commands.FAILED, error, answered.note)


def test_a_failed_tell_ends_and_is_recorded() -> None:
    """There is nobody to tell, but the run knows."""

    async def handler(_cell: Cell) -> None:
        raise KeyError("k")

    issued = cell_of(handler).handle(tell(1))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert sent(issued) == []


@pytest.mark.parametrize("error", [SystemExit(3), BaseException("odd"), asyncio.CancelledError()])
def test_no_exception_of_a_handler_escapes_the_cell(error: BaseException) -> None:
    """`sys.exit()` in a handler ends the handler, not the host."""

    async def handler(_cell: Cell) -> None:
        raise error

    issued = cell_of(handler).handle(ask(1))

    assert len(sent(issued, kinds.FAIL)) == len(ends(issued)) == 1


def test_an_interrupt_is_not_the_handlers_to_keep() -> None:
    """A person presses Ctrl-C while a replay runs the handler."""

    async def handler(_cell: Cell) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cell_of(handler).handle(ask(1))


def test_messages_wait_until_the_turn_before_them_has_ended() -> None:
    """One at a time, in order of arrival."""

    async def handler(cell: Cell) -> None:
        say(cell, f"begin {cell.current().message}")
        await effect(cell)

    cell = cell_of(handler)
    first = cell.handle(tell(1))
    assert cell.handle(tell(2)) == []
    assert cell.handle(tell(3)) == []
    assert [waiting.n for waiting in cell.mailbox] == [2, 3]

    second = cell.handle(finished(first[1]))

    assert second[0] == done(1)
    assert logged(second) == ["begin C/y#2"]
    assert ends(cell.handle(finished(second[2]))) == [("C/y#2", commands.DONE)]


def test_concurrent_turns_interleave_where_they_wait() -> None:
    """Two may be open at once, and the later one ends first."""

    async def handler(cell: Cell) -> object:
        return await effect(cell)

    cell = cell_of(handler, concurrency=2)
    one, two = cell.handle(ask(1)), cell.handle(ask(2))
    assert cell.handle(ask(3)) == []

    assert cell.handle(finished(two[0], "second"))[:2] == [
        reply("second", n=1, to=2, turn=2),
        done(2, turn=2),
    ]
    assert cell.handle(finished(one[0], "first")) == [reply("first", n=2, to=1), done(1)]
    assert [turn.number for turn in cell.turns.values()] == [3]


def test_an_ask_waits_for_the_reply() -> None:
    """A asks B, and hands on what B says."""

    async def handler(cell: Cell) -> str:
        return f"B says {await question(cell)}"

    cell = cell_of(handler)
    (asked,) = cell.handle(ask(1, deadline=START + 5 * MS))

    assert asked == commands.Send(
        1,
        Envelope(ME, 1, "B/z", kinds.ASK, "q", "T", b"null", 0, START + 5 * MS, (CALLER, ME)),
    )
    assert cell.handle(answer(asked, "yes")) == [reply("B says yes", n=2), done(1)]


def test_a_remote_failure_is_raised_where_the_ask_waits() -> None:
    """A builtin exception can be caught as what it was."""

    async def handler(cell: Cell) -> str:
        try:
            await question(cell)
        except KeyError as error:
            return f"caught {error}"
        return "nothing raised"

    cell = cell_of(handler)
    (asked,) = cell.handle(ask(1))

    assert result(cell.handle(refusal(asked, KeyError("k")))) == "caught 'k'"


def test_an_answer_to_nobody_is_ignored() -> None:
    """It crossed with the cancellation of the ask, or came twice."""
    cell = cell_of(nothing)
    for kind in (kinds.REPLY, kinds.FAIL, kinds.CHUNK):
        assert cell.handle(delivered(Envelope("B/z", 9, ME, kind, "", "", b"{}", 77))) == []
    assert cell.handle(events.EffectFinished(START, 1, 1, b"{}")) == []
    assert cell.handle(events.EffectFailed(START, 1, 1, b"{}")) == []
    assert cell.handle(events.EffectStreamed(START, 1, 1, b"{}")) == []
    assert cell.handle(events.TimerFired(START, 1, 1)) == []
    assert cell.handle(events.Cancelled(START, "C/y#1", "deadline")) == []


def test_a_message_that_nobody_can_handle_fails() -> None:
    """The instance could not be made; each message says why."""

    def broken(_state: bytes) -> object:
        raise ValueError("no default for name")

    cell = cell_of(nothing, create=broken)
    issued = cell.handle(ask(1))

    assert failure(issued)["what"] == "no default for name"
    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert ends(cell.handle(tell(2))) == [("C/y#2", commands.FAILED)]


def test_the_initial_state_makes_the_instance() -> None:
    """An agent was spawned with state."""

    async def handler(cell: Cell) -> str:
        assert isinstance(cell.instance, dict)
        return str(cell.instance["state"])

    assert result(cell_of(handler, state=b'{"a":1}').handle(ask(1))) == "b'{\"a\":1}'"


def test_a_second_spawn_changes_nothing() -> None:
    """The agent lives already."""
    cell = cell_of(nothing)
    spawn = Envelope(CALLER, 1, ME, kinds.SPAWN, payload=b'{"b":2}')

    assert cell.handle(delivered(spawn)) == []
    assert cell.instance == {"state": b""}


def test_an_agent_that_is_told_to_stop_finishes_its_mailbox_first() -> None:
    """What was accepted is done; what comes later is a dead letter."""

    async def handler(cell: Cell) -> object:
        return await effect(cell)

    cell = cell_of(handler)
    (one,) = cell.handle(ask(1))
    cell.handle(ask(2))
    assert cell.handle(stop()) == []
    assert cell.state == lifecycle.STOPPING
    late = cell.handle(ask(3))
    assert ends(late) == [("C/y#3", commands.DEAD)]
    assert failure(late)["type"] == "agentmesh.errors.AgentStoppedError"

    (_, _, two) = cell.handle(finished(one))
    assert ends(cell.handle(finished(two))) == [("C/y#2", commands.DONE)]
    assert cell.state == lifecycle.STOPPED
    assert ends(cell.handle(tell(4))) == [("C/y#4", commands.DEAD)]


def test_stopping_an_idle_agent_stops_it_at_once() -> None:
    """And once more does no harm."""
    cell = cell_of(nothing)
    assert cell.handle(stop()) == []
    assert cell.state == lifecycle.STOPPED
    assert cell.handle(stop()) == []
    assert cell.state == lifecycle.STOPPED


def test_an_agent_that_is_stopping_still_serves_those_its_own_work_waits_for() -> None:
    """Its last turn asks B, and B asks back: without an answer the turn could not end."""

    async def outer(cell: Cell) -> object:
        return await question(cell)

    async def back(_cell: Cell) -> str:
        return "back"

    cell = cell_of(handlers={"h": outer, "back": back}, reentrant=["back"])
    (asked,) = cell.handle(ask(1))
    cell.handle(stop())

    inner = cell.handle(ask(1, "back", src="B/z", chain=(CALLER, ME, "B/z")))

    assert result(inner) == "back"
    assert result(cell.handle(answer(asked, "done"))) == "done"
    assert cell.state == lifecycle.STOPPED
