"""asyncio's queues, locks, generators, contexts and executors inside a handler."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentmesh.kernel import commands
from agentmesh.kernel.cell import Cell
from tests.kernel.bodies import run, tagged
from tests.kernel.helpers import (
    ask,
    cell_of,
    effect,
    ends,
    finished,
    fired,
    logged,
    result,
    say,
    started,
    tell,
    timers,
)


def test_queues() -> None:
    """A bounded queue between a producer and a consumer."""

    async def body(cell: Cell) -> object:
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=1)

        async def produce() -> None:
            for name in ("a", "b", "c"):
                await queue.put(await effect(cell, name))

        producer = asyncio.create_task(produce())
        got = [await queue.get() for _ in range(3)]
        await producer
        return got

    assert result(run(body, [0, 1, 2])) == ["r0", "r1", "r2"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_events_wake_their_waiters_in_order(order: tuple[int, ...]) -> None:
    """Whoever waited first goes first, whatever set the event."""

    async def body(cell: Cell) -> None:
        event = asyncio.Event()

        async def wait(name: str) -> None:
            await event.wait()
            say(cell, name)

        async def ring() -> None:
            await asyncio.wait(
                [asyncio.create_task(effect(cell, n)) for n in "ab"],
                return_when=asyncio.FIRST_COMPLETED,
            )
            event.set()

        await asyncio.gather(wait("one"), wait("two"), ring())

    assert logged(run(body, order[:1])) == ["one", "two"]


def test_locks_are_fair() -> None:
    """Three want it; they get it in the order in which they asked."""

    async def body(cell: Cell) -> None:
        lock = asyncio.Lock()

        async def hold(name: str) -> None:
            async with lock:
                say(cell, f"{name} in")
                await effect(cell, name)
                say(cell, f"{name} out")

        await asyncio.gather(*map(hold, "abc"))

    seen = logged(run(body, [0, 1, 2]))

    assert seen == ["a in", "a out", "b in", "b out", "c in", "c out"]


def test_semaphores_admit_as_many_as_they_say() -> None:
    """Two of three are in; the third follows whoever leaves first."""

    async def body(cell: Cell) -> None:
        semaphore = asyncio.Semaphore(2)

        async def hold(name: str) -> None:
            async with semaphore:
                await effect(cell, name)

        await asyncio.gather(*map(hold, "abc"))

    cell = cell_of(body)
    first = cell.handle(ask(1))
    assert [one.name for one in started(first)] == ["a", "b"]
    assert [one.name for one in started(cell.handle(finished(started(first)[1])))] == ["c"]


def test_conditions() -> None:
    """`notify` wakes one, `notify_all` the rest."""

    async def body(cell: Cell) -> None:
        condition = asyncio.Condition()

        async def wait(name: str) -> None:
            async with condition:
                await condition.wait()
                say(cell, name)

        waiting = [asyncio.create_task(wait(name)) for name in "abc"]
        await effect(cell)
        async with condition:
            condition.notify()
        await asyncio.sleep(0)
        say(cell, "then")
        async with condition:
            condition.notify_all()
        await asyncio.gather(*waiting)

    assert sorted(logged(run(body, [0]))) == ["a", "b", "c", "then"]


def test_barriers() -> None:
    """Nobody passes before all have arrived."""

    async def body(cell: Cell) -> object:
        barrier = asyncio.Barrier(2)

        async def arrive(name: str) -> int:
            await effect(cell, name)
            return await barrier.wait()

        return await asyncio.gather(arrive("a"), arrive("b"))

    assert result(run(body, [1, 0])) == [1, 0]


def test_shield_keeps_what_it_protects_running() -> None:
    """The waiter is cancelled; the work goes on and its result can still be had."""

    async def body(cell: Cell) -> object:
        inner = asyncio.create_task(effect(cell, "inner"))
        try:
            await asyncio.wait_for(asyncio.shield(inner), 0.001)
        except TimeoutError:
            say(cell, "gave up waiting")
        return await inner

    cell = cell_of(body)
    first = cell.handle(ask(1))
    second = cell.handle(fired(timers(first)[0]))
    assert logged(second) == ["gave up waiting"]
    assert result(cell.handle(finished(started(first)[0], "still came"))) == "still came"


def test_cancelling_a_task_cancels_the_effect_it_waits_for() -> None:
    """And its `finally` may wait for another one."""

    async def body(cell: Cell) -> str:
        async def work() -> None:
            try:
                await effect(cell, "work")
            finally:
                await effect(cell, "clean up")

        task = asyncio.create_task(work())
        await effect(cell, "signal")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return "ended"

    cell = cell_of(body)
    signal, work = started(cell.handle(ask(1)))
    assert (signal.name, work.name) == ("signal", "work")
    issued = cell.handle(finished(signal))
    assert issued[0] == commands.CancelEffect(work.turn, work.n)
    (clean_up,) = started(issued)
    assert result(cell.handle(finished(clean_up))) == "ended"


def test_a_cancellation_can_be_swallowed() -> None:
    """asyncio allows it, so handlers may."""

    async def body(cell: Cell) -> str:
        async def stubborn() -> str:
            try:
                await effect(cell, "one")
            except asyncio.CancelledError:
                return f"then {await effect(cell, 'two')}"
            return "?"

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    cell = cell_of(body)
    (two,) = started(cell.handle(ask(1)))
    assert two.name == "two"
    assert result(cell.handle(finished(two, "fine"))) == "then fine"


def test_async_generators() -> None:
    """Driven by effects, closed at the moment the loop over them is left."""

    async def items(cell: Cell) -> AsyncIterator[Any]:
        try:
            while True:
                yield await effect(cell, "item")
        finally:
            say(cell, "closed")

    async def body(cell: Cell) -> str:
        async for item in items(cell):
            if item == "stop":
                break
        say(cell, "left the loop")
        await effect(cell, "later")
        return "end"

    cell = cell_of(body)
    (one,) = cell.handle(ask(1))
    (two,) = cell.handle(finished(one, "go on"))
    issued = cell.handle(finished(two, "stop"))

    assert logged(issued) == ["left the loop", "closed"]
    assert result(cell.handle(finished(started(issued)[0]))) == "end"


def test_context_variables_are_a_turns_own() -> None:
    """What one message sets, the next does not see; a task sees what its creator saw."""
    user = contextvars.ContextVar("user", default="nobody")

    async def body(cell: Cell) -> object:
        before = user.get()
        user.set(cell.current().message)
        inside = await asyncio.create_task(_get(user))
        return [before, inside]

    cell = cell_of(body)
    assert result(cell.handle(ask(1))) == ["nobody", "C/y#1"]
    assert result(cell.handle(ask(2))) == ["nobody", "C/y#2"]
    assert user.get() == "nobody"


async def _get(variable: contextvars.ContextVar[str]) -> str:
    return variable.get()


def test_a_task_in_an_empty_context_still_belongs_to_its_turn() -> None:
    """Some libraries start tasks in a context of their own."""

    async def body(cell: Cell) -> object:
        task = asyncio.create_task(effect(cell), context=contextvars.Context())
        return await task

    issued = run(body, [0])

    assert started(issued)[0].turn == 1
    assert result(issued) == "r0"


def test_functions_given_to_executors_run_at_once() -> None:
    """A thread would end in an order that nobody records."""

    async def body(_cell: Cell) -> object:
        loop = asyncio.get_running_loop()
        one = await asyncio.to_thread(str.upper, "a")
        other = await loop.run_in_executor(None, pow, 2, 3)
        return [one, other]

    assert result(cell_of(body).handle(ask(1))) == ["A", 8]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(2), "SystemExit: 2"),
        (StopIteration(5), "RuntimeError: a function given to an executor raised StopIteration"),
    ],
)
def test_failures_in_executors_reach_who_awaits_them(raised: BaseException, seen: str) -> None:
    """As from a thread; a `StopIteration` would otherwise look like a result."""

    def fail() -> None:
        raise raised

    async def body(_cell: Cell) -> str:
        try:
            await asyncio.to_thread(fail)
        except BaseException as error:  # noqa: BLE001
            return f"{type(error).__name__}: {error}"
        return "nothing raised"

    assert result(cell_of(body).handle(ask(1))) == seen


def test_task_names_count_within_the_cell() -> None:
    """asyncio's own count is shared by a process, and would tell what else runs there."""

    async def body(_cell: Cell) -> object:
        names = [asyncio.create_task(asyncio.sleep(0)).get_name() for _ in range(2)]
        own = asyncio.current_task()
        assert own is not None
        return [own.get_name(), *names, asyncio.create_task(asyncio.sleep(0), name="x").get_name()]

    for _ in range(2):
        assert result(cell_of(body).handle(ask(1))) == ["handler", "Task-1", "Task-2", "x"]


