"""What a handler leaves behind ends with its turn, in a repeatable order."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentmesh.kernel import commands
from agentmesh.kernel.cell import Cell
from tests.kernel.helpers import (
    START,
    ask,
    cell_of,
    effect,
    ends,
    failed,
    finished,
    fired,
    logged,
    reply,
    say,
    start,
    started,
    timers,
)


async def cancelled_says(cell: Cell, name: str) -> None:
    """Wait, and say when that is cancelled."""
    try:
        await effect(cell, name)
    except asyncio.CancelledError:
        say(cell, f"{name} cancelled")
        raise


def test_tasks_are_cancelled_in_the_order_of_their_creation() -> None:
    """The reply does not wait for them."""

    async def handler(cell: Cell) -> str:
        cell.run = [asyncio.create_task(cancelled_says(cell, name)) for name in "abc"]
        await asyncio.sleep(0)
        return "done"

    issued = cell_of(handler).handle(ask(1))
    answered = issued.index(reply("done"))

    assert logged(issued[answered:]) == ["a cancelled", "b cancelled", "c cancelled"]
    assert ends(issued) == [("C/y#1", commands.DONE)]


def test_a_task_that_never_started_never_does() -> None:
    """It was created in the handler's last breath."""

    async def handler(cell: Cell) -> None:
        cell.run = asyncio.create_task(cancelled_says(cell, "never"))

    assert len(cell_of(handler).handle(ask(1))) == 2


def test_clean_up_of_a_left_task_may_take_several_events() -> None:
    """The cell is not idle until it has ended, and starts other turns meanwhile."""

    async def left(cell: Cell) -> None:
        try:
            await effect(cell, "work")
        finally:
            await effect(cell, "one")
            await effect(cell, "two")
            say(cell, "clean")

    async def handler(cell: Cell) -> None:
        cell.run = asyncio.create_task(left(cell))
        await effect(cell, "signal")

    cell = cell_of(handler)
    (signal, work) = started(cell.handle(ask(1)))
    (_, _, taken_back, one) = cell.handle(finished(signal))
    assert taken_back == commands.CancelEffect(work.turn, work.n)
    assert not cell.idle
    (two,) = started(cell.handle(finished(one)))
    assert logged(cell.handle(finished(two))) == ["clean"]
    assert cell.idle


def test_a_left_task_that_fails_is_reported() -> None:
    """Also when it fails only as it is cancelled, and also when it had failed before."""

    async def fails(*, at_once: bool) -> None:
        try:
            if not at_once:
                await asyncio.sleep(10)
        finally:
            raise ValueError(f"at once: {at_once}")

    async def handler(cell: Cell) -> None:
        cell.run = [asyncio.create_task(fails(at_once=flag)) for flag in (True, False)]
        await asyncio.sleep(0)

    issued = cell_of(handler).handle(ask(1))
    reports = [c for c in issued if isinstance(c, commands.Log)]

    assert [(one.level, one.event, one.turn) for one in reports] == [
        ("error", "a task failed and nobody awaited it", 1)
    ] * 2
    assert b"at once: True" in reports[0].fields
    assert b"at once: False" in reports[1].fields


def test_a_failure_is_reported_though_hundreds_of_tasks_came_after_it() -> None:
    """Tasks that are done are forgotten on the way; their failures are not."""

    async def fails() -> None:
        raise ValueError("early")

    async def handler(_cell: Cell) -> None:
        tasks = [asyncio.create_task(fails())]
        for _ in range(500):
            tasks = [asyncio.create_task(asyncio.sleep(0))]
            await tasks[0]

    assert logged(cell_of(handler).handle(ask(1))) == ["a task failed and nobody awaited it"]


def test_a_failure_that_somebody_looked_at_is_not_reported() -> None:
    """`gather` took the exception; asyncio would be silent as well."""

    async def fails() -> None:
        raise ValueError("seen")

    async def handler(_cell: Cell) -> None:
        await asyncio.gather(fails(), return_exceptions=True)

    assert logged(cell_of(handler).handle(ask(1))) == []


def test_tasks_created_during_the_clean_up_end_as_well() -> None:
    """One spawns another as it is cancelled."""

    async def second(cell: Cell) -> None:
        await cancelled_says(cell, "second")

    async def first(cell: Cell) -> None:
        try:
            await effect(cell, "first")
        finally:
            cell.run = asyncio.create_task(second(cell))
            await asyncio.sleep(0)

    async def handler(cell: Cell) -> None:
        task = asyncio.create_task(first(cell))
        await asyncio.sleep(0)
        say(cell, f"leave {task.get_name()}")

    cell = cell_of(handler)

    assert logged(cell.handle(ask(1))) == ["leave Task-1", "second cancelled"]
    assert cell.idle


def test_timers_and_answers_that_nobody_waits_for_are_taken_back() -> None:
    """A callback set for later, an effect and an ask that were only issued."""

    async def handler(cell: Cell) -> None:
        asyncio.get_running_loop().call_later(5, say, cell, "never")
        start(cell)
        cell.ask("B/z", "q", "T", b"null")
        await effect(cell, "signal")

    cell = cell_of(handler)
    first = cell.handle(ask(1))
    (late,) = timers(first)
    idle, signal = started(first)
    issued = cell.handle(finished(signal))

    assert commands.CancelTimer(late.turn, late.n) in issued
    assert commands.CancelEffect(idle.turn, idle.n) in issued
    assert sum(isinstance(c, commands.Send) for c in issued) == 2
    assert cell.handle(fired(late)) == []


