"""Two deliveries the other way round, and what that comes to: the label of a race.

The earlier one is held back until the later one has come; everything else keeps its place.
*Benign* means that nobody's last state is another one, and that everybody sent and asked for
the same; *failing*, that the run fails then and did not before; *different* is the rest.
What can't be told (an effect is asked for that nobody has an answer to) is *unresolved*.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentmesh.causality.races import EFFECT, RacingPair
from agentmesh.counterfactual import edit
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.trials import Trial, Trials
from agentmesh.errors import UsageError

BENIGN, DIFFERENT, FAILING, UNRESOLVED = "benign", "different", "failing", "unresolved"
LABELS = (FAILING, DIFFERENT, UNRESOLVED, BENIGN)
"""In the order of how much they matter."""

_SHOWN_MAX = 20
_RESULT_MAX = 4_000
_NS = 1_000_000_000
Judge = Callable[[Trial | None], bool]
"""Tells whether a trial, or the run itself (None), has failed."""


@dataclass(kw_only=True)
class Race:
    """A racing pair, and what flipping it came to."""

    pair: RacingPair
    label: str
    why: str = ""
    """Of an unresolved one, what is missing."""
    cures: bool = False
    """Whether the run, which has failed, does not fail the other way round."""
    status: str = ""
    result: Any = None
    """What the workflow returns, where that is not what it was; None if it does not."""
    error: Any = None
    differs: list[str] = field(default_factory=list)
    """Agents that end in another state, or sent something else."""
    executed: int = 0
    """Events that were handled again."""
    issued: int = 0
    """Effects that the run had no answer for."""
    calls: int = 0
    """Those of them that went by the policy."""

    @property
    def option(self) -> str:
        """What `agentmesh fork` is told to make the same branch, one that is kept."""
        first, second = self.pair.events
        if EFFECT in (self.pair.first.kind, self.pair.second.kind):
            return f"--delay {first}={_seconds(self.pair):.9f}s"
        return f"--reorder {first}={second}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **self.pair.as_json(),
            "label": self.label,
            "why": self.why,
            "cures": self.cures,
            "status": self.status,
            "result": self.result,
            "error": self.error,
            "differs": self.differs[:_SHOWN_MAX],
            "fork": self.option,
            "executed": self.executed,
            "issued": self.issued,
            "calls": self.calls,
        }


def flip(trials: Trials, pair: RacingPair, fails: Judge) -> Race:
    """Let two deliveries come the other way round.

    Args:
        trials: Of the run.
        pair: The two.
        fails: Tells whether a trial, or the run itself, has failed.

    Raises:
        DivergenceError: The program is not what it was when the run was recorded.
    """
    try:
        trial = trials.make([edit_of(pair)], flipped=pair.events)
    except UsageError as error:
        return Race(pair=pair, label=UNRESOLVED, why=error.what)
    race = Race(pair=pair, label=UNRESOLVED, status=trial.status)
    race.executed, race.issued, race.calls = trial.executed, len(trial.issued), trial.calls
    race.differs = sorted({*trial.states, *trial.acts})
    if trial.stopped:
        race.why = trial.stopped
        return race
    if not trial.turned:
        race.why = "they do not change places: the later one comes only because of the earlier"
        return race
    before, after = fails(None), fails(trial)
    race.cures = before and not after
    if after and not before:
        race.label = FAILING
    elif race.cures:
        race.label = DIFFERENT
    elif trial.unanswered:
        race.why = trial.unanswered
    else:
        race.label = BENIGN if trial.same else DIFFERENT
    _show_end(race, trial, trials)
    return race


def edit_of(pair: RacingPair) -> Edit:
    """Return what flips a pair."""
    first, second = pair.events
    if EFFECT in (pair.first.kind, pair.second.kind):
        return edit.Delay(event=first, seconds=_seconds(pair))
    return edit.reorder(first, second)


def _seconds(pair: RacingPair) -> float:
    """Return how long the first is held back: until just after the second."""
    return (pair.second.at - pair.first.at + 2) / _NS


def _show_end(race: Race, trial: Trial, trials: Trials) -> None:
    info = trials.run.info
    if trial.status != info.status or trial.result != info.result:
        race.result = trial.result if len(str(trial.result)) <= _RESULT_MAX else None
    if trial.status != info.status:
        race.error = trial.error
