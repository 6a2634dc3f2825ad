"""asyncio's own tools inside a handler: they work, and only events decide what comes first.

In each test two effects or timers are under way, and the order in which the driver
lets them end is what the handler sees.
"""

import asyncio

import pytest

from agentmesh.kernel import commands
from agentmesh.kernel.cell import Cell
from tests.kernel.bodies import run, tagged
from tests.kernel.helpers import (
    MS,
    START,
    ask,
    cell_of,
    effect,
    failed,
    failure,
    finished,
    fired,
    logged,
    result,
    say,
    started,
    timer,
    timers,
)


@pytest.mark.parametrize(
    ("order", "seen"), [((0, 1), ["a=r0", "b=r1"]), ((1, 0), ["b=r1", "a=r0"])]
)
def test_gather(order: tuple[int, ...], seen: list[str]) -> None:
    """Results come in the order of the arguments, whatever ended first."""

    async def body(cell: Cell) -> object:
        return await asyncio.gather(tagged(cell, "a"), tagged(cell, "b"))

    issued = run(body, order)

    assert logged(issued) == seen
    assert result(issued) == ["ar0", "br1"]


def test_gather_hands_on_the_first_failure_and_lets_the_others_run() -> None:
    """What still runs when the handler ends is cancelled with it."""

    async def body(cell: Cell) -> object:
        return await asyncio.gather(tagged(cell, "a"), tagged(cell, "b"))

    cell = cell_of(body)
    one, other = started(cell.handle(ask(1)))
    issued = cell.handle(failed(one, ValueError("no")))

    assert failure(issued)["what"] == "no"
    assert issued[-1] == commands.CancelEffect(other.turn, other.n)
    assert cell.idle


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_task_groups(order: tuple[int, ...]) -> None:
    """Both children end before the group does."""

    async def body(cell: Cell) -> object:
        async with asyncio.TaskGroup() as group:
            one = group.create_task(tagged(cell, "a"))
            other = group.create_task(tagged(cell, "b"))
        return [one.result(), other.result()]

    assert result(run(body, order)) == ["ar0", "br1"]


def test_a_task_group_cancels_the_siblings_of_what_fails() -> None:
    """And the failure is a group of its own."""

    async def body(cell: Cell) -> object:
        seen: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(tagged(cell, "a"))
                group.create_task(tagged(cell, "b"))
        except* ValueError as failures:
            seen += map(str, failures.exceptions)
        return seen

    cell = cell_of(body)
    one, other = started(cell.handle(ask(1)))
    issued = cell.handle(failed(one, ValueError("no")))

    assert issued[0] == commands.CancelEffect(other.turn, other.n)
    assert result(issued) == ["no"]


def test_wait_hands_out_sets_in_a_repeatable_order() -> None:
    """Six are done at once; the order of a set of tasks is that of their serials."""

    async def body(cell: Cell) -> object:
        tasks = [asyncio.create_task(asyncio.sleep(0, index)) for index in range(6)]
        done, pending = await asyncio.wait(tasks)
        assert pending == set()
        return [task.result() for task in done]

    assert result(cell_of(body).handle(ask(1))) == result(cell_of(body).handle(ask(1)))


@pytest.mark.parametrize("first", [0, 1])
def test_wait_for_the_first_that_completes(first: int) -> None:
    """The one that lost the race is cancelled by the handler."""

    async def body(cell: Cell) -> object:
        tasks = {asyncio.create_task(tagged(cell, name)) for name in ("a", "b")}
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return sorted(task.result() for task in done)

    issued = run(body, [first])
    by_name = sorted(started(issued), key=lambda one: one.name)

    assert len(by_name) == 2
    winner = started(issued)[first]
    assert result(issued) == [f"{winner.name}r{first}"]
    (loser,) = [one for one in by_name if one is not winner]
    assert commands.CancelEffect(loser.turn, loser.n) in issued


@pytest.mark.usefixtures("standard_library")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_as_completed(order: tuple[int, ...]) -> None:
    """Given coroutines, which hash by address; it starts them as they were written."""

    async def body(cell: Cell) -> object:
        names = ("a", "b", "c")
        return [await each for each in asyncio.as_completed([tagged(cell, n) for n in names])]

    issued = run(body, order)

    assert [one.name for one in started(issued)] == ["a", "b", "c"]
    assert result(issued) == [f"{'abc'[index]}r{index}" for index in order]


