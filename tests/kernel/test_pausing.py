"""A handler that sends in a loop and pauses now and then: what was sent leaves in between."""

import asyncio

from agentmesh.kernel import commands
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.outbox import CROWDED_AT
from tests.kernel.helpers import (
    MS,
    START,
    ask,
    cancel,
    cell_of,
    done,
    effect,
    ends,
    finished,
    fired,
    nothing,
    reply,
    result,
    say,
    sent,
    started,
    tell,
    timers,
)


def send(cell: Cell, times: int) -> None:
    """Send a message that often."""
    for _ in range(times):
        cell.send("B/z", kinds.TELL, handler="h", turn=cell.current())


async def sends(cell: Cell) -> None:
    """Send three times as much as leaves at once, and half of that."""
    for _ in range(3 * CROWDED_AT + CROWDED_AT // 2):
        send(cell, 1)
        if cell.crowded:
            await cell.pause()


def test_what_was_sent_leaves_in_pieces() -> None:
    """Each pause is a timer of no length; it fires in an event of its own."""
    cell = cell_of(sends)
    issued = cell.handle(tell(1))
    sizes = []
    while waits := timers(issued):
        sizes.append(len(sent(issued)))
        assert waits == [commands.StartTimer(1, len(sizes), START)]
        issued = cell.handle(fired(waits[0]))

    assert sizes == [CROWDED_AT] * 3
    assert len(sent(issued)) == CROWDED_AT // 2
    assert issued[-1] == done(1)


def test_it_is_crowded_by_what_the_event_caused_and_by_nothing_else() -> None:
    """One command short of it, it is not; the next event starts with nothing."""

    async def handler(cell: Cell) -> list[bool]:
        send(cell, CROWDED_AT - 1)
        before = cell.crowded
        send(cell, 1)
        full = cell.crowded
        await effect(cell)
        return [before, full, cell.crowded]

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    issued = cell.handle(finished(under_way))

    assert result(issued) == [False, True, False]


def test_messages_come_in_during_a_pause() -> None:
    """The turn goes on after them: an agent with several turns is not blocked by its own loop."""

    async def handler(cell: Cell) -> None:
        await cell.pause()
        say(cell, "went on")

    cell = cell_of(handlers={"h": handler, "n": nothing}, concurrency=2)
    (waits,) = timers(cell.handle(tell(1)))
    assert cell.handle(tell(2, "n")) == [done(2, turn=2)]

    assert ends(cell.handle(fired(waits))) == [("C/y#1", commands.DONE)]


def test_no_logical_time_passes_in_a_pause_of_its_own_accord() -> None:
    """The timer is due at once; when it fires, time is what the driver says."""

    async def handler(cell: Cell) -> list[int]:
        before = cell.now
        await cell.pause()
        return [before - START, cell.now - START]

    cell = cell_of(handler)
    (waits,) = timers(cell.handle(ask(1, at=MS)))
    assert waits.due == START + MS

    assert cell.handle(fired(waits, late=MS)) == [reply([MS, 2 * MS]), done(1)]


def test_a_pause_can_be_cancelled() -> None:
    """The driver need not fire it any more."""

    async def handler(cell: Cell) -> None:
        await cell.pause()

    cell = cell_of(handler)
    (waits,) = timers(cell.handle(ask(1)))
    issued = cell.handle(cancel(1))

    assert commands.CancelTimer(waits.turn, waits.n) in issued
    assert ends(issued) == [("C/y#1", commands.CANCELLED)]
    assert cell.idle


def test_a_pause_that_nobody_waits_for_leaves_no_trace() -> None:
    """It began and ended within one event."""

    async def handler(cell: Cell) -> None:
        task = asyncio.create_task(cell.pause())
        await asyncio.sleep(0)
        task.cancel()

    assert cell_of(handler).handle(ask(1)) == [reply(None), done(1)]
