"""Clocks inside a handler: logical time through the ordinary standard library.

What was decided, and why
-------------------------

*The wall clock* (`time.time`, `time_ns`, `gmtime`, `localtime`, `strftime`, `clock_gettime`,
`datetime.now`, `utcnow`, `today`, `date.today`) is answered through `time_machine`, which
swaps the entries of CPython's method tables. Only that reaches `datetime.now`, a method of a
type that can't be changed, and it catches every early binding there is, even those held by C
code. It is patched in once, for good: starting and stopping its travel around each step costs
1.6 µs and changes the clock of all threads. Its C functions ask `traveller_stack[-1]` at each
call and call the original if there is none, so the stack is replaced by one whose last element
exists only for a thread that is inside a handler (`_PerThreadStack`).

*All other clocks* (`monotonic`, `perf_counter`, `process_time`, `thread_time` and their `_ns`
forms, the other ids of `clock_gettime`), `ctime`, `asctime` and `sleep` are not covered by
`time_machine`. They are replaced in the module, and wherever they are referenced already (see
`agentmesh.ambient.references`). `time` and `time_ns` get the same treatment on top, for speed only.

Measured, 2 slow cores, CPython 3.11, nanoseconds a call:

                                     before   outside   outside, beside a   inside a
                                                        running host loop    handler
    time.time()                          58       170                 340        375
    time.monotonic()                     57       145                 315        380
    datetime.now(UTC)                   260     1 000               1 200      2 400
    time.time held by C or a tuple       57       740                 930      1 020

(CPython 3.11 asks for the process's id when a thread's loop runs: 120 of these.)

Logical CPU time is logical monotonic time: a handler has no other. Zone and locale
of `localtime` and `strftime` are the process's; see the list in `agentmesh.ambient`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, SupportsIndex

from agentmesh.ambient.guest import Guest, current
from agentmesh.ambient.references import Swap, Undo, set_attribute
from agentmesh.ambient.refusal import SLEEP, refuse
from agentmesh.ambient.standin import StandIn

NS_PER_SECOND = 1e9


class WallSeconds(StandIn):
    """`time.time`, without the detour through `time_machine` where nobody travels."""

    __slots__ = ("original", "stack")

    def __init__(self, real: Callable[..., Any], home: str, name: str) -> None:
        super().__init__(real, home, name)
        self.original = real
        self.stack: list[Any] = []

    def answer(self) -> float:
        """Return seconds since the epoch."""
        loop = current()
        if loop is not None:
            return loop.read_wall_ns() / NS_PER_SECOND
        return self.real() if len(self.stack) else self.original()  # type: ignore[no-any-return]


class WallNanoseconds(WallSeconds):
    """`time.time_ns`."""

    __slots__ = ()

    def answer(self) -> int:
        """Return nanoseconds since the epoch."""
        loop = current()
        if loop is not None:
            return loop.read_wall_ns()
        return self.real() if len(self.stack) else self.original()  # type: ignore[no-any-return]


class Seconds(StandIn):
    """A clock without a date, in seconds."""

    __slots__ = ()

    def answer(self) -> float:
        """Return seconds since some start."""
        loop = current()
        if loop is None:
            return self.real()  # type: ignore[no-any-return]
        return loop.read_monotonic_ns() / NS_PER_SECOND


class Nanoseconds(StandIn):
    """A clock without a date, in nanoseconds."""

    __slots__ = ()

    def answer(self) -> int:
        """Return nanoseconds since some start."""
        loop = current()
        return self.real() if loop is None else loop.read_monotonic_ns()


_WALL_IDS = [getattr(time, name) for name in ("CLOCK_REALTIME", "CLOCK_TAI") if hasattr(time, name)]


class ClockById(StandIn):
    """`time.clock_gettime` and its `_ns` form."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> float:
        """Return the clock with that id."""
        loop = current()
        if loop is None or kwargs or len(args) != 1 or not isinstance(args[0], int):
            return self.real(*args, **kwargs)  # type: ignore[no-any-return]
        ns = loop.read_wall_ns() if args[0] in _WALL_IDS else loop.read_monotonic_ns()
        return ns if self.name.endswith("_ns") else ns / NS_PER_SECOND


