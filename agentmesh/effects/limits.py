"""A limit of time for a coroutine, which costs nothing if the coroutine never waits.

`asyncio.timeout` sets a timer first. What ends at once, as a tool that has its answer at
hand does, needs none: here the coroutine runs up to its first wait, and only then is the
timer set, for the moment that it would have been set for.

The rest is asyncio's: the coroutine runs in the task that awaits it, all the time.
"""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Limit:
    """How long something may take, by the clock of the running loop.

    Args:
        seconds_left: Asked when the coroutine begins to wait; None for no limit.
    """

    __slots__ = ("_seconds_left", "_timeout")

    def __init__(self, seconds_left: Callable[[], float | None]) -> None:
        self._seconds_left = seconds_left
        self._timeout: asyncio.Timeout | None = None

    @property
    def expired(self) -> bool:
        """Whether the time was up before the coroutine had ended."""
        return self._timeout is not None and self._timeout.expired()

    async def hold(self, work: Awaitable[T]) -> T:
        """Await something, and cancel it when the time is up.

        Raises:
            TimeoutError: It was.
            Exception: What the coroutine raised.
        """
        if not isinstance(work, types.CoroutineType):
            async with self._begin():
                return await work
        try:
            waits_for = work.send(None)
        except StopIteration as end:
            ended: T = end.value
            return ended
        async with self._begin():
            rest: T = await _go_on(work, waits_for)
            return rest

    def _begin(self) -> asyncio.Timeout:
        self._timeout = asyncio.timeout(self._seconds_left())
        return self._timeout


@types.coroutine
def _go_on(work: Coroutine[Any, Any, T], waits_for: object) -> Generator[Any, Any, T]:
    """Go on with a coroutine that has run up to its first wait."""
    while True:
        try:
            yield waits_for
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's to deal with
            try:
                waits_for = work.throw(error)
            except StopIteration as end:
                ended: T = end.value
                return ended
        else:
            rest: T = yield from work  # of a coroutine too: `types.coroutine` allows it
            return rest
