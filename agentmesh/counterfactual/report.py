"""What making a branch came to: what was reused, what was done again, where it came back."""

from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.causality.figures import Figures


@dataclass(kw_only=True)
class Report:
    """How a branch was made."""

    parent: str
    """Id of the run that it is a branch of."""
    run_id: str
    """The branch's id."""
    location: str = ""
    """Where its directory is."""
    edits: list[Any] = field(default_factory=list)
    """What is different, as JSON values."""
    policy: str = ""
    """What was done about effects without an answer."""
    status: str = ""
    """As `run.json` says: done, failed; cancelled if it ended where an answer was missing."""
    result: Any = None
    """What the workflow returned, as a JSON value."""
    error: Any = None
    parent_result: Any = None
    kept: int = 0
    """Events up to where the branch begins: copied."""
    reused: int = 0
    """Events after that which were as recorded: copied, and no code ran."""
    executed: int = 0
    """Events that were handled by today's program: the size of the cone."""
    cone: dict[str, int] = field(default_factory=dict)
    """Of the agents that ran, how many events each handled."""
    agents: int = 0
    """How many agents the branch has."""
    effects_reused: int = 0
    """Effects answered from the record."""
    effects_edited: int = 0
    effects_issued: list[str] = field(default_factory=list)
    """Effects that the parent had no answer for, and that went by the policy."""
    tokens_saved: int = 0
    """Of the model calls that were not made again."""
    usd_saved: float | None = None
    """What they had cost, by the prices of the parent's time; None if that is not known."""
    usd_spent: float | None = None
    """What the model calls cost that were made; None if that is not known."""
    seconds_saved: float = 0.0
    """How long the effects took in the parent that were not performed again, added up."""
    tokens_spent: int = 0
    """Of the model calls that were made."""
    reconverged: list[str] = field(default_factory=list)
    """Events after which an agent was again as recorded, so that it ran no further."""
    unchanged: list[str] = field(default_factory=list)
    """Agents that were to have another code, and did not get it: they always had a turn open."""
    stopped: str = ""
    """The effect whose missing answer ended the branch, or what was left after its answer."""
    seconds: float = 0.0
    """How long making it took."""

    @property
    def events(self) -> int:
        """How many events the branch has."""
        return self.kept + self.reused + self.executed

    @property
    def changed(self) -> bool:
        """Whether the branch ended differently than its parent."""
        return self.status != "done" or self.result != self.parent_result

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "events": self.events, "changed": self.changed}


@dataclass(kw_only=True)
class Count:
    """What the engine counts on its way."""

    reused: int = 0
    cone: dict[str, int] = field(default_factory=dict)
    effects_reused: int = 0
    effects_edited: int = 0
    effects_issued: list[str] = field(default_factory=list)
    saved: Figures = field(default_factory=Figures)
    spent: Figures = field(default_factory=Figures)
    reconverged: list[str] = field(default_factory=list)
    moot: list[str] = field(default_factory=list)
    """Messages to agents that have never lived, because what would have begun them was lost."""
    unanswered: str = ""
    """The effect that had no answer when the workflow had one."""
