"""Two runs held against each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.causality.alignment import Alignment, align
from agentmesh.causality.figures import Figures, figures
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """How two runs differ."""

    one: RunInfo
    other: RunInfo
    alignment: Alignment
    """Where each agent's events part."""
    figures: tuple[Figures, Figures]
    """What can be counted: messages, effects, tokens, time."""

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
        }


def diff(
    one: str | Path | RecordedRun, other: str | Path | RecordedRun, *, store: str | None = None
) -> RunDiff:
    """Compare two runs: where each agent's events part, and what they came to.

    Events are aligned by what caused them, and not by time or place: a message is the same in
    both runs if the same work sent it. So two messages that came the other way round are told as
    just that.

    Args:
        one: A run: its id or the start of it, its directory, `latest`, or one that is open.
        other: Another.
        store: Where runs are kept.

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
        return RunDiff(
            one=left.info,
            other=right.info,
            alignment=align((left, left.order()), (right, right.order())),
            figures=(figures(left), figures(right)),
        )
    finally:
        for run in opened:
            run.close()
