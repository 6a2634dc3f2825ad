"""Everything on a host that happens because time passes: timers and deadlines.

One heap and one wake-up of the event loop. What was cancelled stays in the heap
until its time comes and is then ignored: cancelling is a dictionary removal.
"""

import asyncio
import heapq
from collections.abc import Callable

TimerId = tuple[str, int, int]
"""Address, turn, issue number."""


class Alarms:
    """Timers and deadlines of all cells of one host.

    Args:
        loop: The host's loop.
        clock_ns: Wall clock.
        on_timer: Called with a timer whose time has come.
        on_deadline: Called with the address and message whose deadline has passed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock_ns: Callable[[], int],
        on_timer: Callable[[TimerId], None],
        on_deadline: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._clock_ns = clock_ns
        self._on_timer = on_timer
        self._on_deadline = on_deadline
        self._heap: list[tuple[int, int, TimerId | None, str, str]] = []
        self._timers: set[TimerId] = set()
        self._serial = 0
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0

    @property
    def timers(self) -> int:
        """How many timers are set."""
        return len(self._timers)

    def start(self, timer: TimerId, due: int) -> None:
        """Set a timer, due at nanoseconds since the epoch."""
        self._timers.add(timer)
        self._push(due, timer, "", "")

    def cancel(self, timer: TimerId) -> None:
        """Forget a timer."""
        self._timers.discard(timer)

    def watch(self, due: int, address: str, message: str) -> None:
        """Report the message when its deadline passes; the receiver checks whether it is open."""
        self._push(due, None, address, message)

    def _push(self, due: int, timer: TimerId | None, address: str, message: str) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (due, self._serial, timer, address, message))
        if self._wake is None or due < self._wake_at:
            self._schedule(due)

    def _schedule(self, due: int) -> None:
        if self._wake is not None:
            self._wake.cancel()
        delay = max(0.0, (due - self._clock_ns()) / 1e9)
        self._wake_at = due
        self._wake = self._loop.call_later(min(delay, _FAR_SECONDS), self._ring)

    def _ring(self) -> None:
        self._wake = None
        now = self._clock_ns()
        while self._heap and self._heap[0][0] <= now:
            _, _, timer, address, message = heapq.heappop(self._heap)
            if timer is None:
                self._on_deadline(address, message)
            elif timer in self._timers:
                self._timers.discard(timer)
                self._on_timer(timer)
        if self._heap and self._wake is None:
            self._schedule(self._heap[0][0])

    def close(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._timers.clear()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None


_FAR_SECONDS = 3600.0
"""The wall clock may jump: look again at least once an hour."""
