"""Where an answer from outside arrives: of an ask, or of an effect.

A `Pending` is awaited for the final value or iterated for the pieces before it.
When whoever waits is cancelled, it is withdrawn: the other side is told, once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agentmesh.kernel.tasks import AgentFuture

if TYPE_CHECKING:
    from agentmesh.kernel.loop import AgentLoop
    from agentmesh.kernel.turn import Turn

T = TypeVar("T")

Performer = Callable[[Callable[[bytes], None]], Awaitable[bytes]]
"""What a live driver awaits for an effect; it is given a function that emits chunks."""


class Waiter(Protocol):
    """What a `Pending` needs of the cell it belongs to."""

    loop: "AgentLoop"

    def withdraw(self, pending: "Pending[Any]") -> None:
        """Tell the other side that nobody waits any more."""


class Pending(AgentFuture[T]):
    """One answer that has not come yet, perhaps preceded by pieces.

    Args:
        cell: Who waits.
        turn: The turn that issued it.
        number: Of the ask: the message's; of the effect: its issue number.
        dst: Address of the asked agent; empty for an effect.
    """

    __slots__ = ("_cell", "_pieces", "_waiter", "dst", "key", "number", "perform", "turn")

    def __init__(self, cell: Waiter, turn: "Turn", number: int, dst: str = "") -> None:
        super().__init__(loop=cell.loop)
        self._cell = cell
        self._pieces: deque[T] | None = None
        self._waiter: AgentFuture[None] | None = None
        self.turn = turn
        self.number = number
        self.dst = dst
        self.key = ""
        """Identity of the effect; empty for an ask."""
        self.perform: Performer | None = None
        """What performs the effect, until the driver has taken it."""

    @property
    def future(self) -> "asyncio.Future[T]":
        """The final value, to be awaited."""
        return self

    def cancel(self, msg: Any | None = None) -> bool:
        """Stop waiting, and tell the other side."""
        if not super().cancel(msg):
            return False
        self._wake()
        self._cell.withdraw(self)
        return True

    def close(self) -> None:
        """Stop waiting; tells the other side if it has not ended."""
        self.cancel()

    @property
    def pieces(self) -> int:
        """How many pieces have come that nobody has taken."""
        return len(self._pieces or ())

    def put(self, piece: T) -> None:
        """Take in one piece."""
        if self._pieces is None:
            self._pieces = deque()
        self._pieces.append(piece)
        self._wake()

    def finish(self, value: T) -> None:
        """Take in the final value."""
        if not self.done():
            self.set_result(value)
        self._wake()

    def fail(self, error: Exception) -> None:
        """Take in the failure."""
        if not self.done():
            self.set_exception(error)
            # Whether somebody fetches it is for the handler to decide: nothing to report.
            self._log_traceback = False
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
            if self.done():
                self.result()
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
