"""Runs an experiment: as many samples of each arm as it takes, and no more.

Numbers are looked at in order, one after the other, all arms of a number together; an arm that is
decided is sampled no more. It ends when every arm is decided or futile, or when the budget is used
up: of samples, dollars or seconds. All of that only looks at what has come so far, so that what
is said at the end holds however it ended, also by the user's Ctrl-C.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentmesh.counterfactual.statistics.betting import Mean
from agentmesh.counterfactual.statistics.choosing import Sign, Standing, dominated, selected
from agentmesh.counterfactual.statistics.comparing import FUTILE, UNDECIDED, Comparison, Verdict
from agentmesh.mesh.experiment.arms import CONTROL, Arm, Sample, Scoring
from agentmesh.mesh.experiment.crew import SAMPLE_SECONDS, Crew, Made
from agentmesh.mesh.experiment.report import ArmReport, Compared, ExperimentReport, is_decided
from agentmesh.mesh.experiment.sampling import Sampling, digest_of, refuse_misuse

FUTILITY_EVERY = 10
"""Pairs after which it is asked again whether it is futile to go on."""
_POINTS_MAX = 200
_TOLD_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent."""

    samples: int = 200
    """Numbers: so many samples of each arm."""
    usd: float | None = None
    """On model calls, all arms together."""
    seconds: float | None = None
    """Of everybody's time."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When it is decided."""

    alpha: float = 0.05
    margin: float | None = None
    """No difference larger than this is called equivalent; in the score's units."""
    futility: bool = True
    stop: bool = True
    """Whether an arm that is decided is sampled no more."""
    paired: bool = True


Progress = Callable[[ExperimentReport], None]
"""Called now and then with what is known by now."""


@dataclass(kw_only=True)
class _Tracked:
    """One arm, as it goes."""

    name: str
    mean: Mean
    comparison: Comparison | None
    verdict: Verdict = UNDECIDED
    decided_at: int = 0
    failed: int = 0
    binary: bool = True
    same: int = 0
    usd: float = 0.0
    priced: bool = True
    seconds: float = 0.0
    calls: int = 0
    cheaper: Sign
    quicker: Sign
    runs: list[str] = field(default_factory=list)
    worst: tuple[float, int] = (1.0, -1)
    error: str = ""

    @property
    def active(self) -> bool:
        return self.verdict == UNDECIDED

    def take(self, sample: Sample) -> None:
        self.mean.take(sample.score)
        self.failed += sample.failed
        self.binary &= sample.score in (0.0, 1.0)
        self.seconds += sample.seconds
        self.calls += sample.calls
        if sample.usd is None:
            self.priced = False
        else:
            self.usd += sample.usd
        if sample.run_id:
            self.runs.append(sample.run_id)
        if sample.score < self.worst[0]:
            self.worst = (sample.score, sample.number)
        if sample.failed and not self.error:
            self.error = _why(sample)

    def compare(self, baseline: Sample, sample: Sample) -> None:
        assert self.comparison is not None
        self.comparison.take(baseline.score, sample.score)
        self.same += baseline.digest == sample.digest
        self.quicker.take(baseline.seconds, sample.seconds)
        if baseline.usd is not None and sample.usd is not None:
            self.cheaper.take(baseline.usd, sample.usd)


