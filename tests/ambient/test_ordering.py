"""Coroutines that asyncio is given together start in the order they were written."""

import asyncio

from agentmesh.ambient import uninstall
from tests.ambient.helpers import ProbeLoop, run


def test_as_completed_starts_coroutines_in_the_order_given(loop: ProbeLoop) -> None:
    """It makes a set of them, and coroutines hash by address."""
    started: list[int] = []

    async def step(number: int) -> int:
        started.append(number)
        await asyncio.sleep(0)
        return number

    async def handler() -> list[int]:
        return [await each for each in asyncio.as_completed([step(n) for n in range(50)])]

    assert run(handler(), loop) == list(range(50))
    assert started == list(range(50))


def test_the_same_future_given_twice_counts_once(loop: ProbeLoop) -> None:
    async def handler() -> int:
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        done, pending = await asyncio.wait([future, future])
        return len(done) + len(pending)

    assert run(handler(), loop) == 1


def test_outside_and_without_it_asyncio_is_as_ever() -> None:
    async def ordinary() -> list[int]:
        steps = [asyncio.sleep(0, number) for number in range(5)]
        return [await each for each in asyncio.as_completed(steps)]

    assert sorted(asyncio.run(ordinary())) == list(range(5))
    uninstall()
    assert sorted(asyncio.run(ordinary())) == list(range(5))
    assert "set" not in vars(asyncio.tasks)
