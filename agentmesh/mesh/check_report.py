"""What `agentmesh check` found out: run by run, and grouped by its reason."""

from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.errors import AgentMeshError

SAME, DIFFERS, UNCHECKED = "same", "differs", "unchecked"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What came of one run."""

    run: str
    """Its id; where it could not even be opened, what it was named by."""
    status: str
    """`same`, `differs` or `unchecked`."""
    workflow: str = ""
    agents: int = 0
    events: int = 0
    seconds: float = 0.0
    """How long its replay took."""
    divergences: int = 0
    """How many agents diverged."""
    event: str = ""
    """Reference of the first event that was handled differently; empty if none was."""
    first: dict[str, Any] = field(default_factory=dict)
    """The first divergence; see `replay.divergence.Divergence`."""
    report: str = ""
    """The first divergence, or why it could not be checked, for people."""
    why: str = ""
    """In short: the class of the cause and what changed, or why it could not be checked."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that differ, or could not be checked, for the same reason."""

    status: str
    why: str
    runs: list[Checked]


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What came of all runs, in the order in which they were named."""

    runs: list[Checked]

    @property
    def clean(self) -> bool:
        """Whether all runs behave as they did."""
        return all(one.status == SAME for one in self.runs)

    def count(self, status: str) -> int:
        """Return how many runs ended so."""
        return sum(one.status == status for one in self.runs)

    def groups(self) -> list[Group]:
        """Return what is not the same, by its reason: what differs first, the largest first."""
        found: dict[tuple[str, str], list[Checked]] = {}
        for one in self.runs:
            if one.status != SAME:
                found.setdefault((one.status, one.why), []).append(one)
        made = [Group(status=key[0], why=key[1], runs=runs) for key, runs in found.items()]
        return sorted(made, key=lambda one: (one.status != DIFFERS, -len(one.runs), one.why))

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "clean": self.clean,
            **{status: self.count(status) for status in (SAME, DIFFERS, UNCHECKED)},
            "groups": [
                {"status": one.status, "why": one.why, "runs": [each.run for each in one.runs]}
                for one in self.groups()
            ],
            "runs": [asdict(one) for one in self.runs],
        }


def unchecked(name: str, error: BaseException) -> dict[str, Any]:
    """Return what is said of a run that could not be checked."""
    if not isinstance(error, AgentMeshError):
        said = f"{type(error).__name__}: {error}"
        return {"run": name, "status": UNCHECKED, "why": said, "report": said}
    rest = "\n".join(part for part in (error.cause, error.fix) if part)
    return {"run": name, "status": UNCHECKED, "why": error.what, "report": rest or error.what}
