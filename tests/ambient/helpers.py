"""A small real event loop with an agent's clock and generator, to run handlers on."""

import asyncio
import random
import subprocess
import sys
import textwrap
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from queue import SimpleQueue
from types import ModuleType
from typing import Any, ClassVar, Self, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_NS = 1_000_000_000_123_456_000
"""A moment in September 2001, which no real clock shows any more."""
START_YEAR = 2001
DEADLINE_SECONDS = 30.0


class ProbeLoop(asyncio.AbstractEventLoop):
    """Runs callbacks first in, first out, and answers what a handler may read."""

    is_agent_loop: ClassVar[bool] = True

    def __init__(self, seed: int = 7) -> None:
        self.ready: deque[asyncio.Handle] = deque()
        self.now_ns = START_NS
        self.stream = random.Random(seed)
        self.escaped: list[str] = []
        self.failures: list[dict[str, Any]] = []

    def read_wall_ns(self) -> int:
        self.now_ns += 1_000
        return self.now_ns

    def read_monotonic_ns(self) -> int:
        return self.read_wall_ns() - START_NS

    def generator(self) -> random.Random:
        return self.stream

    def escape(self, what: str) -> None:
        self.escaped.append(what)

    def time(self) -> float:
        return (self.now_ns - START_NS) / 1e9

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **_kwargs: Any) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def drain(self) -> None:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while self.ready:
                self.ready.popleft()._run()
        finally:
            asyncio._set_running_loop(before)


class PeekableLoop(ProbeLoop):
    """A loop whose clock can be looked at without moving it."""

    def peek_wall_ns(self) -> int:
        return self.now_ns


def run(handler: Coroutine[Any, Any, T], loop: ProbeLoop | None = None) -> T:
    """Run a handler to its end as a task of an agent's loop."""
    loop = make_loop() if loop is None else loop
    task = loop.create_task(handler)
    loop.drain()
    assert task.done(), "the handler waits for something that never comes"
    return task.result()  # type: ignore[no-any-return]


def make_loop(seed: int = 7) -> ProbeLoop:
    """Return a new agent's loop."""
    return ProbeLoop(seed)  # type: ignore[abstract]


def call_inside(function: Callable[[], T], loop: ProbeLoop | None = None) -> T:
    """Call a function from a handler, below an await."""

    async def step() -> T:
        return function()

    async def handler() -> T:
        return await step()

    return run(handler(), loop)


class ThreadOutside:
    """A thread like a tool's: it calls what it is told, while somebody else is in a handler."""

    def __init__(self, *, with_loop: bool = False) -> None:
        self._jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        work = (lambda: asyncio.run(self._work_async())) if with_loop else self._work
        self._thread = threading.Thread(target=work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._jobs.put(None)
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in that thread, and wait for what it returns."""
        self._jobs.put(function)
        value, error = self._results.get(timeout=DEADLINE_SECONDS)
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._results.put((job(), None))
            except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
                self._results.put((None, error))

    async def _work_async(self) -> None:
        self._work()


def module_from(source: str, name: str) -> ModuleType:
    """Load a module from text, as an import would."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def in_a_process(program: str, *options: str, **environment: str) -> str:
    """Run a program in a fresh interpreter; return what it printed, with no word of complaint."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), **environment},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
