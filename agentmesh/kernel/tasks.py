"""asyncio's tasks, futures and handles, made repeatable.

`asyncio.wait`, `TaskGroup` and users keep tasks and futures in sets, whose order
comes from hashes, and asyncio hashes by address. Here the hash is a serial number of
the loop, so that a set of them is iterated alike in every process.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, TypeVar

from agentmesh.kernel.refusing import RefusingLoop

T = TypeVar("T")

AsyncGen = AsyncGenerator[Any, Any]


class NumberingLoop(RefusingLoop):
    """The part of a handler's loop that numbers tasks and futures."""

    __slots__ = ("_serial",)

    def __init__(self) -> None:
        self._serial = 0

    def next_serial(self) -> int:
        """Return the next number for a task or future of this loop."""
        self._serial += 1
        return self._serial


class AgentTask(asyncio.Task[T]):
    """A task whose hash is the same in every process."""

    __slots__ = ("serial", "turn")

    _log_traceback: bool
    """asyncio's own: whether it failed and nobody has fetched the exception."""
    _log_destroy_pending: bool

    def __init__(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        loop: NumberingLoop,
        name: str,
        context: Context | None = None,
    ) -> None:
        self.serial = loop.next_serial()  # first: asyncio registers the task in a set
        self.turn: Any = None
        """The `Turn` it belongs to; None outside any."""
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self.serial


class AgentFuture(asyncio.Future[T]):
    """A future whose hash is the same in every process."""

    __slots__ = ("serial",)

    _loop: NumberingLoop
    _log_traceback: bool

    def __hash__(self) -> int:
        try:
            return self.serial
        except AttributeError:  # few futures are ever hashed
            self.serial: int = self._loop.next_serial()
            return self.serial


class AgentHandle(asyncio.Handle):
    """A callback that is ready to run; asyncio's own, made in fewer steps."""

    __slots__ = ()

    _callback: Callable[..., object]
    _args: Sequence[Any]
    _context: Context
    _cancelled: bool

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class AgentTimer(asyncio.TimerHandle):
    """A timer that knows its identity in the cell."""

    __slots__ = ("due_ns", "timer_id", "turn")

    due_ns: int
    """Nanoseconds since the epoch."""
    timer_id: tuple[int, int]
    """Turn and issue number."""
    turn: Any
    """The `Turn` that set it; None outside any."""
    _callback: Callable[..., object]
    _args: Sequence[Any]
    _context: Context
    _cancelled: bool
    _scheduled: bool


def close_by_force(task: "AgentTask[Any]") -> None:
    """End a task where it stands: its `finally` blocks run, up to their first `await`."""
    if task.done():
        return
    coro = task.get_coro()
    try:
        if coro is not None:  # a finished task has none
            coro.close()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, S110 - it is being thrown away; there is nobody to tell
        pass
    task._log_destroy_pending = False