class Running:
    """One experiment on its way.

    Args:
        arms: The baseline first.
        sampling: How samples are made.
        scoring: How they are scored.
        rules: When it is decided.
        budget: What may be spent.
        control: Whether the baseline runs once more under other chance.
        seed: Of all chance.
        report: What is known before anything has run; is filled in.
    """

    def __init__(
        self,
        *,
        arms: Mapping[str, Arm],
        sampling: Sampling,
        scoring: Scoring,
        rules: Rules,
        budget: Budget,
        control: bool,
        seed: str,
        report: ExperimentReport,
    ) -> None:
        self._baseline = next(iter(arms))
        self._arms = {**arms, **({CONTROL: arms[self._baseline]} if control else {})}
        self._sampling = sampling
        self._scoring = scoring
        self._rules = rules
        self._budget = budget
        self._seed = seed
        self._report = report
        self._family = max(1, len(arms) - 1)
        self._tracked = {name: self._track(name) for name in self._arms}
        self._spent = 0.0
        self._started = time.monotonic()

    def _track(self, name: str) -> _Tracked:
        rules = self._rules
        alpha = rules.alpha / (1 if name == CONTROL else self._family)
        margin = None if rules.margin is None else rules.margin / self._span
        compared = None if name == self._baseline else Comparison(alpha, margin)
        signs = Sign(alpha), Sign(alpha)
        return _Tracked(
            name=name,
            mean=Mean(rules.alpha),
            comparison=compared,
            cheaper=signs[0],
            quicker=signs[1],
        )

    @property
    def _span(self) -> float:
        return self._scoring.high - self._scoring.low

    def run(
        self,
        processes: int,
        on_progress: Progress | None = None,
        sample_seconds: float = SAMPLE_SECONDS,
    ) -> ExperimentReport:
        """Run it to its end.

        Args:
            processes: On how many.
            on_progress: Called now and then.
            sample_seconds: How long one number may take on a process of its own.

        Raises:
            UsageError: A sample can't run as it is set up, or can't be scored.
            AgentMeshError: A process died.
        """
        told = time.monotonic()
        crew = Crew(self._made, processes, sample_seconds)
        stopped = f"the budget of {self._budget.samples:,} samples of each arm is used up"
        try:
            for number in range(self._budget.samples):
                over = self._over()
                if over:
                    stopped = over
                    break
                self._take(number, crew.sample(number, self._wanted(), self._budget.samples))
                if on_progress is not None and time.monotonic() >= told + _TOLD_SECONDS:
                    told = time.monotonic()
                    on_progress(self._filled("it goes on"))
        except KeyboardInterrupt:
            stopped = "it was interrupted"
        finally:
            crew.close()
        return self._filled(self._over() or stopped)

    def _compared(self) -> list[_Tracked]:
        return [
            one
            for one in self._tracked.values()
            if one.name not in (self._baseline, CONTROL) and one.comparison is not None
        ]

    def _over(self) -> str:
        """Say why it is over; empty if it is not."""
        compared = self._compared()
        if self._rules.stop and compared and not any(one.active for one in compared):
            decided = [one for one in compared if is_decided(one.verdict)]
            if len(decided) == len(compared):
                return "every arm is decided"
            return "what is left of the budget would not decide the others"
        budget = self._budget
        if budget.usd is not None and self._spent >= budget.usd:
            return f"the budget of ${budget.usd:g} is used up"
        if budget.seconds is not None and time.monotonic() - self._started >= budget.seconds:
            return f"the budget of {budget.seconds:g} s is used up"
        return ""

    def _wanted(self) -> list[str]:
        every = self._tracked.items()
        return [name for name, one in every if one.active or not self._rules.stop]

    def made_alone(self, arm: str, number: int) -> Sample:
        """Make one sample, as it is made in the experiment."""
        sample = self._begun(arm, number)
        self._sampling.make(self._arms[arm], sample)
        return sample

    def _begun(self, arm: str, number: int) -> Sample:
        return Sample(arm=arm, number=number, seed=self.seed_of(arm, number))

    def seed_of(self, arm: str, number: int) -> str:
        """Return the seed of a sample: arms share it, but for the control."""
        own = "" if self._rules.paired and arm != CONTROL else f":{arm}"
        return f"{self._seed}:{number}{own}"

    def _made(self, number: int, arms: Sequence[str]) -> Made:
        """Make and score one number; on whichever process."""
        made = {}
        for name in arms:
            sample = self.made_alone(name, number)
            refuse_misuse(sample)
            sample.score = self._scoring.of(sample)
            sample.digest = digest_of(sample)
            made[name] = sample.as_json()
        return made

    def _take(self, number: int, made: Made) -> None:
        """Take in the samples of a number, and look."""
        wanted = self._wanted()
        samples = {name: Sample(**made[name]) for name in wanted}
        baseline = samples[self._baseline]
        for name, sample in samples.items():
            one = self._tracked[name]
            one.take(sample)
            one.mean.look()
            self._spent += sample.usd or 0.0
            if one.comparison is not None:
                one.compare(baseline, sample)
                verdict = one.comparison.look()
                if name != CONTROL:
                    self._decide(one, number + 1, verdict)
                self._note(one, number + 1)
        self._report.samples = number + 1

    def _decide(self, one: _Tracked, pairs: int, verdict: Verdict) -> None:
        assert one.comparison is not None
        if not one.active:
            return
        left = self._budget.samples - pairs
        if verdict == UNDECIDED and self._rules.futility and left and not pairs % FUTILITY_EVERY:
            verdict = FUTILE if one.comparison.is_futile(left, self._seed) else UNDECIDED
        if verdict != UNDECIDED:
            one.verdict, one.decided_at = verdict, pairs

    def _note(self, one: _Tracked, pairs: int) -> None:
        """Keep a point for the plot: all at first, fewer later."""
        assert one.comparison is not None
        if pairs <= _POINTS_MAX or not one.active or not pairs % (pairs // _POINTS_MAX + 1):
            found = one.comparison.interval
            scaled = [value * self._span for value in (found.difference, found.low, found.high)]
            names = ("difference", "low", "high")
            point = dict(zip(names, scaled, strict=True))
            self._report.series.append({"arm": one.name, "n": pairs, **point})

    # --- what came of it --------------------------------------------------------------------------

    def _filled(self, stopped: str) -> ExperimentReport:
        report = self._report
        report.stopped = stopped
        report.binary = all(one.binary for one in self._tracked.values())
        report.arms = [self._arm(one) for one in self._tracked.values()]
        compared = self._compared()
        report.family = self._family
        report.decided = bool(compared) and all(is_decided(one.verdict) for one in compared)
        priced = all(one.priced for one in self._tracked.values())
        report.usd = self._spent if priced else None
        report.seconds = time.monotonic() - self._started
        report.selected = selected(
            {
                one.name: one.comparison.interval.log_e_value
                for one in compared
                if one.comparison is not None
            },
            self._rules.alpha,
        )
        choice = [one for one in report.arms if one.name != CONTROL and one.samples]
        worse = dominated(
            [Standing(name=a.name, quality=a.mean, costs=(a.usd, a.seconds)) for a in choice]
        )
        for arm in report.arms:
            arm.dominated_by = worse.get(arm.name, "")
        return report

    def _arm(self, one: _Tracked) -> ArmReport:
        low, count = self._scoring.low, one.mean.count
        return ArmReport(
            name=one.name,
            samples=count,
            failed=one.failed,
            mean=low + self._span * one.mean.mean if count else low,
            low=low + self._span * one.mean.low,
            high=low + self._span * one.mean.high,
            successes=round(one.mean.total) if one.binary else None,
            usd=(one.usd / count if one.priced else None) if count else None,
            seconds=one.seconds / count if count else 0.0,
            calls=one.calls / count if count else 0.0,
            comparison=self._comparison(one),
            runs=one.runs,
            worst=one.worst[1] if one.worst[1] >= 0 else None,
            error=one.error,
        )

    def _comparison(self, one: _Tracked) -> Compared | None:
        if one.comparison is None:
            return None
        found = one.comparison.interval
        return Compared(
            difference=found.difference * self._span,
            low=found.low * self._span,
            high=found.high * self._span,
            log_e_value=found.log_e_value,
            wins=one.comparison.wins,
            losses=one.comparison.losses,
            pairs=one.comparison.pairs,
            same=one.same,
            verdict=one.verdict,
            decided_at=one.decided_at,
            cheaper=one.cheaper.shown,
            quicker=one.quicker.shown,
        )


def _why(sample: Sample) -> str:
    error = sample.error if isinstance(sample.error, dict) else {}
    kind = str(error.get("type", "")).rpartition(".")[2]
    return ": ".join(part for part in (kind, str(error.get("what", ""))) if part)
