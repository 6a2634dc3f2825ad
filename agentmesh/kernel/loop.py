"""The deterministic event loop that handlers run on.

asyncio's own tasks, futures and primitives run here unchanged; what differs is
where events come from. The loop has a first-in-first-out ready queue and a
table of timers, no selector and no clock. Outside facts enter only between two
`drain` calls, when nothing is ready any more: that, and not the order of
completions alone, is what makes a recorded run repeatable (Temporal's workflow
instance works likewise).

Rule 1: nothing here asks the world. Time is what the cell was told; a timer is
a request to the owner; everything that needs a thread, socket or process is
refused with an error that names the way.

Rule 2: tasks and futures hash by a serial number of this loop, because
`asyncio.wait` and users keep them in sets, and a set's order must be the same in
every process.

Drive it from a plain callback, never from inside a task: CPython >= 3.12 forbids
entering a task while another one runs in the thread.
"""

import asyncio
import sys
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar, TypeVarTuple, Unpack

from agentmesh.errors import EscapeError, InternalError, RunawayTurnError

if TYPE_CHECKING:
    import random

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DRAIN_STEPS_MAX = 5_000_000
"""Callbacks one event may cause. Seconds of work: more is a loop that never waits."""

TICK_NS = 1_000
"""How far a reading moves the logical clock once a handler reads it in a busy wait."""

READS_FREE = 10_000
"""Readings for one event that do not move the clock. How often it is read is not quite the
handler's own doing (a library's first use, a callback of the garbage collector), so it
must not be visible; more than this is a loop that waits for time to pass."""


class Owner(Protocol):
    """What the loop needs of the cell that owns it."""

    now: int

    def start_timer(self, timer: "AgentTimer") -> None: ...
    def cancel_timer(self, timer: "AgentTimer") -> None: ...
    def adopt_task(self, task: "AgentTask[object]") -> None: ...
    def adopt_asyncgen(self, agen: AsyncGenerator[object, object]) -> None: ...
    def generator(self) -> "random.Random": ...
    def report(self, context: dict[str, object]) -> None: ...


class AgentTask(asyncio.Task[T]):
    """A task whose hash is the same in every process."""

    def __init__(self, coro: Coroutine[object, object, T], *, loop: "AgentLoop", **kw: object) -> None:
        self.serial = loop.next_serial()
        super().__init__(coro, loop=loop, **kw)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other


class AgentFuture(asyncio.Future[T]):
    """A future whose hash is the same in every process."""

    def __init__(self, *, loop: "AgentLoop") -> None:
        self.serial = loop.next_serial()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other


class AgentTimer(asyncio.TimerHandle):
    """A timer that knows its identity in the cell."""

    __slots__ = ("due_ns", "timer_id")

    due_ns: int
    """Nanoseconds since the epoch."""
    timer_id: tuple[int, int]
    """Turn and issue number."""
    _scheduled: bool


