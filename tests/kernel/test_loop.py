"""The loop itself: what it refuses, what it answers, and that nothing outside can wake it."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agentmesh.errors import EscapeError, UsageError
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.loop import READS_FREE, AgentLoop
from agentmesh.kernel.refusing import RefusingLoop
from agentmesh.kernel.tasks import AgentFuture
from tests.kernel.helpers import (
    MS,
    START,
    ask,
    cell_of,
    effect,
    finished,
    logged,
    nothing,
    result,
    say,
    started,
    tell,
)

REFUSED = [name for name in vars(RefusingLoop) if not name.startswith("_")]


def in_handler(act: Callable[[AgentLoop], Any]) -> str:
    """Do something with the loop inside a handler; return what came of it."""

    async def handler(_cell: Cell) -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AgentLoop)
        try:
            value = act(loop)
            return f"returned {await value if inspect.isawaitable(value) else value}"
        except Exception as error:  # noqa: BLE001
            return f"{type(error).__name__}: {error}"

    return str(result(cell_of(handler).handle(ask(1))))


@pytest.mark.parametrize("name", REFUSED)
def test_sockets_processes_pipes_and_signals_are_refused_by_name(name: str) -> None:
    """With the call, and the tool as the way out."""
    said = in_handler(lambda loop: getattr(loop, name)(1, 2, 3))

    assert said.startswith(f"EscapeError: loop.{name}: a")
    assert "inside a handler is not recorded" in said
    assert "@am.tool" in said


def test_every_method_of_asyncios_loops_is_answered() -> None:
    """None is left at the bare `NotImplementedError` of asyncio's abstract loop."""
    abstract = asyncio.AbstractEventLoop
    left = [
        name
        for name, method in vars(abstract).items()
        if callable(method) and getattr(AgentLoop, name) is method and name != "__init__"
    ]

    assert [name for name in left if not name.startswith("__")] == []


async def _connect() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def _spawn() -> None:
    await asyncio.create_subprocess_exec("true")


@pytest.mark.parametrize("opens", [_connect, _spawn])
def test_asyncios_own_doors_to_the_world_are_refused(opens: Callable[[], Any]) -> None:
    """Streams and subprocesses go through the loop."""
    assert in_handler(lambda _loop: opens()).startswith("EscapeError: ")


@pytest.mark.parametrize("name", ["run_forever", "stop", "close"])
def test_a_handler_can_neither_run_nor_end_its_loop(name: str) -> None:
    """The class is asyncio's own: libraries look for it."""
    assert in_handler(lambda loop: getattr(loop, name)()) == (
        "RuntimeError: This event loop is running the handler: "
        f"{name}() can't be called in it. Use await."
    )


def test_no_other_loop_runs_inside_a_handler() -> None:
    """`asyncio.run` and `run_until_complete` say so, and leave no coroutine unawaited."""

    def run(_loop: AgentLoop) -> object:
        coroutine = asyncio.sleep(0)
        try:
            return asyncio.run(coroutine)
        finally:
            coroutine.close()

    assert "cannot be called from a running event loop" in in_handler(run)
    assert "run_until_complete() can't be called" in in_handler(
        lambda loop: loop.run_until_complete(asyncio.sleep(0))
    )


def test_task_factories_are_refused() -> None:
    """Their tasks would hash by address, or start out of order; none is the default."""
    assert in_handler(lambda loop: loop.set_task_factory(asyncio.Task)).startswith("UsageError: ")
    assert in_handler(lambda loop: loop.set_task_factory(None)) == "returned None"
    assert in_handler(lambda loop: loop.get_task_factory()) == "returned None"
    assert issubclass(UsageError, Exception)


def test_what_libraries_ask_of_a_loop_is_answered() -> None:
    """It runs, is open, and has neither debug mode nor handlers of its own."""
    assert in_handler(lambda loop: loop.is_running()) == "returned True"
    assert in_handler(lambda loop: loop.is_closed()) == "returned False"
    assert in_handler(lambda loop: loop.get_debug()) == "returned False"
    assert in_handler(lambda loop: loop.set_debug(True)) == "returned None"
    assert in_handler(lambda loop: loop.set_exception_handler(print)) == "returned None"
    assert in_handler(lambda loop: loop.get_exception_handler()) == "returned None"
    assert in_handler(lambda loop: loop.shutdown_asyncgens()) == "returned None"
    assert in_handler(lambda loop: loop.shutdown_default_executor()) == "returned None"
    assert not cell_of(nothing).loop.is_running()


def test_nothing_outside_can_wake_a_handler() -> None:
    """A tool sets an `asyncio.Event` that it got from a handler: no event recorded it."""
    given: list[asyncio.Event] = []

    async def handler(cell: Cell) -> None:
        given.extend([asyncio.Event(), asyncio.Event()])
        waiting = [asyncio.create_task(event.wait()) for event in given]
        await effect(cell)
        say(cell, [task.done() for task in waiting])

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    errors: list[Exception] = []

    def wake(event: asyncio.Event) -> None:
        try:
            event.set()
        except EscapeError as error:
            errors.append(error)

    wake(given[0])
    thread = threading.Thread(target=wake, args=[given[1]])
    thread.start()
    thread.join(10)

    assert len(errors) == 2
    assert "waking a handler from outside" in str(errors[0])
    assert logged(cell.handle(finished(under_way))) == ["[False, False]"]