class Text(StandIn):
    """`time.ctime` and `time.asctime`, which read the clock when given no time."""

    __slots__ = ()

    def answer(self, *args: Any) -> str:
        """Return a time as text."""
        loop = current()
        if loop is None or (args and args[0] is not None):
            return self.real(*args)  # type: ignore[no-any-return]
        now = loop.read_wall_ns() // 1_000_000_000
        return time.ctime(now)


class Sleep(StandIn):
    """`time.sleep`, which inside a handler would stop every agent of the host."""

    __slots__ = ()

    def answer(self, *args: Any) -> None:
        """Sleep, or refuse to."""
        if current() is not None:
            refuse(SLEEP, f"time.sleep({', '.join(map(repr, args))})")
        self.real(*args)


_STAND_INS: dict[str, type[StandIn]] = {
    "time": WallSeconds,
    "time_ns": WallNanoseconds,
    "monotonic": Seconds,
    "monotonic_ns": Nanoseconds,
    "perf_counter": Seconds,
    "perf_counter_ns": Nanoseconds,
    "process_time": Seconds,
    "process_time_ns": Nanoseconds,
    "thread_time": Seconds,
    "thread_time_ns": Nanoseconds,
    "clock_gettime": ClockById,
    "clock_gettime_ns": ClockById,
    "ctime": Text,
    "asctime": Text,
    "sleep": Sleep,
}


class _Traveller:
    """What `time_machine` asks for the time inside a handler."""

    __slots__ = ()

    @staticmethod
    def time_ns() -> int:
        """Return logical nanoseconds since the epoch."""
        loop = current()
        assert loop is not None
        return loop.read_wall_ns()


_TRAVELLER = _Traveller()


class _PerThreadStack(list[Any]):
    """The travellers of `time_machine`, with ours on top for threads inside a handler.

    Travels that somebody starts, in a test say, work outside handlers as they did.
    """

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        # Only C code asks while nobody travels; it answers IndexError with the original clock.
        if current() is not None:
            return _TRAVELLER
        return super().__getitem__(index)

    def __bool__(self) -> bool:
        """Never empty, so that the end of a travel does not take the patch away."""
        return True


class LoggingClock:
    """The `time` module as `logging` sees it: making a log record does not move logical time.

    Otherwise a replay at another log level would count readings differently.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time(self) -> float:
        """Return seconds since the epoch."""
        loop = current()
        return time.time() if loop is None else _peek_wall_ns(loop) / NS_PER_SECOND

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        loop = current()
        return time.time_ns() if loop is None else _peek_wall_ns(loop)


def _peek_wall_ns(loop: Guest) -> int:
    peek = getattr(loop, "peek_wall_ns", loop.read_wall_ns)
    return peek()


_STACK = "traveller_stack"


def patch_method_tables() -> Undo:
    """Let the wall clock of C and Python code answer per thread; return what ends that."""
    # Late: it imports unittest, which a process that runs no cells does not need.
    import _time_machine
    import time_machine

    before: list[Any] = getattr(time_machine, _STACK)
    stack = _PerThreadStack(before)
    setattr(time_machine, _STACK, stack)
    _time_machine.patch()

    def undo() -> None:
        before[:] = list(stack)
        setattr(time_machine, _STACK, before)
        for stand_in in _wall:
            stand_in.original = stand_in.real
        if not before:
            _time_machine.unpatch()

    return undo


_wall: list[WallSeconds] = []


def swaps() -> list[Swap]:
    """Return stand-ins for the clocks of `time`; the method tables must be patched already."""
    import _time_machine
    import time_machine

    made = [each for name, kind in _STAND_INS.items() if (each := kind.over("time", name))]
    for stand_in in made:
        if isinstance(stand_in, WallSeconds):
            stand_in.original = getattr(_time_machine, f"original_{stand_in.name}")
            stand_in.stack = getattr(time_machine, _STACK)
            _wall.append(stand_in)
    return [each.swap() for each in made]


def quiet_logging() -> Undo:
    """Let `logging` look at logical time without moving it; return what ends that."""
    return set_attribute(logging, "time", LoggingClock())