class AgentLoop(asyncio.AbstractEventLoop):
    """One cell's event loop; see the module's docstring."""

    is_agent_loop = True
    """How `agentmesh.ambient` recognises that it is inside a handler."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        """The cell whose code runs here."""
        self._ready: deque[asyncio.Handle] = deque()
        self._serial = 0
        self.origin = 0
        self.reads = 0
        """How often the clock was read for the event that is handled."""

    # --- what the cell calls -------------------------------------------------------------

    def drain(self) -> None:
        """Run until nothing is ready.

        Raises:
            RunawayTurnError: `DRAIN_STEPS_MAX` callbacks ran and more were ready.
        """
        previous = events._get_running_loop()
        events._set_running_loop(self)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._asyncgen_first, self._asyncgen_last)
        ready = self._ready
        steps = DRAIN_STEPS_MAX
        try:
            while ready:
                handle = ready.popleft()
                if not handle._cancelled:  # type: ignore[attr-defined]
                    handle._run()
                    steps -= 1
                    if not steps:
                        self._give_up()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            events._set_running_loop(previous)

    def _give_up(self) -> NoReturn:
        what = f"A turn ran {DRAIN_STEPS_MAX:,} callbacks for one event without ever waiting."
        raise RunawayTurnError(
            what,
            cause="Usually a loop awaits something that is always ready, such as asyncio.sleep(0).",
            fix="Await a reply, an effect or am.sleep() inside the loop.",
        )

    def fire(self, timer: "AgentTimer") -> None:
        """Make a timer's callback ready."""
        timer._scheduled = False
        if not timer.cancelled():
            self._ready.append(timer)

    def next_serial(self) -> int:
        """Return the next number for a task or future of this loop."""
        self._serial += 1
        return self._serial

    def discard_ready(self) -> None:
        """Forget callbacks that have not run: the cell ends."""
        self._ready.clear()

    # --- what the standard library is answered with ------------------------------------------

    def read_wall_ns(self) -> int:
        """Return the logical time since the epoch, the same for the whole event."""
        owner = self.owner
        self.reads += 1
        if self.reads > READS_FREE:
            owner.now += TICK_NS
        return owner.now

    def read_monotonic_ns(self) -> int:
        """Return the logical time since the cell's first event."""
        return self.read_wall_ns() - self.origin

    def generator(self) -> "random.Random":
        """Return the generator of the turn that runs."""
        return self.owner.generator()

    # --- what asyncio calls --------------------------------------------------------------------

    def time(self) -> float:
        """Return the logical time in seconds since the cell's first event."""
        return (self.owner.now - self.origin) / 1e9

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts], context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts], context: Context | None = None
    ) -> asyncio.Handle:
        if events._get_running_loop() is not self:
            escape("call_soon_threadsafe", "another thread tried to wake a handler")
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = AgentTimer(when, callback, args, self, context)
        timer.due_ns = self.origin + round(when * 1e9)
        timer._scheduled = True
        self.owner.start_timer(timer)
        return timer

    def _timer_handle_cancelled(self, timer: "AgentTimer") -> None:
        if timer._scheduled:  # asyncio also cancels handles that have run
            timer._scheduled = False
            self.owner.cancel_timer(timer)

    def create_future(self) -> asyncio.Future[object]:
        return AgentFuture(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[object, object, T], *, name: str | None = None, context: Context | None = None, **kw: object
    ) -> AgentTask[T]:
        kw.pop("eager_start", None)  # tasks start in order, always
        if context is not None:
            kw["context"] = context
        task = AgentTask(coro, loop=self, name=name or "task", **kw)
        self.owner.adopt_task(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]
    ) -> asyncio.Future[T]:
        """Run the function at once, here: a thread would finish in an order nobody records.

        Libraries hand short synchronous callbacks to executors; they work as
        they are. One that does I/O meets the refusal of that I/O.
        """
        del executor
        future: asyncio.Future[T] = AgentFuture(loop=self)
        try:
            future.set_result(func(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def get_task_factory(self) -> None:
        return None

    def set_task_factory(self, factory: object) -> None:
        if factory is not None:
            escape("set_task_factory", "tasks of a handler are made by its loop")

    def get_exception_handler(self) -> None:
        return None

    def set_exception_handler(self, handler: object) -> None:
        del handler  # unhandled exceptions always reach the journal

    def call_exception_handler(self, context: dict[str, object]) -> None:
        self.owner.report(context)

    def default_exception_handler(self, context: dict[str, object]) -> None:
        self.owner.report(context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 - asyncio's signature
        del enabled

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: generators are closed when their turn ends."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Do nothing: there is none."""
        del timeout

    def _asyncgen_first(self, agen: AsyncGenerator[object, object]) -> None:
        self.owner.adopt_asyncgen(agen)

    def _asyncgen_last(self, agen: AsyncGenerator[object, object]) -> None:
        # Garbage collection is not a scheduling event: the owner keeps generators
        # alive until their turn ends and closes them there, in order of creation.
        del agen

    def run_forever(self) -> NoReturn:
        self._nested("run_forever")

    def run_until_complete(self, future: object) -> NoReturn:
        if asyncio.iscoroutine(future):
            future.close()
        self._nested("run_until_complete")

    def stop(self) -> NoReturn:
        self._nested("stop")

    def close(self) -> None:
        if self._ready:
            message = "A loop was closed with callbacks ready."
            raise InternalError(message)

    def _nested(self, name: str) -> NoReturn:
        message = f"This event loop is already running: {name}() can't be called inside a handler. Use await."
        raise RuntimeError(message)


_REFUSED = {
    **dict.fromkeys(
        (
            "add_reader",
            "remove_reader",
            "add_writer",
            "remove_writer",
            "sock_recv",
            "sock_recv_into",
            "sock_recvfrom",
            "sock_sendall",
            "sock_sendto",
            "sock_connect",
            "sock_accept",
            "sock_sendfile",
            "create_connection",
            "create_server",
            "create_unix_connection",
            "create_unix_server",
            "create_datagram_endpoint",
            "connect_accepted_socket",
            "start_tls",
            "sendfile",
            "getaddrinfo",
            "getnameinfo",
        ),
        "a socket",
    ),
    **dict.fromkeys(("subprocess_exec", "subprocess_shell"), "a subprocess"),
    **dict.fromkeys(("connect_read_pipe", "connect_write_pipe"), "a pipe"),
    **dict.fromkeys(("add_signal_handler", "remove_signal_handler"), "a signal handler"),
    "set_default_executor": "a thread pool",
}


def escape(call: str, what: str) -> NoReturn:
    """Refuse something that a replay could not repeat."""
    raise EscapeError(
        f"{call}: {what} inside a handler is not recorded.",
        cause="A replay could not repeat it, so agentmesh refuses it while the run is live.",
        fix="Move it into an @am.tool (async ones run on the host's real loop, sync ones in a "
        "thread), or wrap it once with am.effect(fn, ...).",
        call=call,
    )


# asyncio.AbstractEventLoop answers each of these with a bare NotImplementedError.
def _refuse(name: str, what: str) -> Callable[..., NoReturn]:
    def refused(self: AgentLoop, *args: object, **kwargs: object) -> NoReturn:
        del self, args, kwargs
        escape(f"loop.{name}", what)

    refused.__name__ = name
    return refused


for _name, _what in _REFUSED.items():
    setattr(AgentLoop, _name, _refuse(_name, _what))
