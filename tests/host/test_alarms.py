"""Timers and deadlines of a host, on a clock that the test moves."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from agentmesh.host.alarms import Alarms

START = 1_000_000_000_000
MS = 1_000_000


class SteppedLoop:
    """Remembers the one wake-up that is set."""

    def __init__(self) -> None:
        self.delay: float | None = None
        self._wake: Callable[[], None] | None = None
        self.scheduled = 0

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        self.delay, self._wake = delay, callback
        self.scheduled += 1
        return self

    def cancel(self) -> None:
        self.delay = self._wake = None

    def ring(self) -> None:
        wake, self._wake, self.delay = self._wake, None, None
        assert wake is not None
        wake()


class Clocked:
    """Alarms with everything around them in the test's hand."""

    def __init__(self) -> None:
        self.now = START
        self.loop = SteppedLoop()
        self.rang: list[object] = []
        loop: Any = self.loop
        self.alarms = Alarms(loop, lambda: self.now, self.rang.append, self.rang.append)

    def advance(self, ms: int) -> list[object]:
        """Let time pass; return what rang."""
        self.now += ms * MS
        self.rang.clear()
        if self.loop.delay is not None:
            self.loop.ring()
        return list(self.rang)


@pytest.fixture
def clocked() -> Clocked:
    return Clocked()


def at(ms: int) -> int:
    return START + ms * MS


def test_timers_ring_in_order_of_their_times(clocked: Clocked) -> None:
    """Whatever the order in which they were set; equal ones in that order."""
    for ms, n in ((30, 1), (10, 2), (20, 3), (10, 4)):
        clocked.alarms.start(("A/x", 1, n), at(ms))

    assert clocked.loop.delay == pytest.approx(0.01)
    assert clocked.advance(10) == [("A/x", 1, 2), ("A/x", 1, 4)]
    assert clocked.advance(25) == [("A/x", 1, 3), ("A/x", 1, 1)]
    assert clocked.alarms.timers == len(clocked.alarms) == 0


def test_a_cancelled_timer_does_not_ring(clocked: Clocked) -> None:
    """Cancelling one that has rung does nothing."""
    clocked.alarms.start(("A/x", 1, 1), at(10))
    clocked.alarms.start(("A/x", 1, 2), at(10))
    clocked.alarms.cancel(("A/x", 1, 1))

    assert clocked.advance(10) == [("A/x", 1, 2)]
    clocked.alarms.cancel(("A/x", 1, 2))
    assert clocked.advance(10) == []


def test_an_agent_is_reported_at_its_earliest_deadline_only(clocked: Clocked) -> None:
    """It knows itself what is late, and what to watch for next."""
    clocked.alarms.watch(at(20), "A/x")
    for _ in range(1_000):
        clocked.alarms.watch(at(20), "A/x")
    clocked.alarms.watch(at(10), "A/x")
    clocked.alarms.watch(at(15), "B/y")

    assert len(clocked.alarms) == 3
    assert clocked.advance(10) == ["A/x"]
    assert clocked.advance(5) == ["B/y"]
    assert clocked.advance(5) == []
    clocked.alarms.watch(at(30), "A/x")
    assert clocked.advance(10) == ["A/x"]


def test_cancelled_timers_do_not_pile_up(clocked: Clocked) -> None:
    """A timeout of a minute around each of a million short calls."""
    clocked.alarms.start(("A/x", 0, 0), at(5))
    for n in range(1, 5_000):
        clocked.alarms.start(("A/x", 1, n), at(60_000))
        clocked.alarms.cancel(("A/x", 1, n))

    assert len(clocked.alarms) < 600
    assert clocked.advance(5) == [("A/x", 0, 0)]


def test_the_loop_is_woken_for_the_next_alarm_and_not_more_often(clocked: Clocked) -> None:
    """Later ones do not move the wake-up; a jump of the wall clock is noticed within an hour."""
    clocked.alarms.start(("A/x", 1, 1), at(10_000_000))
    assert clocked.loop.delay == 3600
    clocked.alarms.start(("A/x", 1, 2), at(20))
    clocked.alarms.start(("A/x", 1, 3), at(30))
    assert clocked.loop.scheduled == 2
    assert clocked.loop.delay == pytest.approx(0.02)


def test_a_timer_in_the_past_rings_at_once(clocked: Clocked) -> None:
    """The loop is asked for no negative delay."""
    clocked.alarms.start(("A/x", 1, 1), at(-5))
    assert clocked.loop.delay == 0
    assert clocked.advance(0) == [("A/x", 1, 1)]


def test_closed_alarms_never_ring(clocked: Clocked) -> None:
    """The host is gone."""
    clocked.alarms.start(("A/x", 1, 1), at(5))
    clocked.alarms.watch(at(5), "A/x")
    clocked.alarms.close()
    assert clocked.advance(10) == []


def test_on_a_real_loop_it_rings() -> None:
    """Once, with the real clock."""

    async def body() -> list[object]:
        rang: list[object] = []
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def ring(timer: object) -> None:
            rang.append(timer)
            done.set_result(None)

        alarms = Alarms(loop, time.time_ns, ring, rang.append)
        alarms.start(("A/x", 1, 1), time.time_ns() + 2 * MS)
        await asyncio.wait_for(done, 10)
        alarms.close()
        return rang

    assert asyncio.run(body()) == [("A/x", 1, 1)]
