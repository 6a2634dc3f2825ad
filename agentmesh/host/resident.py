"""A cell on its host: how far it has got, and whose messages it has."""

from collections.abc import Iterator
from dataclasses import dataclass

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.cell import RULES, Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Event
from agentmesh.kernel.snapshot import CellSnapshot

STARTING = (kinds.TELL, kinds.ASK, kinds.SPAWN, kinds.STOP, kinds.MONITOR)
"""Kinds of envelope that bring an agent to life."""


def first_events(at: int, seed: str, envelope: Envelope, refused: str | None) -> Iterator[Event]:
    """Yield what happens to an agent before its first message.

    Args:
        at: Logical time, nanoseconds since the epoch.
        seed: The run's seed.
        envelope: The first message.
        refused: Why the agent can't live; None if it can.
    """
    state = envelope.payload if envelope.kind == kinds.SPAWN else b""
    yield events.Started(at, envelope.dst, seed, RULES, state)
    if refused is not None:
        yield events.Stopped(at, refused)


@dataclass(slots=True)
class Pause:
    """A moment between two turns, in the middle of an event."""

    taken: CellSnapshot
    waiting: tuple[Envelope, ...]
    """What was in the mailbox."""
    step: int = -1
    """Which event; -1 while it is handled."""


class Resident:
    """A cell and how far it has got."""

    __slots__ = ("cell", "pause", "seen", "steps")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.steps = 0
        """Events journaled so far: the number of the next step."""
        self.seen: dict[str, int] = {}
        """By sender, the number of the latest message that was journaled."""
        self.pause: Pause | None = None
        """Its latest pause, if somebody asked for one."""

    def is_new(self, envelope: Envelope) -> bool:
        """Tell whether a message comes for the first time; those of one sender come in order.

        After a crash on either side they may come again: nobody knows what had arrived.
        """
        src, n = envelope.src, envelope.n
        if self.seen.get(src, 0) >= n:
            return False
        self.seen[src] = n
        return True
