"""Where an answer from outside arrives: of an ask, or of an effect.

A `Pending` is awaited for the final value or iterated for the pieces before it.
When whoever waits is cancelled, `withdraw` tells the other side, exactly once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from agentmesh.kernel.loop import AgentFuture, AgentLoop

T = TypeVar("T")


class Pending(Generic[T]):
    """One answer that has not come yet, perhaps preceded by pieces.

    Args:
        loop: The cell's loop.
        withdraw: Called when nobody waits any more and no answer has come.
        key: Identity of the effect; empty for an ask.
    """

    __slots__ = ("_loop", "_pieces", "_waiter", "_withdraw", "future", "key")

    def __init__(self, loop: AgentLoop, withdraw: Callable[[], None], key: str = "") -> None:
        self._loop = loop
        self._withdraw = withdraw
        self._pieces: deque[T] | None = None
        self._waiter: AgentFuture[None] | None = None
        self.key = key
        self.future: AgentFuture[T] = AgentFuture(loop=loop)
        """The final value."""
        self.future.add_done_callback(self._on_done)

    def _on_done(self, future: asyncio.Future[T]) -> None:
        if future.cancelled():
            self._withdraw()

    def put(self, piece: T) -> None:
        """Take in one piece."""
        if self._pieces is None:
            self._pieces = deque()
        self._pieces.append(piece)
        self._wake()

    def finish(self, value: T) -> None:
        """Take in the final value."""
        if not self.future.done():
            self.future.set_result(value)
        self._wake()

    def fail(self, error: Exception) -> None:
        """Take in the failure."""
        if not self.future.done():
            self.future.set_exception(error)
            # An exception nobody fetches would be reported when the garbage
            # collector runs: at a moment that no replay can repeat.
            self.future._log_traceback = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next_piece(self) -> T | None:
        """Return the next piece, or None when the final value has come.

        Raises:
            Exception: What the other side failed with, after its last piece.
        """
        while not self._pieces:
            if self.future.done():
                self.future.result()
                return None
            self._waiter = AgentFuture(loop=self._loop)
            try:
                await self._waiter
            except asyncio.CancelledError:
                self.close()
                raise
            finally:
                self._waiter = None
        return self._pieces.popleft()

    def close(self) -> None:
        """Stop waiting; tells the other side if it has not ended."""
        if not self.future.done():
            self.future.cancel()
