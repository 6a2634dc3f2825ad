"""Trials that change some suspects at once, drawn several times, within a budget.

A *draw* numbers a sample: all trials of one draw share their chance, as far as answers are drawn by
the effect's key, so that what two of them differ by is what was changed. A set of suspects that
was tried with a draw is not tried again.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from agentmesh.counterfactual.answers import StoppedError
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.known import Known, KnownFirst
from agentmesh.counterfactual.suspects import Suspect
from agentmesh.counterfactual.trials import Trial, Trials
from agentmesh.errors import UsageError
from agentmesh.simulation.sources import Asked, Outcome

Judge = Callable[[Trial | None], bool]
"""Tells whether a trial, or the run itself (None), has failed."""
Progress = Callable[[str], None]


class SpentError(Exception):
    """The budget is spent."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What one trial came to."""

    failed: bool | None
    """None: it could not be told, because an answer is missing."""
    calls: int
    """Effects that went by the policy."""
    chance: bool
    """Whether another draw may come to something else."""
    issued: tuple[str, ...]
    """Effects that were asked for anew: agent, kind and name."""
    told: dict[str, Outcome]
    """By key, what effects that were asked for anew came to."""
    executed: int
    """Events that were handled again."""


class Noting(KnownFirst):
    """Answers, notes them, and has another chance for each draw.

    What is asked for again and has no other answer keeps the one that it has.

    Args:
        inner: What answers.
        own: What the run itself was told.
    """

    def __init__(self, inner: KnownFirst, own: Known) -> None:
        self._inner = inner
        self.policy = inner.policy
        self._own = own
        self.draw = 0
        self.told: dict[str, Outcome] = {}

    @property
    def chances(self) -> int:
        """Answers so far that might have been others."""
        return self._inner.chances

    @property
    def calls(self) -> int:  # type: ignore[override]  # it is counted where calls are made
        """Effects that the policy was asked for."""
        return self._inner.calls

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends in this draw."""
        self._inner.known.turn = self.draw
        drawn = replace(asked, seed=f"{asked.seed}\x1f{self.draw}")
        try:
            outcome = self._inner.answer(drawn)
        except StoppedError:
            kept = self._own.answer(drawn)
            if kept is None:
                raise
            outcome = kept
        self.told[asked.command.key] = outcome
        return outcome

    def close(self) -> None:
        """Let go of connections."""
        self._inner.close()


@dataclass(kw_only=True)
class Budget:
    """What may be spent."""

    calls: int
    """Effects that the policy is asked for."""
    seconds: float
    trials: int = 5_000


@dataclass(kw_only=True)
class Spent:
    """What was spent."""

    trials: int = 0
    calls: int = 0
    unresolved: int = 0
    out: bool = False
    """Whether the budget ended the search."""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it took by now."""
        return time.monotonic() - self.began


class Laboratory:
    """Tries changes of one run.

    Args:
        trials: Of the run.
        fails: Tells whether a trial has failed.
        budget: What may be spent.
        on_progress: Called now and then.
    """

    def __init__(
        self,
        trials: Trials,
        fails: Judge,
        budget: Budget,
        on_progress: Progress | None = None,
    ) -> None:
        self.spent = Spent()
        self._trials = trials
        self._fails = fails
        self._budget = budget
        self._on_progress = on_progress
        self._answers = Noting(trials.answers, Known([trials.run]))
        self._known: dict[tuple[frozenset[Suspect], int], Shot] = {}

    def shoot(self, changed: Iterable[Suspect], draw: int = 0) -> Shot:
        """Change some suspects, and say what comes of it.

        Args:
            changed: What is otherwise.
            draw: Which sample.

        Raises:
            SpentError: The budget does not allow it.
            DivergenceError: The program is not what it was when the run was recorded.
        """
        wanted = frozenset(changed)
        shot = self._known.get((wanted, draw))
        if shot is None:
            edits = [one for each in sorted(wanted, key=_place) for one in each.edits]
            shot = self._known[wanted, draw] = self.make(edits, draw)
        return shot

    def make(self, edits: list[Edit], draw: int = 0) -> Shot:
        """Make a trial; errors are those of `shoot`."""
        self._check()
        self._answers.draw, self._answers.told = draw, {}
        if not edits:
            failed = self._fails(None)
            return Shot(failed=failed, calls=0, chance=False, issued=(), told={}, executed=0)
        before = self._answers.chances
        try:
            trial = self._trials.make(edits, answers=self._answers)
        except UsageError:  # such changes do not go together
            trial = Trial(status="cancelled", stopped="it can't be changed")
        spent = self.spent
        spent.trials += 1
        spent.calls += trial.calls
        unresolved = bool(trial.stopped)
        spent.unresolved += unresolved
        if self._on_progress is not None:
            self._on_progress(f"{spent.trials:,} trials, {spent.calls:,} calls")
        return Shot(
            failed=None if unresolved else self._fails(trial),
            calls=trial.calls,
            chance=self._answers.chances > before,
            issued=tuple(trial.issued),
            told=self._answers.told,
            executed=trial.executed,
        )

    def _check(self) -> None:
        budget, spent = self._budget, self.spent
        if (
            (spent.calls and spent.calls >= budget.calls)
            or spent.trials >= budget.trials
            or spent.seconds >= budget.seconds
        ):
            spent.out = True
            raise SpentError


def _place(suspect: Suspect) -> tuple[int, str]:
    return suspect.number, suspect.kind
