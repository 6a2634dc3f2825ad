"""Two arms held against each other, pair by pair, and when that is decided.

A pair is two runs that share what is random; its difference is one value between -1 and 1, whose
mean is what the arm changes. The confidence sequence of that mean decides (`betting`): the arm is
*better* or *worse* once zero is outside, and *equivalent* once nothing larger than a margin is
inside. It is *futile* to go on when what is left of the budget could not decide it, whatever
came, or hardly ever would if it went on as it did. Stopping for futility claims nothing, so that
it can't be wrong; it only saves samples.
"""

import random
from dataclasses import dataclass
from typing import Literal

from agentmesh.counterfactual.statistics.betting import Mean

Verdict = Literal["better", "worse", "equivalent", "futile", "undecided"]
BETTER: Verdict = "better"
WORSE: Verdict = "worse"
EQUIVALENT: Verdict = "equivalent"
FUTILE: Verdict = "futile"
UNDECIDED: Verdict = "undecided"

DECIDED: tuple[Verdict, ...] = (BETTER, WORSE, EQUIVALENT)

FUTILE_FROM = 20
"""Pairs before which nothing is called futile because of how it goes."""
_PATHS = 60
_LOOKS = 6
_HOPE = 0.05


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What a difference lies between, and the evidence that it is not zero."""

    difference: float
    """The mean so far."""
    low: float
    high: float
    log_e_value: float
    """Natural logarithm."""


class Comparison:
    """What an arm changes, against a baseline.

    Args:
        alpha: How often all of its intervals together may miss the difference.
        margin: No difference larger than this is called equivalent; None: nothing is.
    """

    def __init__(self, alpha: float = 0.05, margin: float | None = None) -> None:
        self.alpha = alpha
        self.margin = margin
        self.wins = 0
        """Pairs in which the arm's score is the larger."""
        self.losses = 0
        self._differences: list[float] = []
        self._mean = Mean(alpha)

    @property
    def pairs(self) -> int:
        """How many."""
        return len(self._differences)

    @property
    def interval(self) -> Interval:
        """What the difference lies between."""
        return Interval(
            difference=2 * self._mean.mean - 1 if self.pairs else 0.0,
            low=2 * self._mean.low - 1,
            high=2 * self._mean.high - 1,
            log_e_value=self._mean.log_e_value(0.5),
        )

    def take(self, baseline: float, arm: float) -> None:
        """Take in a pair: both scores, between 0 and 1."""
        difference = arm - baseline
        self.wins += difference > 0
        self.losses += difference < 0
        self._differences.append(difference)
        self._mean.take((difference + 1) / 2)

    def look(self) -> Verdict:
        """Say what is decided by now."""
        self._mean.look()
        return self._verdict(self._mean)

    def _verdict(self, mean: Mean) -> Verdict:
        if mean.low >= 0.5:  # noqa: PLR2004 - a difference of zero
            return BETTER
        if mean.high <= 0.5:  # noqa: PLR2004
            return WORSE
        if self.margin is not None and self.margin > max(1 - 2 * mean.low, 2 * mean.high - 1):
            return EQUIVALENT
        return UNDECIDED

    def is_futile(self, left: int, seed: str = "") -> bool:
        """Tell whether what is left of the budget will not decide it.

        Args:
            left: How many pairs there may still be.
            seed: Of the chance with which its future is drawn from its past.
        """
        if not self._can_be_decided(left):
            return True
        return self.pairs >= FUTILE_FROM and self._hope(left, seed) < _HOPE

    def _can_be_decided(self, left: int) -> bool:
        """Tell whether any future decides it: all wins, all losses, or all ties."""
        return any(self._decided_after([value] * left) for value in (1.0, -1.0, 0.0))

    def _hope(self, left: int, seed: str) -> float:
        """Return how often it would be decided if it went on as it did."""
        chance = random.Random(f"{seed}\x1ffutility\x1f{self.pairs}")  # noqa: S311 - repeatable
        decided = 0
        for _ in range(_PATHS):
            decided += self._decided_after(chance.choices(self._differences, k=left))
        return decided / _PATHS

    def _decided_after(self, more: list[float]) -> bool:
        mean = self._mean.copy()
        each = max(1, len(more) // _LOOKS)
        for start in range(0, len(more), each):
            for difference in more[start : start + each]:
                mean.take((difference + 1) / 2)
            if mean.excludes(0.5):
                return True
        if self.margin is None:
            return False
        ends = ((1 - self.margin) / 2, (1 + self.margin) / 2)
        inside = ends[0] < mean.mean < ends[1]
        return inside and all(end in (0.0, 1.0) or mean.excludes(end) for end in ends)