async def ticks(cell: Cell, name: str) -> AsyncIterator[int]:
    """Count effects; say when closed."""
    try:
        for number in range(9):
            await effect(cell, name)
            yield number
    finally:
        say(cell, f"{name} closed")


def test_generators_that_are_still_held_are_closed_when_the_turn_ends() -> None:
    """Broken off, but a reference is left: in the order in which they were begun."""

    async def handler(cell: Cell) -> None:
        held = [ticks(cell, "a"), ticks(cell, "b")]
        cell.run = held
        for each in held:
            await anext(each)
        say(cell, "return")

    cell = cell_of(handler)
    (one,) = started(cell.handle(ask(1)))
    (two,) = started(cell.handle(finished(one)))

    assert logged(cell.handle(finished(two))) == ["return", "a closed", "b closed"]
    assert cell.idle


def test_a_generator_is_closed_after_the_task_that_iterates_it_has_ended() -> None:
    """Not while it runs: asyncio would refuse."""

    async def consume(cell: Cell, source: AsyncIterator[int]) -> None:
        try:
            async for _ in source:
                pass
        finally:
            await effect(cell, "slow clean-up")
            say(cell, "consumer ended")

    async def handler(cell: Cell) -> None:
        source = ticks(cell, "a")
        cell.run = source, asyncio.create_task(consume(cell, source))
        await effect(cell, "signal")

    cell = cell_of(handler)
    signal, _tick = started(cell.handle(ask(1)))
    issued = cell.handle(finished(signal))
    assert logged(issued) == ["a closed"]
    (slow,) = started(issued)
    assert logged(cell.handle(finished(slow))) == ["consumer ended"]
    assert cell.idle


def test_a_failure_to_close_a_generator_is_reported() -> None:
    """Its `finally` raises, and nobody iterates it any more."""

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("can't close")

    async def handler(_cell: Cell) -> None:
        async for _ in source():
            break

    assert logged(cell_of(handler).handle(ask(1))) == ["a task failed and nobody awaited it"]


def cyclic_garbage(cell: Cell) -> Any:
    """A generator that only the garbage collector can find."""
    source = ticks(cell, "lost")
    ring: list[Any] = [source]
    ring.append(ring)
    return source


@pytest.mark.parametrize("collects", [True, False], ids=["collected", "not collected"])
def test_the_garbage_collector_closes_nothing(*, collects: bool) -> None:
    """Whether and when it runs between two events must make no difference."""

    async def handler(cell: Cell) -> None:
        await anext(cyclic_garbage(cell))
        kept = ticks(cell, "kept")
        await anext(kept)
        await effect(cell, "signal")
        say(cell, "return")

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    for _ in range(2):
        issued = cell.handle(finished(started(issued)[0]))
    if collects:
        gc.collect()
    issued = cell.handle(finished(started(issued)[0]))

    assert logged(issued) == ["return", "kept closed", "lost closed"]


def test_the_garbage_collector_does_not_run_inside_a_handler() -> None:
    """Whatever its finalisers do would happen at a moment that no replay can repeat."""
    runs: list[str] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        if asyncio._get_running_loop() is not None:
            runs.append(phase)

    async def handler(_cell: Cell) -> None:
        for _ in range(20_000):
            ring: list[Any] = []
            ring.append(ring)

    cell = cell_of(handler)
    gc.collect()
    gc.callbacks.append(note)
    try:
        cell.handle(ask(1))
    finally:
        gc.callbacks.remove(note)

    assert runs == []
    assert gc.isenabled()


def test_a_collector_that_was_switched_off_stays_off() -> None:
    """The host, or a benchmark, has its reasons."""
    cell = cell_of(lambda _cell: asyncio.sleep(0))
    gc.disable()
    try:
        cell.handle(ask(1))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_reports_of_destroyed_tasks_issue_nothing() -> None:
    """asyncio reports them when they are destroyed, whenever that is."""

    async def fails() -> None:
        raise ValueError("nobody looks")

    async def handler(cell: Cell) -> None:
        loop = asyncio.get_running_loop()
        ring: list[Any] = [loop.create_future()]
        ring[0].set_exception(ValueError("never retrieved"))
        ring.append(ring)
        await effect(cell)

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    gc.collect()
    issued = cell.handle(failed(under_way, ValueError("no")))

    assert logged(issued) == []
    assert ends(issued) == [("C/y#1", commands.FAILED)]


def test_nothing_is_issued_between_two_events() -> None:
    """A timer is cancelled from outside, as a finaliser might: nobody must hear of it later."""
    timer: list[asyncio.TimerHandle] = []

    async def handler(cell: Cell) -> None:
        timer.append(asyncio.get_running_loop().call_later(5, say, cell, "never"))
        await effect(cell)

    cell = cell_of(handler)
    first = cell.handle(ask(1))
    timer[0].cancel()
    cell.log("info", "from outside", b"{}")
    issued = cell.handle(finished(started(first)[0]))

    assert [type(command).__name__ for command in issued] == ["Send", "FinishTurn"]
    assert timers(first)[0].due == START + 5_000_000_000
