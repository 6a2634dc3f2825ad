"""Who is to blame: flip tests with a control, and what they add up to.

Each suspect is changed alone, in several draws. What it comes to is held against an A/A control, in
which that very suspect is as it was, and only what its change had asked for anew is asked for
anew: else whatever comes earlier would be blamed for refreshing what went wrong later. The
effect of a suspect is how much less often the run fails. Where no suspect alone makes the run pass,
the smallest set is sought that does (`delta`); where several do, or a set does, what each
contributes is shared out (`shapley`). The point of commitment is the last event from which asking
for everything again can still avert the failure.

The result is a set with intervals, never one label: what is in it can't be told apart by trying.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.counterfactual.delta import smallest
from agentmesh.counterfactual.laboratory import Laboratory, Shot, SpentError
from agentmesh.counterfactual.shapley import Share, shares
from agentmesh.counterfactual.statistics.comparing import Comparison
from agentmesh.counterfactual.suspects import CONTENT, FAULT, ORDER, TIMING, Suspect

PLAYERS_MAX = 6
_SEEN_NOTHING = 3
"""Samples after which a suspect that changed nothing is let go."""
_SCREENS = 2
_COMMITMENT_MAX = 200


@dataclass(kw_only=True)
class Blame:
    """What was found out about one suspect."""

    suspect: Suspect
    effect: float
    """How much less often the run fails if this is otherwise: 1 is always."""
    low: float
    high: float
    """What that lies between, however often one has looked."""
    samples: int
    exact: bool
    """Whether chance has no part in it: nothing new was asked for."""
    control: float
    """How often the run fails in the A/A control."""
    decided: bool
    """Whether the interval excludes that it makes no difference."""
    share: Share | None = None
    """What it contributes, where causes interact."""
    reach: int = 0
    """How many events were handled again in the first sample."""
    by_others: int = 0
    """With how many others it has to be changed to make a difference."""

    @property
    def weight(self) -> float:
        """What it is ranked by."""
        return self.share.value if self.share is not None else self.effect

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        one, share = self.suspect, self.share
        return {
            "agent": one.agent,
            "event": one.event,
            "class": one.kind,
            "what": one.what,
            "effect": round(self.effect, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "exact": self.exact,
            "samples": self.samples,
            "control": round(self.control, 4),
            "decided": self.decided,
            "with_others": self.by_others,
            "share": None
            if share is None
            else {"value": round(share.value, 4), "interval": [share.low, share.high]},
        }


@dataclass(kw_only=True)
class Verdict:
    """What all of it came to."""

    blames: list[Blame] = field(default_factory=list)
    """The ambiguity set: the likeliest first."""
    flipping: list[Suspect] = field(default_factory=list)
    """A smallest set that makes the run pass if it is otherwise."""
    enough: list[Suspect] = field(default_factory=list)
    """A smallest set that makes it fail, whatever else is otherwise: the repro."""
    commitment: Suspect | None = None
    screened: int = 0
    """How many suspects were changed, of all."""

    def agents(self) -> dict[str, float]:
        """Return how much each agent is to blame, the most first."""
        found: dict[str, float] = {}
        for each in self.blames:
            agent, weight = each.suspect.agent, each.weight
            if each.share is not None:
                found[agent] = found.get(agent, 0.0) + weight
            else:
                found[agent] = max(found.get(agent, 0.0), weight)
        return dict(sorted(found.items(), key=lambda one: -one[1]))


class Blaming:
    """Tries suspects.

    Args:
        lab: Makes the trials.
        suspects: What may be to blame, in the run order.
        samples: How often, at most, one suspect is tried.
        alpha: How often an interval may miss.
    """

    def __init__(
        self, lab: Laboratory, suspects: Sequence[Suspect], *, samples: int, alpha: float
    ) -> None:
        self._lab = lab
        self._suspects = suspects
        self._samples = samples
        self._alpha = alpha
        self.verdict = Verdict()

    def run(self) -> Verdict:
        """Try them, until the budget is spent."""
        for step in (self._alone, self._together, self._shared, self._enough, self._committed):
            try:
                step()
            except SpentError:
                break
        self.verdict.blames.sort(key=_rank)
        return self.verdict

    # --- one by one -------------------------------------------------------------------------------

    def _alone(self) -> None:
        """Change each alone; measure those that make a difference."""
        flipped = [
            each for each in sorted(self._suspects, key=_cheapest_first) if self._flips(each)
        ]
        for suspect in flipped:
            blame = self._measured(suspect)
            if blame.effect > 0:
                self.verdict.blames.append(blame)
        if self.verdict.blames:
            self.verdict.flipping = [min(self.verdict.blames, key=_rank).suspect]

    def _flips(self, suspect: Suspect) -> bool:
        self.verdict.screened += 1
        return self._averts([suspect])

    def _measured(self, suspect: Suspect) -> Blame:
        comparison = Comparison(self._alpha)
        failures = told = reach = 0
        exact, decided = True, False
        for draw in range(self._samples):
            arm = self._lab.shoot([suspect], draw)
            control = self._control(suspect, arm, draw)
            reach = reach or arm.executed
            if arm.failed is None or control.failed is None:
                continue
            told += 1
            failures += control.failed
            comparison.take(float(control.failed), float(arm.failed))
            if not arm.chance and not control.chance:
                break
            exact = False
            decided = comparison.interval.log_e_value >= _evidence(self._alpha)
            if decided or (told >= _SEEN_NOTHING and comparison.interval.difference >= 0):
                break
        comparison.look()
        interval = comparison.interval
        effect = -interval.difference
        low, high = (effect, effect) if exact else (-interval.high, -interval.low)
        return Blame(
            suspect=suspect,
            effect=effect,
            low=low,
            high=high,
            samples=told,
            exact=exact and told > 0,
            control=failures / told if told else 1.0,
            decided=(exact and effect > 0) or decided,
            reach=reach,
        )

    def _control(self, suspect: Suspect, arm: Shot, draw: int) -> Shot:
        """Ask again for all that the arm has asked for anew, but not for the suspect."""
        again = Counter(arm.issued)
        again[suspect.asked] -= 1
        held = [
            each
            for each in self._suspects
            if each.kind in (CONTENT, FAULT)
            and each is not suspect
            and each.number > suspect.number
            and again[each.asked] > 0
        ]
        return self._lab.shoot(held, draw)

    # --- several at once --------------------------------------------------------------------------

    def _together(self) -> None:
        """Where none makes a difference alone: find the fewest that do together."""
        if self.verdict.blames:
            return
        every = [each for each in self._suspects if each.kind in (CONTENT, FAULT, TIMING)]
        draw = self._good_draw(every)
        if draw is None:
            return

        def passes(changed: list[Suspect]) -> bool:
            return self._lab.shoot(changed, draw).failed is False

        found = self.verdict.flipping = smallest(every, passes)
        others = len(found) - 1
        for each in found:
            self.verdict.blames.append(
                Blame(
                    suspect=each,
                    effect=0.0,
                    low=-1.0,
                    high=1.0,
                    samples=0,
                    exact=False,
                    control=1.0,
                    decided=True,
                    by_others=others,
                )
            )

    def _good_draw(self, every: Sequence[Suspect]) -> int | None:
        """Return a draw in which all goes well if all of it is otherwise; None if there is none.

        Sets are held against each other in that draw alone: what they share, they share there.
        """
        for draw in range(self._samples):
            shot = self._lab.shoot(every, draw)
            if shot.failed is False:
                return draw
            if not shot.chance:
                break
        return None

    def _shared(self) -> None:
        """Share out what those contribute that make a difference, if they are several."""
        players = [each.suspect for each in sorted(self.verdict.blames, key=_rank)[:PLAYERS_MAX]]
        if len(players) < 2:  # noqa: PLR2004 - one has it all
            return
        groups: dict[str, list[Suspect]] = {}
        for each in players:
            groups.setdefault(each.agent, []).append(each)

        def averts(changed: frozenset[Suspect], draw: int) -> bool:
            return bool(changed) and self._lab.shoot(changed, draw).failed is False

        def worth(changed: frozenset[Suspect], draw: int) -> float:
            """Tell whether something of this set averts it: nobody has to change all of it."""
            alone = any(averts(frozenset((each,)), draw) for each in changed)
            return float(alone or averts(changed, draw))

        found = shares(groups, worth, pairs=max(2, min(self._samples, 4)))
        for blame in self.verdict.blames:
            blame.share = found.get(blame.suspect)

    # --- what is enough, and until when -----------------------------------------------------------

    def _enough(self) -> None:
        """Find the fewest that make the run fail, all others being otherwise."""
        verdict = self.verdict
        every = [each for each in self._suspects if each.kind in (CONTENT, FAULT)]
        guess = [each.suspect for each in verdict.blames if each.suspect in every]
        draw = self._good_draw(every) if guess else None
        if draw is None:
            return

        def fails(held: list[Suspect]) -> bool:
            rest = [each for each in every if each not in held]
            return self._lab.shoot(rest, draw).failed is True

        for one in guess:
            if fails([one]):
                verdict.enough = [one]
                return
        if fails(guess):
            verdict.enough = smallest(guess, fails)

    def _committed(self) -> None:
        """Find the last event from which asking for everything again can avert the failure."""
        every = [each for each in self._suspects if each.kind in (CONTENT, FAULT)]
        if not every or len(every) > _COMMITMENT_MAX or not self._averts(every):
            return
        low, high = 0, len(every)  # from `low` on it can be averted, from `high` on it can't
        while high - low > 1:
            middle = (low + high) // 2
            if self._averts(every[middle:]):
                low = middle
            else:
                high = middle
        self.verdict.commitment = every[low]

    def _averts(self, again: Sequence[Suspect]) -> bool:
        """Tell whether the run passes in some draw; draws that cost no call are cheap."""
        paid = 0
        for draw in range(self._samples):
            shot = self._lab.shoot(again, draw)
            paid += bool(shot.calls)
            if shot.failed is False or not shot.chance or paid >= _SCREENS:
                return shot.failed is False
        return False


def _rank(blame: Blame) -> tuple[float, bool, int, int]:
    """Order by effect; of equal ones the earliest first: a later one may only pass it on.

    Orders come after contents, and of these the one first whose flip changes least besides.
    """
    reach = blame.reach + 1 if blame.suspect.kind == ORDER else 0
    return -round(blame.effect, 6), not blame.decided, reach, blame.suspect.number


def _cheapest_first(suspect: Suspect) -> tuple[int, int]:
    """Order suspects for a budget: faults, then what needs no call, then content from its end."""
    order = {FAULT: 0, TIMING: 1, ORDER: 2, CONTENT: 3}
    return order[suspect.kind], -suspect.number


def _evidence(alpha: float) -> float:
    """Return the logarithm of the e-value that is evidence enough."""
    import math

    return math.log(1 / alpha)
