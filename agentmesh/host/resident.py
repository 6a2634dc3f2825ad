"""A cell on its host: how far it has got, and whose messages it has."""

from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope


class Resident:
    """A cell and how far it has got."""

    __slots__ = ("cell", "seen", "steps")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.steps = 0
        """Events journaled so far: the number of the next step."""
        self.seen: dict[str, int] = {}
        """By sender, the number of the latest message that was journaled."""

    def is_new(self, envelope: Envelope) -> bool:
        """Tell whether a message comes for the first time; those of one sender come in order.

        After a crash on either side they may come again: nobody knows what had arrived.
        """
        src, n = envelope.src, envelope.n
        if self.seen.get(src, 0) >= n:
            return False
        self.seen[src] = n
        return True
