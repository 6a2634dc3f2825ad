"""What the engine needs of those around it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agentmesh.host.holding import Holding
from agentmesh.host.resident import Resident
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Event


class Journal(Protocol):
    """What the engine needs of a log; `agentmesh.journal.log.LogWriter` is one."""

    def open_cell(self, address: str) -> object:
        """Announce an agent."""

    def event(self, address: str, step: int, event: Event) -> None:
        """Add an event, before the cell handles it."""

    def commands(self, address: str, step: int, commands: Sequence[Command]) -> None:
        """Add all that handling the event issued."""

    def write(self) -> None:
        """Write what was added since the last time: it survives this process."""

    def commit(self) -> None:
        """Write, and wait until it survives what it is to survive: the machine, perhaps."""


class Kept(Protocol):
    """What a keeper sees of the engine, which is at rest between two ticks."""

    @property
    def residents(self) -> Mapping[str, Resident]:
        """The cells that live here by address, oldest first."""

    @property
    def undelivered(self) -> list[Envelope]:
        """Messages that were taken in and are not journaled yet, and the client's answer."""

    @property
    def flow(self) -> Holding:
        """Who is held, and what waits for them."""


class Keeper(Protocol):
    """Looks after the journal; `agentmesh.host.checkpoints.Checkpoints` is one."""

    def guard(self) -> None:
        """Raise if nothing may leave this process any more."""

    def after_tick(self, host: Kept) -> None:
        """Do what is due between ticks."""
