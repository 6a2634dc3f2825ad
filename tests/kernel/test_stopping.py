"""How a cell ends, and everything in it with it."""

import asyncio

from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from tests.kernel.helpers import (
    MS,
    START,
    answer,
    ask,
    cancel,
    cell_of,
    effect,
    ends,
    expired,
    finished,
    fired,
    question,
    say,
    sent,
    start,
    started,
    stop,
    tell,
    timers,
    waits,
)

# --- cancelled ------------------------------------------------------------------------------------


def test_a_stopped_cell_ends_everything() -> None:
    """The run is over: open turns, the mailbox, and what they wait for."""
    cell = cell_of(waits)
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(ask(2))
    issued = cell.handle(events.Stopped(START, "stop"))

    assert ends(issued) == [("C/y#2", commands.DEAD), ("C/y#1", commands.CANCELLED)]
    assert commands.CancelEffect(1, under_way.n) in issued
    assert cell.state == lifecycle.STOPPED
    assert cell.idle
    assert ends(cell.handle(tell(3))) == [("C/y#3", commands.DEAD)]


def test_a_stopped_cell_does_not_wait_for_those_who_will_not_end() -> None:
    """One swallows the cancellation, one cleans up at length, one has left a task behind."""

    async def stubborn(cell: Cell) -> object:
        while True:
            try:
                await effect(cell)
            except asyncio.CancelledError:
                say(cell, "no")

    async def careful(cell: Cell) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            say(cell, "cleaning")
            await question(cell)

    async def careless(cell: Cell) -> None:
        cell.run = asyncio.create_task(stubborn(cell))
        await asyncio.sleep(0)

    handlers = {"stubborn": stubborn, "careful": careful, "careless": careless}
    cell = cell_of(handlers=handlers, concurrency=3)
    for number, name in enumerate(handlers, 1):
        cell.handle(ask(number, name))
    issued = cell.handle(events.Stopped(START, "stop"))

    assert sorted(ends(issued)) == [
        ("C/y#1", commands.CANCELLED),
        ("C/y#2", commands.CANCELLED),
    ]
    assert [envelope.dst for envelope in sent(issued, kinds.CANCEL)] == ["B/z"]
    begun = [(one.turn, one.n) for one in started(issued)]
    taken_back = [(c.turn, c.n) for c in issued if isinstance(c, commands.CancelEffect)]
    assert {*begun} <= {*taken_back}
    assert cell.idle
    assert cell.handle(events.Stopped(START, "stop")) == []


def test_letting_go_of_a_cell_ends_its_work_without_a_trace() -> None:
    """A replay is over, or a host closes: nothing may run later, out of any event."""
    seen: list[str] = []

    async def handler(cell: Cell) -> None:
        try:
            await effect(cell)
        finally:
            seen.append("finally")
            say(cell, "nobody hears this")

    cell = cell_of(handler)
    cell.handle(ask(1))
    cell.close()

    assert seen == ["finally"]
    assert cell.idle
    cell.close()


def test_a_stop_and_a_deadline_together_end_a_message_once() -> None:
    """Whichever came first is what is told."""

    async def handler(cell: Cell) -> None:
        try:
            await effect(cell)
        finally:
            await effect(cell, "clean up")

    cell = cell_of(handler)
    cell.handle(ask(1, deadline=START + 5 * MS))
    first = cell.handle(expired(at=5 * MS))
    assert ends(first) == [("C/y#1", commands.EXPIRED)]  # nor is the clean-up's effect begun
    assert cell.handle(events.Stopped(START, "stop")) == []


def test_stopping_during_clean_up_ends_the_message_once() -> None:
    """It was cancelled, and is still cleaning up when the run ends."""

    async def handler(cell: Cell) -> None:
        try:
            await effect(cell)
        finally:
            await effect(cell, "clean up")

    cell = cell_of(handler)
    cell.handle(ask(1))
    assert ends(cell.handle(cancel(1))) == []
    assert ends(cell.handle(events.Stopped(START, "stop"))) == [("C/y#1", commands.CANCELLED)]


def test_an_agent_asked_to_stop_waits_for_what_its_turns_left_behind() -> None:
    """A task of the last turn still cleans up."""

    async def left(cell: Cell) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await effect(cell, "clean up")

    async def handler(cell: Cell) -> None:
        cell.run = asyncio.create_task(left(cell))
        await asyncio.sleep(0)

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    cell.handle(stop())
    assert cell.state == lifecycle.STOPPING
    assert not cell.idle
    cell.handle(finished(started(issued)[0]))
    assert cell.state == lifecycle.STOPPED


def test_answers_and_timers_after_the_end_are_ignored() -> None:
    """They were on their way when the cell was stopped."""

    async def handler(cell: Cell) -> None:
        start(cell)
        await asyncio.gather(asyncio.sleep(1), question(cell))

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    cell.handle(events.Stopped(START, "stop"))

    assert cell.handle(finished(started(issued)[0])) == []
    assert cell.handle(fired(timers(issued)[0])) == []
    assert cell.handle(answer(issued[-1])) == []
