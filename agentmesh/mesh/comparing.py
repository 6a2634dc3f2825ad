"""Two runs held against each other."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agentmesh.causality.alignment import Alignment, align
from agentmesh.causality.figures import Figures, figures
from agentmesh.effects.prices import Cost
from agentmesh.errors import AgentMeshError
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh.costs import cost_of
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run


@dataclass(frozen=True, kw_only=True)
class StateDifference:
    """An attribute that an agent had another value of when the runs ended."""

    attribute: str
    one: Any
    """JSON value; None where the agent had no such attribute."""
    other: Any


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """How two runs differ."""

    one: RunInfo
    other: RunInfo
    alignment: Alignment
    """Where each agent's events part."""
    figures: tuple[Figures, Figures]
    """What can be counted: messages, effects, tokens, time."""
    costs: tuple[Cost, Cost]
    """What their model calls cost, each by the prices of its time."""
    states: dict[str, list[StateDifference]] = field(default_factory=dict)
    """What differs of agents' last states, if that was asked for."""
    untold: dict[str, str] = field(default_factory=dict)
    """Agents whose state can't be told, and why: the replay of one differs, say."""

    @property
    def identical(self) -> bool:
        """Whether nothing differs but times."""
        return self.alignment.identical

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        aligned = self.alignment
        return {
            "runs": [self.one.id, self.other.id],
            "identical": self.identical,
            "partings": [parting.as_json() for parting in aligned.partings],
            "same": aligned.same,
            "only": [aligned.only_one, aligned.only_other],
            "status": [self.one.status, self.other.status],
            "results": [self.one.result, self.other.result],
            "errors": [self.one.error, self.other.error],
            "figures": [each.as_json() for each in self.figures],
            "costs": [each.as_json() for each in self.costs],
            "states": {
                agent: [asdict(each) for each in changed] for agent, changed in self.states.items()
            },
            "untold": self.untold,
        }


def diff(
    one: str | Path | RecordedRun,
    other: str | Path | RecordedRun,
    *,
    store: str | None = None,
    states: bool = False,
) -> RunDiff:
    """Compare two runs: where each agent's events part, and what they came to.

    Events are aligned by what caused them, and not by time or place: a message is the same in
    both runs if the same work sent it. So two messages that came the other way round are told as
    just that.

    Args:
        one: A run: its id or the start of it, its directory, `latest`, or one that is open.
        other: Another.
        store: Where runs are kept.
        states: Whether to compare agents' last states, too: replays those that parted, which
            imports and runs their program.

    Raises:
        UnknownRunError: There is no such run.
        JournalError: A journal can't be read.
    """
    opened: list[RecordedRun] = []
    try:
        runs = []
        for each in (one, other):
            if isinstance(each, RecordedRun):
                runs.append(each)
            else:
                runs.append(open_run(each, store=store))
                opened.append(runs[-1])
        left, right = runs
        counted = (figures(left), figures(right))
        found = RunDiff(
            one=left.info,
            other=right.info,
            alignment=align((left, left.order()), (right, right.order())),
            figures=counted,
            costs=(cost_of(left.info, counted[0].usage), cost_of(right.info, counted[1].usage)),
        )
        if states:
            _compare_states(found, left, right)
        return found
    finally:
        for run in opened:
            run.close()


def _compare_states(found: RunDiff, one: RecordedRun, other: RecordedRun) -> None:
    """Replay the agents that parted to their ends."""
    for parting in found.alignment.partings:
        agent = parting.agent
        try:
            before, after = (_last_state(run, agent) for run in (one, other))
        except AgentMeshError as error:
            found.untold[agent] = error.what
            continue
        changed = [
            StateDifference(attribute=name, one=before.get(name), other=after.get(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
        if changed:
            found.states[agent] = changed


def _last_state(run: RecordedRun, agent: str) -> dict[str, Any]:
    last = run.order().steps_of(agent) - 1
    return run.at((agent, last)).agent().state or {}