def test_wait_for_gives_up_when_the_timer_fires_first() -> None:
    """The effect is cancelled, and what waited for it is told."""

    async def body(cell: Cell) -> str:
        try:
            await asyncio.wait_for(tagged(cell, "a"), 0.005)
        except TimeoutError:
            return "late"
        return "in time"

    cell = cell_of(body)
    first = cell.handle(ask(1))
    (due,) = timers(first)
    assert due.due == START + 5 * MS
    issued = cell.handle(fired(due))

    assert commands.CancelEffect(1, started(first)[0].n) in issued
    assert result(issued) == "late"


def test_wait_for_takes_its_timer_back_when_the_result_comes_first() -> None:
    """The driver must not ring for nothing."""

    async def body(cell: Cell) -> object:
        return await asyncio.wait_for(effect(cell), 0.005)

    cell = cell_of(body)
    first = cell.handle(ask(1))
    issued = cell.handle(finished(started(first)[0], "x"))
    (due,) = timers(first)

    assert commands.CancelTimer(due.turn, due.n) in issued
    assert result(issued) == "x"


def test_a_timeout_that_is_not_needed_leaves_no_trace() -> None:
    """Set and taken back while the same event is handled: nobody outside has heard of it."""

    async def body(cell: Cell) -> str:
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
        return "done"

    issued = cell_of(body).handle(ask(1))

    assert [type(command).__name__ for command in issued] == ["Send", "FinishTurn"]


def test_an_effect_that_is_taken_back_at_once_leaves_no_trace() -> None:
    """It was issued and cancelled before the driver saw it; numbers go on."""

    async def body(cell: Cell) -> None:
        task = asyncio.create_task(effect(cell, "never"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await effect(cell, "second")

    (only,) = cell_of(body).handle(ask(1))

    assert isinstance(only, commands.StartEffect)
    assert (only.n, only.name) == (2, "second")


def test_timeout_blocks() -> None:
    """Nested, the inner one fires; the outer one is taken back."""

    async def body(cell: Cell) -> str:
        async with asyncio.timeout(10):
            try:
                async with asyncio.timeout(1):
                    await effect(cell)
            except TimeoutError:
                return "inner"
        return "?"

    cell = cell_of(body)
    outer, inner = timers(cell.handle(ask(1)))
    issued = cell.handle(fired(inner))

    assert result(issued) == "inner"
    assert commands.CancelTimer(outer.turn, outer.n) in issued


def test_sleeping_is_a_timer() -> None:
    """Rounded up to the next nanosecond, never early."""

    async def body(_cell: Cell) -> float:
        begin = asyncio.get_running_loop().time()
        await asyncio.sleep(0.25)
        return asyncio.get_running_loop().time() - begin

    cell = cell_of(body)
    (due,) = cell.handle(ask(1))
    assert due == timer(250 * MS)
    assert result(cell.handle(fired(due))) == 0.25


def test_a_timer_that_fires_late_moves_the_clock_to_then() -> None:
    """Logical time is that of the event, not what the handler hoped for."""

    async def body(cell: Cell) -> int:
        await asyncio.sleep(0.25)
        return cell.now - START

    cell = cell_of(body)
    (due,) = cell.handle(ask(1))
    assert result(cell.handle(fired(due, late=3 * MS))) == 253 * MS


def test_a_timer_in_the_past_needs_no_driver() -> None:
    """It is ready at once, behind what is ready already."""

    async def body(cell: Cell) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0, say, cell, "first timer")
        loop.call_at(loop.time() - 5, say, cell, "second timer")
        loop.call_soon(say, cell, "callback")
        await asyncio.sleep(0)
        say(cell, "after")

    issued = cell_of(body).handle(ask(1))

    assert logged(issued) == ["first timer", "second timer", "callback", "after"]
    assert timers(issued) == []


def test_sleeping_forever_is_possible() -> None:
    """Until somebody cancels it, or for 146 years."""

    async def body(_cell: Cell) -> None:
        await asyncio.sleep(float("inf"))

    (due,) = timers(cell_of(body).handle(ask(1)))

    assert due.due == START + 2**62
    assert due.due < 2**63