def test_coroutines_of_another_thread_can_not_be_run_on_a_handlers_loop() -> None:
    """`run_coroutine_threadsafe` from a tool."""
    cell = cell_of(nothing)
    coroutine = asyncio.sleep(0)
    with pytest.raises(EscapeError, match="waking a handler"):
        asyncio.run_coroutine_threadsafe(coroutine, cell.loop)
    coroutine.close()


def test_callbacks_run_in_order_and_can_be_cancelled() -> None:
    """First in, first out."""

    async def handler(cell: Cell) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(say, cell, "one")
        loop.call_soon(say, cell, "never").cancel()
        loop.call_soon_threadsafe(say, cell, "two")
        timer = loop.call_later(0, say, cell, "never either")
        timer.cancel()
        await asyncio.sleep(0)

    assert logged(cell_of(handler).handle(ask(1))) == ["one", "two"]


def test_a_callback_that_fails_is_reported_without_addresses() -> None:
    """asyncio would show the callback's arguments, and where they lie in memory."""

    def fail(_what: object) -> None:
        raise ValueError("no")

    async def handler(cell: Cell) -> None:
        asyncio.get_running_loop().call_soon(fail, object())
        asyncio.get_running_loop().call_soon(say, cell, "goes on")
        await asyncio.sleep(0)

    assert logged(cell_of(handler).handle(ask(1))) == ["a callback raised", "goes on"]


def test_exiting_in_a_task_ends_the_task_and_not_the_host() -> None:
    """asyncio lets `SystemExit` through its loops."""

    async def leave() -> None:
        raise SystemExit(3)

    async def handler(_cell: Cell) -> str:
        try:
            await asyncio.create_task(leave())
        except SystemExit as error:
            return f"exit {error.code}"
        return "?"

    assert result(cell_of(handler).handle(ask(1))) == "exit 3"


def test_reports_of_asyncio_are_logged_without_addresses() -> None:
    """Also those made by a library that calls the handler itself."""

    async def handler(_cell: Cell) -> None:
        loop = asyncio.get_running_loop()
        context = {"message": "Task <Task at 0x7f> has errored out", "exception": ValueError("x")}
        loop.call_exception_handler(context)
        loop.default_exception_handler({})
        loop.call_exception_handler({"message": "Task was destroyed but it is pending!"})

    assert logged(cell_of(handler).handle(ask(1))) == ["Task", ""]


def test_the_clock_stands_still_while_an_event_is_handled() -> None:
    """However often it is read, unless somebody waits for it to move."""

    async def handler(cell: Cell) -> object:
        loop = cell.loop
        early = [loop.time(), loop.read_monotonic_ns(), loop.read_wall_ns() - START]
        for _ in range(2 * READS_FREE):
            loop.time()
        return [*early, loop.time() > early[0]]

    assert result(cell_of(handler).handle(ask(1, at=5 * MS))) == [0.005, 5 * MS, 5 * MS, True]


def test_a_busy_wait_for_the_clock_ends() -> None:
    """`while loop.time() < end` would otherwise hang the host."""

    async def handler(cell: Cell) -> str:
        end = cell.loop.time() + 0.01
        while cell.loop.time() < end:  # noqa: ASYNC110 - that is the mistake
            await asyncio.sleep(0)
        return "ended"

    assert result(cell_of(handler).handle(ask(1))) == "ended"


def test_hashes_of_tasks_differ_between_agents_and_agree_between_processes() -> None:
    """asyncio keeps all tasks of a process in one set: equal hashes would make it slow."""
    serials = [cell_of(nothing, address=f"A/{key}").loop.next_serial() for key in range(100)]

    assert len({*serials}) == 100
    assert cell_of(nothing, address="A/x").loop.next_serial() == 64334075217291009
    assert cell_of(nothing, address="A/\ud800").loop.next_serial()  # an odd key


def test_futures_hash_by_number_once_they_are_hashed() -> None:
    """Few ever are."""
    loop = cell_of(nothing).loop
    one, other = AgentFuture[int](loop=loop), AgentFuture[int](loop=loop)
    numbers = [hash(other), hash(one), hash(other)]

    assert numbers[1] == numbers[0] + 1
    assert numbers[2] == numbers[0]
    assert one == one  # noqa: PLR0124
    assert one != other


def test_many_cells_with_open_tasks_stay_fast() -> None:
    """A thousand agents with a hundred tasks each: not a hundred thousand collisions."""

    async def handler(cell: Cell) -> None:
        await asyncio.gather(*(effect(cell) for _ in range(20)))

    cells = [cell_of(handler, address=f"A/{key}") for key in range(1_000)]
    for cell in cells:
        cell.handle(tell(1))

    assert len({hash(task) for cell in cells for task in _tasks(cell)}) == 20_000


def _tasks(cell: Cell) -> list[asyncio.Task[Any]]:
    (turn,) = cell.turns.values()
    assert turn.tasks is not None
    return [*turn.tasks]
