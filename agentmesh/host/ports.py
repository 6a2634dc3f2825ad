"""What the engine needs of those around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from agentmesh.kernel.commands import Command
from agentmesh.kernel.events import Event

if TYPE_CHECKING:
    from agentmesh.host.engine import Host


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


class Keeper(Protocol):
    """Looks after the journal; `agentmesh.host.checkpoints.Checkpoints` is one."""

    def guard(self) -> None:
        """Raise if nothing may leave this process any more."""

    def after_tick(self, host: "Host") -> None:
        """Do what is due between ticks."""
