"""Several comparisons at once, and several things that matter at once.

Whoever looks at five arms finds something in one of them: what is said of all must hold for all.
And an arm that is as good, costs as much and takes longer is *dominated*: nobody should choose it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentmesh.counterfactual.statistics.betting import Mean


def selected(log_e_values: Mapping[str, float], alpha: float) -> list[str]:
    """Return what the e-BH rule selects: on average at most `alpha` of it is wrong.

    Args:
        log_e_values: By name, the logarithm of an e-value; they may depend on each other.
        alpha: The false discovery rate.
    """
    ordered = sorted(log_e_values, key=lambda name: -log_e_values[name])
    count = len(ordered)
    chosen = 0
    for place, name in enumerate(ordered, 1):
        if log_e_values[name] >= math.log(count / (alpha * place)):
            chosen = place
    return ordered[:chosen]


class Sign:
    """Evidence that one of two is smaller more often than not; for what has no bounds.

    Args:
        alpha: How often it may be wrong.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        self._mean = Mean(alpha)
        self.less = 0
        """Pairs in which the arm's is the smaller."""
        self.more = 0

    def take(self, baseline: float, arm: float) -> None:
        """Take in a pair."""
        self.less += arm < baseline
        self.more += arm > baseline
        self._mean.take(0.5 if arm == baseline else float(arm < baseline))

    @property
    def shown(self) -> int:
        """-1 if the arm's is shown to be smaller, 1 if larger, 0 if neither."""
        if not self._mean.excludes(0.5):
            return 0
        return -1 if self.less > self.more else 1


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An arm, as far as choosing goes."""

    name: str
    quality: float
    """More is better."""
    costs: Sequence[float | None] = ()
    """Less is better: dollars, seconds; None where it is not known."""


def dominated(standings: Sequence[Standing]) -> dict[str, str]:
    """Return, by arm that nobody should choose, one that is at least as good in everything.

    By the means so far: what is missing of one of two is not compared.
    """
    found: dict[str, str] = {}
    for one in standings:
        for other in standings:
            if other is not one and _dominates(other, one):
                found[one.name] = other.name
                break
    return found


def _dominates(better: Standing, one: Standing) -> bool:
    pairs = [
        (b, a)
        for b, a in zip(better.costs, one.costs, strict=True)
        if a is not None and b is not None
    ]
    as_good = better.quality >= one.quality and all(b <= a for b, a in pairs)
    return as_good and (better.quality > one.quality or any(b < a for b, a in pairs))
