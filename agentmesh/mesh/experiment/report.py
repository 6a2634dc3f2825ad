"""What an experiment came to: of each arm its quality, cost and time, and what it changes.

`as_json` is what is written beside a run, or into the store, for whoever shows it later:

    kind, version       "experiment", 1; the version is raised by what a reader would misread
    name, how           what it is called; `world`, `live` or `branch`
    run | workflow      of what
    baseline, control   names of arms; the control is empty without one
    alpha, margin, family   how often all that is said may be wrong; what counts as no difference;
                        over how many comparisons that is spread
    bounds, binary      what scores lie between; whether all were 0 or 1
    samples, stopped    numbers looked at; which rule ended it
    arms[]              name, samples, failed, mean, low, high, successes, proved, usd, seconds,
                        calls, dominated_by, comparison
    comparison          against the baseline: difference, low, high, e_value, wins, losses, pairs,
                        same, verdict, rule, decided_at, cheaper, quicker
    series[]            arm, n, difference, low, high: what a plot shows

Differences, means and bounds of scores are in the user's own units.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.counterfactual.statistics import binomial
from agentmesh.counterfactual.statistics.comparing import (
    BETTER,
    DECIDED,
    EQUIVALENT,
    FUTILE,
    UNDECIDED,
    WORSE,
    Verdict,
)

KIND = "experiment"
VERSION = 1


@dataclass(kw_only=True)
class Compared:
    """What an arm changes."""

    difference: float
    """Of the mean scores, arm less baseline."""
    low: float
    high: float
    log_e_value: float
    """Evidence that the difference is not zero: natural logarithm."""
    wins: int
    """Pairs in which the arm scores more."""
    losses: int
    pairs: int
    same: int
    """Pairs that came to just the same, result and all."""
    verdict: Verdict = UNDECIDED
    decided_at: int = 0
    """After how many pairs; 0 if it was not."""
    cheaper: int = 0
    """-1 if it is shown to cost less more often than not, 1 if more, 0 if neither."""
    quicker: int = 0
    """Likewise of time."""

    @property
    def e_value(self) -> float:
        """Evidence that the difference is not zero: 20 is as good as p = 0.05, at any time."""
        return math.exp(min(self.log_e_value, _LARGEST))

    @property
    def rule(self) -> str:
        """What decided it, in words."""
        return _RULES[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "e_value": self.e_value, "rule": self.rule}


_LARGEST = 700.0
_RULES = {
    BETTER: "its interval came to lie above zero",
    WORSE: "its interval came to lie below zero",
    EQUIVALENT: "its interval came to lie within the margin",
    FUTILE: "what is left of the budget would not decide it",
    UNDECIDED: "nothing: the budget ended first",
}


@dataclass(kw_only=True)
class ArmReport:
    """One arm."""

    name: str
    samples: int = 0
    failed: int = 0
    """Samples whose workflow did not return."""
    mean: float = 0.0
    """Of the scores."""
    low: float = 0.0
    high: float = 0.0
    successes: int | None = None
    """Samples that scored the most; None if scores are more than yes or no."""
    usd: float | None = 0.0
    """Mean cost of a sample; None where it is not known."""
    seconds: float = 0.0
    """Mean time of a sample."""
    calls: float = 0.0
    """Mean number of model calls."""
    dominated_by: str = ""
    """An arm that is at least as good in everything, and better in something, so far."""
    comparison: Compared | None = None
    """With the baseline; None for itself."""
    runs: list[str] = field(default_factory=list)
    """Ids of the runs, if they are kept."""
    worst: int | None = None
    """Number of the first sample with the lowest score; None if all score the most."""
    error: str = ""
    """Why its first sample that failed did."""

    @property
    def proved(self) -> float | None:
        """Probability of success that is proved if the number of samples was fixed beforehand."""
        if self.successes is None or not self.samples:
            return None
        return binomial.at_least(self.successes, self.samples)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        compared = None if self.comparison is None else self.comparison.as_json()
        return {**asdict(self), "proved": self.proved, "comparison": compared}


@dataclass(kw_only=True)
class ExperimentReport:
    """What an experiment came to."""

    name: str
    how: str
    of: str
    """The workflow's name, or the run's id."""
    run: str = ""
    """The run that it is about; empty if it is about a workflow."""
    baseline: str
    control: str = ""
    alpha: float
    margin: float | None = None
    family: int = 1
    """Comparisons that hold together with probability 1 - alpha."""
    bounds: tuple[float, float] = (0.0, 1.0)
    binary: bool = True
    paired: bool = True
    seed: str = ""
    hash_seed: str | None = None
    """Of the process: with another one, sets of strings have another order."""
    samples: int = 0
    stopped: str = ""
    """Which rule ended it, in words."""
    decided: bool = False
    """Whether every arm is better, worse or equivalent."""
    usd: float | None = 0.0
    """What all samples cost together; None where it is not known."""
    seconds: float = 0.0
    """How long it all took."""
    processes: int = 1
    arms: list[ArmReport] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    """Arms that differ, by the e-BH rule: on average at most alpha of these are wrong."""
    series: list[dict[str, Any]] = field(default_factory=list)
    path: str | None = None
    """Where this was written down; None if it was not."""

    def arm(self, name: str) -> ArmReport:
        """Return what came of an arm.

        Raises:
            KeyError: There is none of that name.
        """
        return next_of(self.arms, name)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By arm, what was decided; without the baseline and its control."""
        return {
            one.name: one.comparison.verdict
            for one in self.arms
            if one.comparison is not None and one.name != self.control
        }

    @property
    def noise(self) -> float | None:
        """How often the control scored otherwise than its twin, the baseline; None without one."""
        if not self.control:
            return None
        compared = self.arm(self.control).comparison
        if compared is None or not compared.pairs:
            return None
        return (compared.wins + compared.losses) / compared.pairs

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        plain = asdict(self)
        del plain["of"], plain["path"]
        if not self.run:
            del plain["run"]
            plain["workflow"] = self.of
        plain["arms"] = [one.as_json() for one in self.arms]
        return {"kind": KIND, "version": VERSION, **plain, "noise": self.noise}

    def claims(self) -> list[str]:
        """Return what the figures do and don't prove, in sentences."""
        sure = f"{100 * (1 - self.alpha):g} %"
        of = f"all {self.family} comparisons together" if self.family > 1 else "the comparison"
        said = [
            f"Intervals hold at every look, and {of} with at least {sure}, whenever one stops.",
        ]
        shown = [one for one in self.arms if one.samples and one.name != self.control]
        if self.binary:
            said.append(
                f"A share is not what it proves (at {sure}): 19 of 20 prove at least "
                f"{100 * binomial.at_least(19, 20, self.alpha):.1f} %, and not 95 %."
            )
            said += [_proof(one, self.alpha) for one in shown if one.successes is not None]
        return said


def _proof(one: ArmReport, alpha: float) -> str:
    successes = one.successes or 0
    proved = binomial.at_least(successes, one.samples, alpha)
    share = f"{successes} of {one.samples} ({100 * successes / one.samples:.0f} %)"
    return (
        f"{one.name}: {share} proves at least {100 * one.low:.1f} %, looked at as often as here; "
        f"had {one.samples} been fixed beforehand, at least {100 * proved:.1f} %."
    )


def next_of(arms: list[ArmReport], name: str) -> ArmReport:
    """Return the arm of that name.

    Raises:
        KeyError: There is none.
    """
    for one in arms:
        if one.name == name:
            return one
    raise KeyError(name)


def is_decided(verdict: Verdict) -> bool:
    """Tell whether a verdict says something about the arm."""
    return verdict in DECIDED
