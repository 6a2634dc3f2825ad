"""What a rule is and what it reports. Knows nothing of how anything is found."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that keeps a run from replaying, or a program from being read."""

    id: str
    """`AM` and three digits; the first names the group."""
    name: str
    why: str
    """Why it breaks a replay, as a sentence."""
    fix: str
    """What to write instead, as a sentence."""
    bad: str = ""
    """An example that is reported, without its imports."""
    good: str = ""
    """The same, repaired."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One place that a rule objects to."""

    path: str
    line: int
    column: int
    """From 1, in characters."""
    rule: str
    what: str
    """What was found there, as a sentence."""
    source: str = ""
    """The line, without its indentation."""

    @property
    def place(self) -> str:
        """Where it is, so that editors can jump to it."""
        return f"{self.path}:{self.line}:{self.column}"
