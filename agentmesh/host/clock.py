"""The clock of a host: the time of day when it began, and from there on a steady one.

A machine's time of day may be set: it jumps, forward or back, and an agent's time must do
neither. So it is read once; what has passed since then says a clock that nobody sets, and
that goes on while the machine sleeps.

Knows no cells. Whoever restores a host tells the latest time that its journal has.
"""

import time
from collections.abc import Callable


def _since_boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


STEADY_NS = _since_boot_ns if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns
"""Nanoseconds from a moment in the past, the time that the machine slept included."""


class SteadyClock:
    """Nanoseconds since the epoch, which never go back and never jump.

    Args:
        wall_ns: The time of day; read once. The system's by default.
        steady_ns: A clock that nobody sets.
    """

    __slots__ = ("_offset", "_steady_ns")

    def __init__(
        self,
        wall_ns: Callable[[], int] | None = None,
        steady_ns: Callable[[], int] = STEADY_NS,
    ) -> None:
        self._steady_ns = steady_ns
        self._offset = (wall_ns or time.time_ns)() - steady_ns()

    def __call__(self) -> int:
        """Return the time."""
        return self._steady_ns() + self._offset

    def not_before(self, ns: int) -> None:
        """Go on from a time, unless it is later already."""
        self._offset += max(0, ns - self())
