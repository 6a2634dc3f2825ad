"""The commands that one event causes, while it is handled.

What is started and taken back while the same event is handled leaves no trace:
nobody outside has heard of it.
"""

from collections.abc import Callable, Sequence

from agentmesh.errors import RunawayTurnError
from agentmesh.kernel import commands
from agentmesh.kernel.commands import Command

COMMANDS_MAX = 1_000_000
"""Commands one event may cause. A host holds all of them until it has journaled them."""

CROWDED_AT = 256
"""Commands of one event after which whoever sends in a loop should wait for the next event: what
was sent leaves the cell only then."""

IssueId = tuple[int, int]
"""Turn and issue number: names an effect or a timer in its cell."""


class Outbox:
    """Base of a cell: what it issues."""

    __slots__ = ("_fresh", "_out", "_withdrawn", "on_command", "recorded")

    def __init__(self) -> None:
        self.on_command: Callable[[Command], None] | None = None
        """Called with each command as it is issued: how a replay finds the source line."""
        self.recorded: Sequence[Command] | None = None
        """What was issued when the event happened that happens again now; None for a new one."""
        self._out: list[Command] | None = None  # between events: none
        self._fresh: dict[IssueId, int] | None = None
        self._withdrawn = False

    def issue(self, command: Command) -> None:
        """Append a command to what this event causes."""
        out = self._out
        if out is None:
            return  # a finaliser, run by the garbage collector: no event caused it
        out.append(command)
        if self.on_command is not None:
            self.on_command(command)

    def check_room(self) -> None:
        """Refuse to let a turn issue without end; its own ending always has room.

        Raises:
            RunawayTurnError: There are `COMMANDS_MAX` commands already.
        """
        if self._out is not None and len(self._out) >= COMMANDS_MAX:
            raise RunawayTurnError(
                f"A turn issued {COMMANDS_MAX:,} commands for one event without ever waiting.",
                cause="Usually a loop sends messages, or a stream yields, without an end.",
                fix="Await a reply, an effect, am.sleep() or am.tell(...) inside the loop.",
            )

    @property
    def crowded(self) -> bool:
        """Whether this event has caused so much that a loop should make a pause."""
        return self._out is not None and len(self._out) >= CROWDED_AT

    def issue_fresh(self, issue_id: IssueId, command: Command) -> None:
        """Issue what starts an effect or timer."""
        if self._out is not None:
            if self._fresh is None:
                self._fresh = {}
            self._fresh[issue_id] = len(self._out)
        self.issue(command)

    def withdraw_fresh(self, issue_id: IssueId) -> bool:
        """Drop a start that has not left the cell yet; tell whether it was so."""
        index = self._fresh.pop(issue_id, None) if self._fresh is not None else None
        if index is None:
            return False
        assert self._out is not None
        self._out[index] = _WITHDRAWN
        self._withdrawn = True
        return True

    def open_out(self) -> None:
        """Begin to collect commands."""
        self._out = []

    def take_out(self) -> list[Command]:
        """Return what was collected, and stop collecting."""
        out = self._out
        assert out is not None
        self._out = self._fresh = None
        if self._withdrawn:
            self._withdrawn = False
            return [command for command in out if command is not _WITHDRAWN]
        return out


_WITHDRAWN = commands.CancelTimer(-1, -1)
