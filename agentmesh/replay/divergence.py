"""What is said about the first place where a replay and its recording part.

Both sides one under the other, what differs, who issued it, the last event that was the
same, and the likely cause: a statement about evidence, never a guess dressed as a fact.
"""

from dataclasses import asdict, dataclass, field

from agentmesh.replay.causes import Today
from agentmesh.replay.code_changes import CodeChange
from agentmesh.replay.nearest import Nearest
from agentmesh.replay.source import ISSUED
from agentmesh.replay.wording import command_in_words

__all__ = ["Divergence", "Today"]

_FRAMES_MAX = 4
_COLUMN = 13


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The first difference of one agent."""

    agent: str
    step: int
    index: int
    at_ns: int
    """Logical time of the step's event."""
    event: str
    """The step's event, in words: the same on both sides."""
    recorded: dict[str, object]
    """The recorded command as plain values; empty when there was none."""
    replayed: dict[str, object]
    """The replayed command as plain values; empty when there was none."""
    pointer: str
    """JSON pointer of the first difference within the command."""
    text_diff: list[str] = field(default_factory=list)
    """What differs there, in lines: `[-recorded-]{+replayed+}`."""
    more: int = 0
    """How many further places of the command differ."""
    last_common: str = ""
    """Reference of the last event that was handled alike; empty when it is the first."""
    last_common_event: str = ""
    """That event, in words."""
    source: list[str] = field(default_factory=list)
    """User frames that issued the replayed command, outermost first."""
    source_role: str = ISSUED
    """What they are: who issued it, where the handler ended, or where it waits instead."""
    nearest: Nearest | None = None
    """The recorded command that is most like the replayed one, where another was recorded."""
    cause: str = ""
    """One of `causes.CAUSES`."""
    explanation: str = ""
    """The likely cause in a sentence."""
    evidence: list[str] = field(default_factory=list)
    """All that was found, in words."""
    changed: list[CodeChange] = field(default_factory=list)
    """Code that had a say and has changed, nearest to the event first."""

    @property
    def reference(self) -> str:
        """The event reference of the step: `AGENT@N`."""
        return f"{self.agent}@{self.step}"

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return {"reference": self.reference, **asdict(self)}

    def __str__(self) -> str:
        """Return the report for people."""
        where = f"at command {self.index + 1}, after {self.event}"
        lines = [
            f"{self.reference} replayed differently {where}.",
            _row("recorded", command_in_words(self.recorded)),
            _row("replayed", command_in_words(self.replayed)),
        ]
        if self.recorded and self.replayed:
            lines += self._what_differs()
        if self.source:
            lines.append(_row(self.source_role, self.source[-1]))
            lines += [_row("", frame) for frame in self.source[-2 : -1 - _FRAMES_MAX : -1]]
        if self.last_common:
            lines.append(_row("last same", f"{self.last_common}, {self.last_common_event}"))
        if self.nearest is not None:
            lines.append(_row("nearest", self._nearest_in_words(self.nearest)))
        lines.append(_row("likely", f"{self.cause}: {self.explanation}"))
        return "\n".join([*lines, *self._source_diffs()])

    def _what_differs(self) -> list[str]:
        more = f" (and {self.more} more)" if self.more else ""
        where = f"{self.pointer or '/'}{more}"
        if self.pointer == "/command":
            return [_row("differs", "another sort of command")]
        if len(self.text_diff) == 1 and len(self.text_diff[0]) + len(where) <= _SHORT:
            return [_row("differs", f"{where}: {self.text_diff[0]}")]
        return [_row("differs", where), *(_row("", line) for line in self.text_diff)]

    def _nearest_in_words(self, found: Nearest) -> str:
        alike = "the same" if found.likeness == 1.0 else f"{found.likeness:.0%} alike"
        shown = "" if found.likeness == 1.0 else f": {command_in_words(found.command)}"
        return f"{found.reference}, command {found.index + 1} of the recording, {alike}{shown}"

    def _source_diffs(self) -> list[str]:
        lines: list[str] = []
        for change in self.changed:
            if change.diff:
                lines.append(_row("", f"{change.shown} in {change.note}:"))
                lines += [_row("", f"  {line}") for line in change.diff]
        if self.changed and not lines and self.changed[0].note:
            lines.append(_row("", f"No source difference: {self.changed[0].note}."))
        return lines


def _row(label: str, text: str) -> str:
    head = f"  {label}:" if label else ""
    return f"{head.ljust(_COLUMN)}{text}"


_SHORT = 120
