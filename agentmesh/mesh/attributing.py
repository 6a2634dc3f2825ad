"""`attribute`: what a failed run failed because of, found by trying what else could have been.

Wires what decides it: the suspects of a slice, trials of the run, what answers them, a budget. What
is found is written down beside the run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.counterfactual.answers import FUNCTION, STOP, Answers
from agentmesh.counterfactual.blaming import Blame, Blaming, Verdict
from agentmesh.counterfactual.laboratory import Budget, Laboratory, Spent, SpentError
from agentmesh.counterfactual.repairs import Repair, repair
from agentmesh.counterfactual.suspects import Slice, Suspect, speakers
from agentmesh.errors import UsageError
from agentmesh.mesh.failing import Failed
from agentmesh.mesh.finding_files import keep_finding
from agentmesh.mesh.racing import Flipper, How, Subject, refuse_going_on

KIND = "attribution"
CALLS = 500
SECONDS = 120.0
SAMPLES = 8
ALPHA = 0.05

Progress = Callable[[str], None]


@dataclass(kw_only=True)
class Attribution:
    """What a run failed because of."""

    run_id: str
    question: str
    policy: str
    verdict: Verdict
    suspects: int
    """How many things could have been otherwise, in the causal past of the end."""
    events: int
    """How many events that past has."""
    total: int
    """How many events the run has."""
    spent: Spent
    seconds: float
    repair: Repair | None = None
    last_speaker: str = ""
    """Who spoke last: what a guess would blame."""
    most_frequent: str = ""
    """Who spoke most."""
    path: str | None = None
    """Where this was written down."""

    @property
    def blames(self) -> list[Blame]:
        """The ambiguity set: the likeliest first."""
        return self.verdict.blames

    @property
    def agents(self) -> dict[str, float]:
        """How much each agent is to blame, the most first."""
        return self.verdict.agents()

    @property
    def complete(self) -> bool:
        """Whether everything was tried that was to be tried."""
        return not self.spent.out and self.verdict.screened >= self.suspects

    @property
    def kind(self) -> str:
        """The class of the likeliest cause: content, order, timing or fault; else empty."""
        return self.blames[0].suspect.kind if self.blames else ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        verdict, spent = self.verdict, self.spent
        return {
            "policy": self.policy,
            "class": self.kind,
            "blames": [each.as_json() for each in verdict.blames],
            "agents": {agent: round(weight, 4) for agent, weight in self.agents.items()},
            "commitment": _said(verdict.commitment),
            "flipping": [_said(each) for each in verdict.flipping],
            "repro": [_said(each) for each in verdict.enough],
            "repair": None if self.repair is None else self.repair.as_json(),
            "suspects": self.suspects,
            "screened": verdict.screened,
            "slice": self.events,
            "events": self.total,
            "complete": self.complete,
            "trials": spent.trials,
            "calls": spent.calls,
            "unresolved": spent.unresolved,
            "seconds": round(self.seconds, 3),
            "baselines": {"last": self.last_speaker, "most": self.most_frequent},
        }


def _said(suspect: Suspect | None) -> dict[str, str] | None:
    if suspect is None:
        return None
    said = {"agent": suspect.agent, "event": suspect.event}
    return {**said, "class": suspect.kind, "what": suspect.what}


def find_attribution(
    subject: Subject,
    *,
    failed: Failed | None = None,
    passing: Sequence[str | Path] = (),
    policy: str | None = None,
    answers: Answers | None = None,
    irreversible: bool = False,
    samples: int = SAMPLES,
    calls: int = CALLS,
    seconds: float = SECONDS,
    alpha: float = ALPHA,
    keep: bool = True,
    on_progress: Progress | None = None,
) -> Attribution:
    """Find what a run failed because of; see `finding.attribute`."""
    began = time.monotonic()
    _check(samples, calls, seconds)
    refuse_going_on(subject.run)
    how = How(
        path=subject.run.path,
        location=subject.store.location,
        program=subject.program,
        failed=failed,
        policy=policy or (FUNCTION if answers is not None else STOP),
        known=tuple(str(each) for each in passing),
        irreversible=irreversible,
    )
    flipper = Flipper(subject, how, answers)
    if not flipper.fails(None):
        raise UsageError(
            f"The run {subject.run.id} has not failed: {flipper.failing.text!r} does not hold.",
            fix="Say what is wrong with it: failed='result.left < 0', --failed EXPR.",
        )
    past = Slice(subject.ledger, whole=not flipper.failing.about_answer)
    suspects = past.suspects()
    lab = Laboratory(
        flipper.trials, flipper.fails, Budget(calls=calls, seconds=seconds), on_progress
    )
    verdict = Blaming(lab, suspects, samples=samples, alpha=alpha).run()
    last, most = speakers(subject.ledger)
    found = Attribution(
        run_id=subject.run.id,
        question=flipper.failing.text,
        policy=how.policy,
        verdict=verdict,
        suspects=len(suspects),
        events=len(past),
        total=len(subject.ledger.order),
        spent=lab.spent,
        seconds=0.0,
        repair=_repaired(lab, verdict, samples),
        last_speaker=last,
        most_frequent=most,
    )
    found.seconds = time.monotonic() - began
    if keep:
        question = {"failed": found.question, "passing": list(how.known), "policy": how.policy}
        found.path = keep_finding(subject.run, KIND, question, found.as_json())
    return found


def _repaired(lab: Laboratory, verdict: Verdict, samples: int) -> Repair | None:
    if not verdict.flipping:
        return None
    try:
        return repair(lab, verdict.flipping, samples=samples)
    except SpentError:
        return None


def _check(samples: int, calls: int, seconds: float) -> None:
    if samples < 1 or calls < 0 or seconds <= 0:
        raise UsageError(
            f"samples={samples}, calls={calls}, seconds={seconds:g} leave nothing to try.",
            fix="Give at least one sample, no calls or more, and some time.",
        )
