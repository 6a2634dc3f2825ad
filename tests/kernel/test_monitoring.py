"""Who is told when an agent stops."""

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervision import STOP, Policy
from tests.kernel.failing import down, fails, monitor, supervised
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    START,
    ask,
    cell_of,
    delivered,
    effect,
    sent,
    stop,
    tell,
)


def test_a_monitor_is_told_when_an_agent_was_asked_to_stop() -> None:
    """It keeps nothing open until then."""
    cell = cell_of()
    assert cell.handle(monitor()) == []
    assert cell.idle

    issued = cell.handle(stop(at=MS))
    assert down(issued) == [(CALLER, 50, {"reason": "asked", "error": None, "at": START + MS})]


def test_who_asks_an_agent_that_has_stopped_is_told_at_once() -> None:
    """With the time at which it stopped."""
    cell = cell_of()
    cell.handle(stop(at=MS))

    told = down(cell.handle(monitor(at=9 * MS)))
    assert told == [(CALLER, 50, {"reason": "asked", "error": None, "at": START + MS})]


def test_a_monitor_is_told_when_the_run_ends_the_agent() -> None:
    """Open work was cancelled with it."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    cell = cell_of(waits)
    cell.handle(monitor())
    cell.handle(tell(1))

    ((_, _, said),) = down(cell.handle(events.Stopped(START, "stop")))
    assert said["reason"] == "ended"


def test_a_monitor_waits_through_restarts() -> None:
    """A restart is not the end of an agent."""
    cell = supervised(fails, Policy(intensity=1, then=STOP))
    cell.handle(monitor())

    assert down(cell.handle(tell(1))) == []
    ((_, _, said),) = down(cell.handle(tell(2)))
    assert said["reason"] == "failed"


def test_a_monitor_that_is_withdrawn_is_not_told() -> None:
    """Another one of the same agent is."""
    cell = cell_of()
    cell.handle(monitor(50))
    cell.handle(monitor(51))
    cell.handle(delivered(Envelope(CALLER, 60, ME, kinds.CANCEL, re=50)))

    assert [re for _, re, _ in down(cell.handle(stop()))] == [51]


def test_who_stops_waiting_withdraws_the_monitor() -> None:
    """Because the handler ended, its deadline passed, or it was cancelled."""

    async def watches(cell: Cell) -> None:
        await cell.monitor("B/z").future

    cell = cell_of(watches)
    (asked,) = sent(cell.handle(ask(1, deadline=START + MS)))
    assert (asked.kind, asked.dst, asked.deadline) == (kinds.MONITOR, "B/z", START + MS)

    issued = cell.handle(events.Cancelled(START + MS, "C/y#1", "deadline"))
    (withdrawn,) = sent(issued, kinds.CANCEL)
    assert (withdrawn.dst, withdrawn.re) == ("B/z", asked.n)
