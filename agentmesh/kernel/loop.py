"""The deterministic event loop that handlers run on.

asyncio's own tasks, futures and primitives run here unchanged; what differs is
where events come from. The loop has a first-in-first-out ready queue and a
table of timers, no selector and no clock. Outside facts enter only between two
`drain` calls, when nothing is ready any more: that, and not the order of
completions alone, is what makes a recorded run repeatable (Temporal's workflow
instance works likewise).

Rule 1: nothing here asks the world. Time is what the cell was told; a timer is
a request to the owner; what needs a thread, socket or process is refused.

Rule 2: tasks and futures hash by a serial number of this loop (`tasks`).

Rule 3: the cyclic garbage collector does not run while a handler does. When it runs
depends on every allocation of the process, and it runs finalisers: an asynchronous
generator that it finds must not be closed at another moment in a replay.

Drive it from a plain callback, never from inside a task: CPython >= 3.12 forbids
entering a task while another one runs in the thread.
"""

import asyncio
import gc
import math
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, TypeVarTuple

from agentmesh.errors import RunawayTurnError, UsageError
from agentmesh.kernel import agen_hooks
from agentmesh.kernel.refusing import escape
from agentmesh.kernel.tasks import (
    AgentFuture,
    AgentHandle,
    AgentTask,
    AgentTimer,
    AsyncGen,
    NumberingLoop,
)

if TYPE_CHECKING:
    import random

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DRAIN_STEPS_MAX = 2_000_000
"""Callbacks one event may cause. Seconds of work: more is a loop that never waits."""

TICK_NS = 1_000
"""How far a reading moves the logical clock once a handler reads it in a busy wait."""

READS_FREE = 10_000
"""Readings for one event that do not move the clock. How often it is read is not quite the
handler's own doing (a library's first use, a callback of the garbage collector), so it
must not be visible; more than this is a loop that waits for time to pass."""

_FAR_NS = 2**62
"""About 146 years: when `asyncio.sleep(math.inf)` ends."""


class Owner(Protocol):
    """What the loop needs of the cell that owns it."""

    now: int

    def start_timer(self, timer: AgentTimer) -> None:
        """Ask for a timer."""

    def cancel_timer(self, timer: AgentTimer) -> None:
        """Take a timer back."""

    def adopt_task(self, task: AgentTask[Any]) -> None:
        """Note who a new task belongs to."""

    def adopt_agen(self, agen: AsyncGen) -> None:
        """Note who an asynchronous generator belongs to, when it begins."""

    def drop_agen(self, agen: AsyncGen, *, collected: bool) -> None:
        """Take in a generator that nobody refers to any more and that has not ended."""

    def generator(self) -> "random.Random":
        """Return the generator of the turn that runs."""

    def report(self, what: str, error: BaseException | None) -> None:
        """Take in what asyncio could not deliver to anybody."""