@pytest.mark.usefixtures("standard_library")
@pytest.mark.parametrize("others", [0, 3, 50])
def test_the_tasks_of_a_loop_are_listed_in_a_repeatable_order(others: int) -> None:
    """`all_tasks` picks them from those of all cells of the process.

    The hashes are far apart, so that some collide in a set: then the order in which they
    were put in decides.
    """

    async def body(cell: Cell) -> object:
        tasks = [asyncio.create_task(effect(cell), name=f"t{index}") for index in range(600)]
        await asyncio.sleep(0)
        for index, task in enumerate(tasks):
            if index % 64:
                task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [task.get_name() for task in asyncio.all_tasks()]

    async def wait(cell: Cell) -> object:
        return await effect(cell)

    cells = [cell_of(wait, address=f"A/{index}") for index in range(others)]
    for cell in cells:
        cell.handle(tell(1))
    seen = result(cell_of(body).handle(ask(1)))

    assert sorted(seen) == sorted(["handler", *[f"t{index}" for index in range(0, 600, 64)]])
    assert seen == result(cell_of(body).handle(ask(1)))


def test_effects_of_two_turns_do_not_mix_up() -> None:
    """Each turn numbers its own."""

    async def body(cell: Cell) -> object:
        return await asyncio.gather(effect(cell, "a"), effect(cell, "b"))

    cell = cell_of(body, concurrency=2)
    one, two = started(cell.handle(ask(1))), started(cell.handle(ask(2)))
    cell.handle(finished(two[1], "2b"))
    cell.handle(finished(one[0], "1a"))

    assert result(cell.handle(finished(one[1], "1b"))) == ["1a", "1b"]
    assert result(cell.handle(finished(two[0], "2a"))) == ["2a", "2b"]


def test_ends_are_reported_once_whatever_the_children_do() -> None:
    """Nested groups, timeouts and gathers around effects that end in any order."""

    async def body(cell: Cell) -> object:
        async with asyncio.timeout(5):
            async with asyncio.TaskGroup() as group:
                group.create_task(tagged(cell, "a"))
                inner = asyncio.gather(tagged(cell, "b"), tagged(cell, "c"))
            return await inner

    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        assert ends(run(body, order)) == [("C/y#1", commands.DONE)]
