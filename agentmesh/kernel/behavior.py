"""What the kernel must know of user code: how to make an agent and run a message."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervision import Policy

if TYPE_CHECKING:
    from agentmesh.kernel.cell import Cell
    from agentmesh.kernel.turn import Turn

Reply = tuple[str, bytes]
"""Name of the reply's type and its JSON."""


class Behavior(Protocol):
    """An agent type, seen from the kernel. The sdk makes one per decorated class or function."""

    concurrency: int
    """How many turns may be open at once in one cell."""

    mailbox: int | None
    """How many messages may wait; None for any number."""

    overflow: str
    """What a full mailbox does: one of `waiting.OVERFLOWS`."""

    supervision: Policy | None
    """What to do about failures; None: a message fails, and that is all."""

    def create(self, state: bytes) -> object:
        """Make an instance from the JSON of its initial state (empty for defaults)."""
        ...

    def dump(self, instance: object) -> bytes:
        """Return the JSON of an instance's state, for `create`; raises if it can't be stored."""
        ...

    def amended(
        self, run: object, instance: object, envelope: Envelope
    ) -> "tuple[Behavior, object]":
        """Return what an agent is after an `EDIT`: its behaviour and its instance."""
        ...

    def root(self, run: object) -> str:
        """Return the address of the workflow of the run that a cell was given."""
        ...

    def reentrant(self, envelope: Envelope) -> bool:
        """Tell whether the message may interleave with the turn that waits for it."""
        ...

    def run(self, cell: "Cell", turn: "Turn") -> Awaitable[Reply]:
        """Handle the turn's message on the cell's instance and return the encoded reply."""
        ...
