"""A limit of time: the coroutine it holds must not notice that its timer is set late."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from agentmesh.effects.limits import Limit

FAR, NEAR = 60.0, 0.02


def hold(work: Awaitable[object], seconds: float | None) -> tuple[object, bool]:
    """Return what awaiting it gave, and whether the limit says that the time was up."""

    async def main() -> tuple[object, bool]:
        limit = Limit(lambda: seconds)
        try:
            return await limit.hold(work), limit.expired
        except (TimeoutError, LookupError) as error:
            return type(error), limit.expired

    return asyncio.run(main())


async def at_once() -> str:
    """End without waiting."""
    return "ended"


async def later() -> str:
    """Wait more than once."""
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return "ended"


async def fails() -> str:
    """Fail after waiting."""
    await asyncio.sleep(0)
    raise LookupError


async def for_ever() -> str:
    """Wait, and wait again while being cancelled."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.001)
    return "ended"


async def own_timeout() -> str:
    """Run into a timeout of its own."""
    async with asyncio.timeout(0.001):
        await asyncio.sleep(60)
    return "ended"


async def stubborn() -> str:
    """End as if nothing had been when it is cancelled."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "ended"


@pytest.mark.parametrize(
    ("work", "seconds", "ends"),
    [
        (at_once, FAR, ("ended", False)),
        (at_once, 0.0, ("ended", False)),
        (later, FAR, ("ended", False)),
        (later, None, ("ended", False)),
        (fails, FAR, (LookupError, False)),
        (for_ever, NEAR, (TimeoutError, True)),
        (own_timeout, FAR, (TimeoutError, False)),
        (stubborn, NEAR, ("ended", True)),
    ],
)
def test_a_limit_ends_only_what_takes_too_long(
    work: Callable[[], Coroutine[Any, Any, str]],
    seconds: float | None,
    ends: tuple[object, bool],
):
    """Whatever the coroutine does, it ends as under `asyncio.timeout`."""
    assert hold(work(), seconds) == ends


def test_no_time_is_asked_for_what_ends_at_once():
    """A timer costs more than all the rest of a tool that does nothing."""

    def refuse() -> float:
        pytest.fail("asked")

    assert asyncio.run(Limit(refuse).hold(at_once())) == "ended"


def test_something_that_can_only_be_awaited_is_held_too():
    """A performer may return a future: it is awaited under the same limit."""

    async def main() -> None:
        limit = Limit(lambda: NEAR)
        with pytest.raises(TimeoutError):
            await limit.hold(asyncio.get_running_loop().create_future())
        assert limit.expired

    asyncio.run(main())


def test_cancelling_whoever_holds_reaches_the_coroutine():
    """It may clean up, with waits of its own, and the limit has not expired."""
    seen: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.001)
            seen.append("cleaned up")

    async def main() -> None:
        limit = Limit(lambda: FAR)
        task = asyncio.create_task(limit.hold(cleans_up()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not limit.expired

    asyncio.run(main())

    assert seen == ["cleaned up"]


def test_a_coroutine_that_is_dropped_in_the_middle_is_closed():
    """Its `finally` blocks run when whoever holds it is thrown away."""
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("closed")

    async def main() -> None:
        holding = Limit(lambda: FAR).hold(waits())

        async def once() -> None:
            holding.send(None)
            holding.close()

        await once()

    asyncio.run(main())

    assert seen == ["closed"]
