"""Runs a blocking function in a thread of its own and awaits its result.

A pool would let one function that never returns hold up the others, and the
end of the process; a daemon thread holds up nothing.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Return what the function returns, or raise what it raises.

    Cancelling the wait leaves the function running; its result is dropped.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type] # None only if T allows it

    def run() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever awaits
            failure = error
        # The loop is closed if the server was stopped meanwhile: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=run, name="agentmesh-model-rule", daemon=True).start()
    return await result
