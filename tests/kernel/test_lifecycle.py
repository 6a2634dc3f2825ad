"""Numbers, lifecycle, time and records of a cell."""

import asyncio
import json

import msgspec
import pytest

from agentmesh.errors import InternalError, JournalVersionError
from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import RULES, Cell
from agentmesh.kernel.envelope import Envelope
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    START,
    Functions,
    ask,
    cell_of,
    delivered,
    effect,
    finished,
    nothing,
    result,
    say,
    sent,
    started,
    stop,
    tell,
)


def test_numbers_of_turns_and_effects_count_from_one() -> None:
    """They are what drivers, journals and viewers call things by."""

    async def handler(cell: Cell) -> None:
        await asyncio.gather(effect(cell, "a"), effect(cell, "b"))
        await effect(cell, "c")

    cell = cell_of(handler)
    first = cell.handle(tell(1))
    assert [(one.turn, one.n, one.name) for one in started(first)] == [(1, 1, "a"), (1, 2, "b")]
    assert cell.handle(finished(first[1])) == []
    (third,) = started(cell.handle(finished(first[0])))
    assert (third.turn, third.n, third.name) == (1, 3, "c")


@pytest.mark.parametrize(
    "event",
    [
        ask(1),
        events.EffectFinished(START, 1, 1, b""),
        events.EffectFailed(START, 1, 1, b"{}"),
        events.EffectStreamed(START, 1, 1, b""),
        events.TimerFired(START, 1, 1),
        events.Cancelled(START, "C/y#1", "cancel"),
        events.Stopped(START, "stop"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_can_happen_before_a_cell_is_started(event: events.Event) -> None:
    """A driver that forgets to start a cell has a bug."""
    with pytest.raises(InternalError, match=f"'new' was given {type(event).__name__}"):
        Cell(Functions({})).handle(event)


@pytest.mark.parametrize("before", [[], [stop()]], ids=["live", "stopped"])
def test_a_cell_is_started_once(before: list[events.Event]) -> None:
    """Also a stopped one stays what it was."""
    cell = cell_of(nothing)
    for event in before:
        cell.handle(event)
    with pytest.raises(InternalError, match="was given Started"):
        cell.handle(events.Started(START, ME, "seed", RULES))


def test_a_record_of_other_scheduling_rules_is_refused() -> None:
    """A replay under other rules would diverge for no fault of the program."""
    with pytest.raises(JournalVersionError, match=f"rules {RULES + 1}; this version knows {RULES}"):
        Cell(Functions({})).handle(events.Started(START, ME, "seed", RULES + 1))


def test_an_envelope_of_an_unknown_kind_is_a_bug() -> None:
    """A newer host may have sent it."""
    with pytest.raises(InternalError, match="kind of envelope: 99"):
        cell_of(nothing).handle(delivered(Envelope(CALLER, 1, ME, 99)))


def test_every_pair_of_the_lifecycle_table_leads_to_a_known_state() -> None:
    """The table is complete for cells that have been started."""
    known = (lifecycle.LIVE, lifecycle.STOPPING, lifecycle.STOPPED)
    anything = [kind for kind in events.Event.__subclasses__() if kind is not events.Started]
    pairs = [(state, kind) for state in known for kind in anything]

    assert set(lifecycle.TRANSITIONS.values()) == set(known)
    assert [pair for pair in pairs if pair not in lifecycle.TRANSITIONS] == []


def test_time_never_runs_backwards_in_a_cell() -> None:
    """The host's clock was set back between two messages."""

    async def handler(cell: Cell) -> int:
        return cell.now - START

    cell = cell_of(handler)
    assert result(cell.handle(ask(1, at=7 * MS))) == 7 * MS
    assert result(cell.handle(ask(2, at=3 * MS))) == 7 * MS


def test_answers_are_numbered_by_the_cell_and_not_by_the_turn() -> None:
    """A message's id is its sender and the sender's own counter."""

    async def handler(cell: Cell) -> None:
        cell.send("B/z", kinds.TELL, turn=cell.current())

    cell = cell_of(handler)
    numbers = [envelope.n for n in (1, 2) for envelope in sent(cell.handle(ask(n)))]

    assert numbers == [1, 2, 3, 4]


def test_a_chunk_is_sent_to_who_asks_and_to_nobody_else() -> None:
    """A stream that was told to run has no listener."""

    async def handler(cell: Cell) -> None:
        cell.send_chunk(cell.current(), "T", b"1")

    assert [envelope.kind for envelope in sent(cell_of(handler).handle(ask(1)))] == [
        kinds.CHUNK,
        kinds.REPLY,
    ]
    assert sent(cell_of(handler).handle(tell(1))) == []


def test_open_messages_can_be_asked_for() -> None:
    """A host sets its alarm clock by them."""

    async def handler(cell: Cell) -> object:
        return await effect(cell)

    cell = cell_of(handler)
    cell.handle(ask(1, deadline=START + 9 * MS))
    cell.handle(ask(2, deadline=START + 5 * MS))
    cell.handle(ask(3))

    assert [cell.is_open(f"C/y#{n}") for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert cell.next_deadline() == START + 5 * MS
    assert cell.overdue(START + 4 * MS) == []
    assert cell.overdue(START + 9 * MS) == ["C/y#1", "C/y#2"]
    assert not cell.idle
    assert cell_of(nothing).next_deadline() == 0


def test_commands_survive_a_journal() -> None:
    """They are plain data: what msgspec writes, it reads back."""

    async def handler(cell: Cell) -> None:
        say(cell, "x")
        await asyncio.sleep(1)
        await effect(cell)

    issued = cell_of(handler).handle(ask(1))
    data = msgspec.msgpack.encode(issued)

    assert msgspec.msgpack.decode(data, type=list[commands.AnyCommand]) == issued
    assert json.loads(msgspec.json.encode(issued))
