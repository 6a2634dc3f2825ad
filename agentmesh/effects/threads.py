"""Blocking functions on threads of their own, with the caller's context variables.

The threads are daemons, unlike those of an executor: a function that never returns
must not keep the process from ending. Nobody can stop such a thread; it is left
behind, and its place is given to the next call.
"""

import asyncio
import contextvars
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

THREADS_MAX = 64
"""Blocking functions of one loop that run at once; others wait for their turn."""

_places: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = (
    weakref.WeakKeyDictionary()
)


def place() -> asyncio.Semaphore:
    """Return what limits the threads of the running loop; hold it around `in_thread`."""
    loop = asyncio.get_running_loop()
    return _places.setdefault(loop, asyncio.Semaphore(THREADS_MAX))


async def in_thread(function: Callable[[], T], name: str) -> T:
    """Run a blocking function in a new thread and wait for it.

    Cancelling the wait leaves the thread behind.

    Args:
        function: What to run.
        name: Of the thread, for people who look at a stack dump.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(value: T | None, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def work() -> None:
        value, error = None, None
        try:
            value = context.run(function)
        except BaseException as caught:  # noqa: BLE001 - belongs to whoever waits
            error = caught
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name=f"agentmesh-{name}", daemon=True).start()
    value, error = await ended
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