class AgentLoop(NumberingLoop):
    """One cell's event loop; see the module's docstring."""

    __slots__ = ("_named", "_ready", "origin", "owner", "reads")

    is_agent_loop = True
    """How `agentmesh.ambient` recognises that it is inside a handler."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner
        """The cell whose code runs here."""
        self.origin = 0
        """Logical time of the cell's first event: where `time()` starts."""
        self.reads = 0
        """How often the clock was read for the event that is handled."""
        self._ready: deque[AgentHandle | AgentTimer] | None = None  # of an idle cell: none
        self._named = 0

    # --- what the cell calls -------------------------------------------------------------

    def begin(self, address: str, at: int) -> None:
        """Take in who the cell is and when its time starts."""
        self.origin = at
        # Serials are hashes. asyncio keeps all tasks of a process in one set: were those of
        # every cell to start at 1, they would all collide there.
        digest = blake2b(address.encode("utf-8", "surrogatepass"), digest_size=6).digest()
        self._serial = int.from_bytes(digest, "little") << 8

    def drain(self, first: Callable[..., object], *args: object) -> None:
        """Call a function, and then everything that becomes ready, until nothing is.

        Raises:
            RunawayTurnError: `DRAIN_STEPS_MAX` callbacks ran and more were ready.
        """
        previous = events._get_running_loop()
        collects = gc.isenabled()
        ready = self._ready
        if ready is None:
            ready = self._ready = deque()
        gc.disable()
        events._set_running_loop(self)
        agen_hooks.listen()
        try:
            first(*args)
            if ready:
                self._run_ready(ready)
            self._ready = None
        finally:
            events._set_running_loop(previous)
            if collects:
                gc.enable()

    def _run_ready(self, ready: "deque[AgentHandle | AgentTimer]") -> None:
        take = ready.popleft
        steps = DRAIN_STEPS_MAX
        while ready:
            handle = take()
            if handle._cancelled:
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except KeyboardInterrupt:  # of whoever drives the cell
                raise
            except BaseException as error:  # noqa: BLE001 - asyncio hands it to nobody either
                self.owner.report("a callback raised", error)
            steps -= 1
            if not steps:
                _give_up()

    def fire(self, timer: AgentTimer) -> None:
        """Make a timer's callback ready."""
        timer._scheduled = False
        if self._ready is None:
            _refuse_wake()
        self._ready.append(timer)

    def discard_ready(self) -> None:
        """Forget callbacks that have not run: the cell ends."""
        if self._ready is not None:
            self._ready.clear()

    # --- what the standard library is answered with ------------------------------------------

    def read_wall_ns(self) -> int:
        """Return the logical time since the epoch, the same for the whole event."""
        owner = self.owner
        self.reads += 1
        if self.reads > READS_FREE:
            owner.now += TICK_NS
        return owner.now

    def peek_wall_ns(self) -> int:
        """Return the logical time without counting as a reading: for log records."""
        return self.owner.now

    def read_monotonic_ns(self) -> int:
        """Return the logical time since the cell's first event."""
        return self.read_wall_ns() - self.origin

    def generator(self) -> "random.Random":
        """Return the generator of the turn that runs."""
        return self.owner.generator()

    # --- what asyncio calls --------------------------------------------------------------------

    def time(self) -> float:
        """Return the logical time in seconds since the cell's first event."""
        return (self.read_wall_ns() - self.origin) / 1e9

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Run a callback after everything that is ready already.

        Raises:
            EscapeError: Something outside the handler, such as a tool, tried to wake it.
        """
        ready = self._ready
        if ready is None:
            _refuse_wake()
        handle = AgentHandle(callback, args, self, context)
        ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback after a number of logical seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at a time of this loop's clock; at once if that has passed."""
        timer = AgentTimer(when, callback, args, self, context)
        # Rounded up, so that a timer never fires before the time it was set for.
        due = self.origin + (_FAR_NS if when > _FAR_NS / 1e9 else math.ceil(when * 1e9))
        timer.due_ns = due
        if due <= self.owner.now:
            self.fire(timer)
        else:
            timer._scheduled = True
            self.owner.start_timer(timer)
        return timer

    def _timer_handle_cancelled(self, timer: AgentTimer) -> None:
        if timer._scheduled:  # asyncio also cancels handles that have run
            timer._scheduled = False
            self.owner.cancel_timer(timer)

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future."""
        return AgentFuture(loop=self)

    def create_task(  # type: ignore[override] # more liberal: later Pythons pass more
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
        eager_start: bool | None = None,
    ) -> AgentTask[T]:
        """Make a task; it starts after everything that is ready already, always."""
        del eager_start
        if name is None:
            self._named += 1
            name = f"Task-{self._named}"
        task = AgentTask(coro, loop=self, name=name, context=context)
        self.owner.adopt_task(task)
        return task

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run the function at once, here: a thread would finish in an order nobody records.

        Libraries hand short synchronous callbacks to executors; they work as
        they are. One that does I/O meets the refusal of that I/O.
        """
        del executor
        future: asyncio.Future[T] = AgentFuture(loop=self)
        try:
            future.set_result(func(*args))
        except KeyboardInterrupt:
            raise
        except StopIteration as error:  # would look like a result to whoever awaits it
            raised = RuntimeError("a function given to an executor raised StopIteration")
            raised.__cause__ = error
            future.set_exception(raised)
        except BaseException as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def get_task_factory(self) -> None:
        """Return None: tasks are made here."""

    def set_task_factory(self, factory: object) -> None:
        """Refuse a factory: its tasks would hash by address, or start out of order."""
        if factory is not None:
            raise UsageError(
                "loop.set_task_factory was called inside a handler.",
                cause="A handler's loop makes its own tasks, so that a replay runs them alike. "
                "Usually a library wants tasks to start eagerly, which is an optimisation.",
                fix="Leave the factory out, or run the library in an @am.tool.",
            )

    def get_exception_handler(self) -> None:
        """Return None: unhandled exceptions always reach the journal."""

    def set_exception_handler(self, handler: object) -> None:
        """Do nothing: unhandled exceptions always reach the journal."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what asyncio could not deliver to anybody.

        Reports that asyncio makes when a task or future is destroyed come at no repeatable
        moment; the end of a turn makes the same report.
        """
        what, error = str(context.get("message", "")), context.get("exception")
        if not what.endswith(_WHEN_DESTROYED) and events._get_running_loop() is self:
            self.owner.report(what.partition(" <")[0], error)

    default_exception_handler = call_exception_handler

    def get_debug(self) -> bool:
        """Tell that asyncio's debug mode is off."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 - asyncio's signature
        """Do nothing: asyncio's debug mode reads clocks."""

    def is_running(self) -> bool:
        """Tell whether the handler of this loop runs in this thread."""
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        """Tell that it is open."""
        return False

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: generators are closed when their turn ends."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Do nothing: there is none."""

    def agen_begins(self, agen: AsyncGen) -> None:
        """Note a generator that begins in the handler."""
        self.owner.adopt_agen(agen)

    def agen_is_dropped(self, agen: AsyncGen) -> None:
        """Have a generator closed to which nobody refers any more."""
        # Inside a handler the last reference was dropped by the handler's own doing, which a
        # replay repeats. Otherwise the garbage collector found it, whenever that was.
        self.owner.drop_agen(agen, collected=events._get_running_loop() is not self)

    def run_forever(self) -> NoReturn:
        """Refuse: it runs already."""
        _runs_already("run_forever")

    def run_until_complete(self, future: object) -> NoReturn:
        """Refuse: it runs already."""
        if asyncio.iscoroutine(future):
            future.close()
        _runs_already("run_until_complete")

    def stop(self) -> NoReturn:
        """Refuse: it is not the handler's to stop."""
        _runs_already("stop")

    def close(self) -> NoReturn:
        """Refuse: it is not the handler's to close."""
        _runs_already("close")


def _refuse_wake() -> NoReturn:
    escape("loop.call_soon", "waking a handler from outside")


def _runs_already(name: str) -> NoReturn:
    # asyncio's own loops raise this class, and libraries look for it.
    message = f"This event loop is running the handler: {name}() can't be called in it. Use await."
    raise RuntimeError(message)


def _give_up() -> NoReturn:
    raise RunawayTurnError(
        f"A turn ran {DRAIN_STEPS_MAX:,} callbacks for one event without ever waiting.",
        cause="Usually a loop awaits something that is always ready, such as asyncio.sleep(0).",
        fix="Await a reply, an effect or am.sleep() inside the loop.",
    )


_WHEN_DESTROYED = ("exception was never retrieved", "was destroyed but it is pending!")
