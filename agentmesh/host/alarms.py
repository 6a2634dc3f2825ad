"""Everything on a host that happens because time passes: timers and deadlines.

One heap and one wake-up of the event loop. What was cancelled stays in the heap until
its time comes, or until most of the heap is like that: cancelling is a dictionary removal.
Of all messages open in one agent only the earliest deadline is in the heap: nearly
all messages of a run have the same, and there may be millions of them.
"""

import asyncio
import heapq
from collections.abc import Callable

TimerId = tuple[str, int, int]
"""Address, turn, issue number."""

_FAR_SECONDS = 3600.0
"""The wall clock may jump: look again at least once an hour."""

_SMALL = 256
"""Entries that are not worth tidying up."""


class Alarms:
    """Timers and deadlines of all cells of one host.

    Args:
        loop: The host's loop.
        clock_ns: Wall clock.
        on_timer: Called with a timer whose time has come.
        on_deadline: Called with the address of an agent that was watched until now.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock_ns: Callable[[], int],
        on_timer: Callable[[TimerId], None],
        on_deadline: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._clock_ns = clock_ns
        self._on_timer = on_timer
        self._on_deadline = on_deadline
        self._heap: list[tuple[int, int, TimerId | None, str]] = []
        self._timers: dict[TimerId, int] = {}  # set, and when each is due
        self._watched: dict[str, int] = {}  # agents, and the deadline each is watched for
        self._serial = 0  # keeps equal times in order
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0

    def __len__(self) -> int:
        """Return how many entries there are, cancelled ones included."""
        return len(self._heap)

    @property
    def timers(self) -> int:
        """How many timers are set."""
        return len(self._timers)

    def start(self, timer: TimerId, due: int) -> None:
        """Set a timer, due at nanoseconds since the epoch."""
        self._timers[timer] = due
        self._push(due, timer, "")

    def cancel(self, timer: TimerId) -> None:
        """Forget a timer."""
        self._timers.pop(timer, None)
        if len(self._heap) > _SMALL and len(self._heap) > 2 * self._wanted:
            self._heap = [entry for entry in self._heap if self._is_wanted(entry)]
            heapq.heapify(self._heap)

    def watch(self, due: int, address: str) -> None:
        """Report the agent at its earliest deadline; whether anything is open, it knows."""
        watched = self._watched.get(address)
        if watched is None or due < watched:
            self._watched[address] = due
            self._push(due, None, address)

    @property
    def _wanted(self) -> int:
        return len(self._timers) + len(self._watched)

    def _is_wanted(self, entry: tuple[int, int, TimerId | None, str]) -> bool:
        due, _, timer, address = entry
        wanted = self._watched.get(address) if timer is None else self._timers.get(timer)
        return wanted == due

    def _push(self, due: int, timer: TimerId | None, address: str) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (due, self._serial, timer, address))
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
            entry = heapq.heappop(self._heap)
            if not self._is_wanted(entry):
                continue
            _, _, timer, address = entry
            if timer is None:
                del self._watched[address]
                self._on_deadline(address)
            else:
                del self._timers[timer]
                self._on_timer(timer)
        if self._heap and self._wake is None:
            self._schedule(self._heap[0][0])

    def close(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._timers.clear()
        self._watched.clear()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
