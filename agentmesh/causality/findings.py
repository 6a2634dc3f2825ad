"""What checks of a run say: how much was looked at, what is wrong, what is merely open.

A run that goes on, or broke off, has messages on their way and turns that have not
ended. Checks report such things as open; once the whole run is read it is known whether
it had come to its end, and in a run that had, what is open is a violation.

Counts are exact; of the findings themselves only the first of each check are kept, so
that a thoroughly broken run can be audited too.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field

KEPT_MAX = 100
"""Findings of one check that are kept, of either sort."""

CHECKS = {
    "steps": "an agent's steps follow one another without a gap from its start",
    "time": "an agent's time never goes back",
    "turns": "every message that asks for a turn ended in exactly one state",
    "asks": "every ask was answered exactly once, by the agent that was asked",
    "delivery": "everything sent was delivered once, where it was sent to",
    "content": "what was delivered is what was sent",
    "order": "messages of one agent to another arrive in the order of sending",
    "write-ahead": "whatever was delivered is in its sender's journal",
    "causality": "nothing is recorded before what caused it",
    "effects": "every effect that started ended once, and none ended that did not start",
    "timers": "every timer that was set ended once, and none fired that was not set",
}
"""The checks of a record, and what each makes sure of."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or open."""

    check: str
    what: str
    agent: str = ""
    step: int | None = None
    message: str = ""
    """Id of the message that it is about."""
    file: str = ""
    offset: int | None = None
    """Byte in the file, where a file can't be read."""

    def as_json(self) -> dict[str, object]:
        """Return plain values, without those that do not apply."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}

    def __str__(self) -> str:
        """Return it in one line: check, agent and step, what."""
        where = f"{self.agent} step {self.step}" if self.step is not None else self.agent
        return ": ".join(part for part in (self.check, where, self.what) if part)


@dataclass(kw_only=True)
class Check:
    """What one check found."""

    name: str
    promise: str
    """What the check makes sure of."""
    checked: int = 0
    """How many things were looked at."""
    excused: Collection[str] = ()
    """Messages that were tampered with on purpose, as a branch does: what is said of them is no
    violation."""
    violations: int = 0
    open: int = 0
    """How many things have not come to their end in a run that has not, either."""
    findings: list[Finding] = field(default_factory=list)
    """The first `KEPT_MAX` violations."""
    still_open: list[Finding] = field(default_factory=list)
    """The first `KEPT_MAX` open things."""

    def add(self, finding: Finding) -> None:
        """Take in a violation."""
        if finding.message and finding.message in self.excused:
            return
        self.violations += 1
        if len(self.findings) < KEPT_MAX:
            self.findings.append(finding)

    def leave_open(self, finding: Finding) -> None:
        """Take in something that may yet come to its end."""
        if finding.message and finding.message in self.excused:
            return
        self.open += 1
        if len(self.still_open) < KEPT_MAX:
            self.still_open.append(finding)

    def settle(self) -> None:
        """Take everything open for a violation: the run has come to its end."""
        self.violations += self.open
        self.findings = [*self.findings, *self.still_open][:KEPT_MAX]
        self.open, self.still_open = 0, []

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "check": self.name,
            "promise": self.promise,
            "checked": self.checked,
            "violations": self.violations,
            "open": self.open,
            "findings": [one.as_json() for one in self.findings],
            "still_open": [one.as_json() for one in self.still_open],
        }


class Cursor:
    """Where in the run the reading is; shared by all checks."""

    __slots__ = ("address", "duplicate", "seen", "step")

    def __init__(self) -> None:
        self.address = ""
        self.step = 0
        self.duplicate = False
        """Whether the step delivers what was delivered to this agent before."""
        self.seen: dict[str, set[int]] = {}
        """Numbers of the messages delivered to this agent, by sender."""

    def begin(self, address: str) -> None:
        """Go to the first step of an agent."""
        self.address = address
        self.seen = {}
        self.duplicate = False

    def was_delivered(self, message: str) -> bool:
        """Tell whether a message was delivered to this agent, up to here."""
        source, _, number = message.rpartition("#")
        return number.isdecimal() and int(number) in self.seen.get(source, ())


class Reader:
    """Base of what reads a run on behalf of one check.

    Args:
        cursor: Where the reading is.
        check: Takes what is found.
    """

    def __init__(self, cursor: Cursor, check: Check) -> None:
        self.cursor = cursor
        self.check = check

    def begin(self) -> None:
        """Forget the agent before."""

    def end(self) -> None:
        """Say what is open at an agent's last step."""

    def found(self, what: str, message: str = "") -> None:
        """Report a violation at the step that is read."""
        self.check.add(self._finding(what, self.cursor.step, message))

    def is_open(self, what: str, step: int, message: str = "") -> None:
        """Report something that a step began and no step ended."""
        self.check.leave_open(self._finding(what, step, message))

    def _finding(self, what: str, step: int, message: str) -> Finding:
        address = self.cursor.address
        return Finding(check=self.check.name, what=what, agent=address, step=step, message=message)
