"""`races`: which deliveries of a run could have come the other way round, and what if they had.

Finding them reads the journal. Each is then flipped in a branch that is not kept, and labelled
(`counterfactual.flipping`). Flips do not know each other: many of them are spread over processes.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmesh.causality.order import RunOrder
from agentmesh.causality.races import RacingPair, racing_pairs, spread
from agentmesh.counterfactual.answers import FUNCTION, STOP, Answering, Answers
from agentmesh.counterfactual.flipping import LABELS, Race, flip
from agentmesh.counterfactual.known import answered_first
from agentmesh.counterfactual.record import Ledger
from agentmesh.counterfactual.trials import Trial, Trials
from agentmesh.errors import UsageError
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RUNNING
from agentmesh.journal.store import Store
from agentmesh.mesh.failing import Ending, Failed, Failing
from agentmesh.mesh.finding_files import keep_finding
from agentmesh.mesh.replaying import chosen, replayer_of
from agentmesh.replay.parallel import in_processes

LIMIT = 200
"""Pairs that are flipped unless more are asked for."""
KIND = "races"
_ALONE_SECONDS = 2.0
"""How long one process flips before it is worth to start others."""

Progress = Callable[[str], None]
"""Called now and then with how far it has come, in a few words."""


@dataclass(kw_only=True)
class Races:
    """The races of a run."""

    run_id: str
    races: list[Race] = field(default_factory=list)
    """The flipped ones: failing first, then different, unresolved and benign."""
    pairs: int = 0
    """All racing pairs."""
    pinned: int = 0
    """Pairs left out because one sender's messages keep their order."""
    agents: int = 0
    """Agents at which something races."""
    failed: bool = False
    """Whether the run itself has failed."""
    question: str = ""
    """What it means to have failed."""
    policy: str = ""
    seconds: float = 0.0
    events: int = 0
    """Events that were handled again, in all flips together."""
    path: str | None = None
    """Where this was written down; None if it was not."""

    @property
    def left(self) -> int:
        """Pairs that were not flipped."""
        return self.pairs - len(self.races)

    @property
    def counts(self) -> dict[str, int]:
        """How many of the flipped pairs have which label."""
        found = Counter(each.label for each in self.races)
        return {label: found[label] for label in LABELS}

    @property
    def matter(self) -> list[Race]:
        """Those that make a run fail, or not fail any more."""
        return [each for each in self.races if each.label == LABELS[0] or each.cures]

    def __iter__(self) -> Any:
        """Go through the flipped pairs."""
        return iter(self.races)

    def __len__(self) -> int:
        """Return how many were flipped."""
        return len(self.races)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "failed": self.failed,
            "policy": self.policy,
            "pairs": self.pairs,
            "flipped": len(self.races),
            "left": self.left,
            "pinned": self.pinned,
            "agents": self.agents,
            "counts": self.counts,
            "cures": sum(each.cures for each in self.races),
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "races": [each.as_json() for each in self.races],
        }


@dataclass(frozen=True, kw_only=True)
class How:
    """How pairs are flipped: all that another process must know."""

    path: str
    location: str
    program: str | Path | None
    failed: Failed | None
    policy: str
    known: tuple[str, ...]
    irreversible: bool


@dataclass(frozen=True)
class Subject:
    """A run that branches are made of."""

    run: Run
    ledger: Ledger
    store: Store
    program: str | Path | None = None
    """The program's file, if it is not where it ran."""


def find_races(
    subject: Subject,
    *,
    failed: Failed | None = None,
    limit: int = LIMIT,
    seconds: float | None = None,
    agents: Sequence[str] = (),
    policy: str | None = None,
    answers: Answers | None = None,
    known: Sequence[str | Path] = (),
    irreversible: bool = False,
    processes: int = 1,
    keep: bool = True,
    on_progress: Progress | None = None,
) -> Races:
    """Find the races of a run and flip them; see `finding.races`."""
    started, run = time.monotonic(), subject.run
    refuse_going_on(run)
    how = How(
        path=run.path,
        location=subject.store.location,
        program=subject.program,
        failed=failed,
        policy=policy or (FUNCTION if answers is not None else STOP),
        known=tuple(str(each) for each in known),
        irreversible=irreversible,
    )
    flipper = Flipper(subject, how, answers)
    found = Races(run_id=run.id, policy=how.policy, question=flipper.failing.text)
    found.failed = flipper.fails(None)
    pairs = _pairs(subject, found, agents, limit)
    until = None if seconds is None else started + seconds
    alone = answers is not None or not flipper.failing.travels
    work = _Work(flipper, pairs, until, on_progress)
    _finish(found, work.flipped(1 if alone else processes), started)
    if keep:
        question = {"failed": found.question, "limit": limit, "agents": list(agents)}
        found.path = keep_finding(run, KIND, question, found.as_json())
    return found


def _finish(found: Races, flipped: list[Race], started: float) -> None:
    found.races = sorted(flipped, key=lambda each: (LABELS.index(each.label), not each.cures))
    found.events = sum(each.executed for each in flipped)
    found.seconds = time.monotonic() - started


def refuse_going_on(run: Run) -> None:
    """Refuse a run whose record is not complete yet.

    Raises:
        UsageError: It goes on.
    """
    if run.info.status == RUNNING and run.driver is not None and not run.driver.is_dead:
        raise UsageError(
            f"The run {run.id} goes on: its record is not complete yet.",
            fix="Wait until it has ended, or stop it.",
        )


def _pairs(subject: Subject, found: Races, agents: Sequence[str], limit: int) -> list[RacingPair]:
    if limit < 0:
        raise UsageError(f"{limit} pairs can't be flipped.", fix="Give a limit of 0 or more.")
    every = racing_pairs(subject.run, subject.ledger.order)
    pairs = every.pairs
    found.pinned, found.agents, found.pairs = every.pinned, every.agents, every.count
    if agents:
        wanted = set(chosen(subject.run, agents))
        pairs = [each for each in pairs if each.agent in wanted]
        found.pairs, found.agents = len(pairs), len({each.agent for each in pairs})
    return spread(pairs, limit)


class Flipper:
    """Flips pairs of one run, in one process.

    Args:
        subject: The run.
        how: What to do.
        answers: For the policy `function`.
    """

    def __init__(self, subject: Subject, how: How, answers: Answers | None = None) -> None:
        self.subject = subject
        self.how = how
        self.failing = Failing(how.failed)
        run = self.run = subject.run
        redactor = subject.store.redactor_for(run.info)
        replayer = replayer_of(run, redactor, how.program)
        answering = Answering(how.policy, run, answers, irreversible=how.irreversible)
        self.answers = answered_first(subject.store, how.known, answering)
        self.trials = Trials(run, subject.ledger, replayer, BodyEncoder(redactor), self.answers)
        self._addresses = run.addresses()

    def fails(self, trial: Trial | None) -> bool:
        """Tell whether a trial, or the run itself, has failed."""
        return self.failing(self.ending(trial))

    def ending(self, trial: Trial | None) -> Ending:
        """Return how a trial, or the run itself, ended."""
        of = self.run.info if trial is None else trial
        state = functools.partial(self.trials.last_state, trial)
        return Ending(of.status, of.result, of.error, state, self._addresses)

    def flip(self, pair: RacingPair) -> Race:
        """Flip one pair."""
        return flip(self.trials, pair, self.fails)


class _Work:
    """Flips many pairs: first here, and in processes of their own if that takes long."""

    def __init__(
        self,
        flipper: Flipper,
        pairs: Sequence[RacingPair],
        until: float | None,
        on_progress: Progress | None,
    ) -> None:
        self._flipper = flipper
        self._pairs = pairs
        self._until = until
        self._on_progress = on_progress

    def flipped(self, processes: int) -> list[Race]:
        """Flip them all, or as many as there is time for."""
        done: list[Race] = []
        begun = time.monotonic()
        for pair in self._pairs:
            now = time.monotonic()
            if self._until is not None and now > self._until:
                return done
            rest = len(self._pairs) - len(done)
            if processes > 1 and now - begun > _ALONE_SECONDS and rest > 2 * processes:
                return done + self._elsewhere(processes, len(done))
            done.append(self._flipper.flip(pair))
            self._tell(len(done))
        return done

    def _elsewhere(self, processes: int, start: int) -> list[Race]:
        pairs = self._pairs[start:]
        work = functools.partial(_flip_some, pairs, self._until)
        opens = functools.partial(_open, self._flipper.how)
        numbers = [str(number) for number in range(len(pairs))]
        parts = in_processes(
            opens, work, numbers, processes, lambda count: self._tell(start + count)
        )
        found = sorted((each for part in parts for each in part), key=lambda each: each[0])
        return [race for _, race in found]

    def _tell(self, count: int) -> None:
        if self._on_progress is not None:
            self._on_progress(f"{count:,} of {len(self._pairs):,} pairs")


def _open(how: How) -> Flipper:
    """Open a run in a process of its own; it stays open as long as the process lives."""
    store = Store(how.location)
    run = store.open_run(how.path if Path(how.path).exists() else Path(how.path).name)
    return Flipper(Subject(run, Ledger(run, RunOrder.of(run)), store, how.program), how)


def _flip_some(
    pairs: Sequence[RacingPair],
    until: float | None,
    flipper: Flipper,
    numbers: list[str],
    tell: Callable[[int], None],
) -> list[tuple[int, Race]]:
    found = []
    for number in map(int, numbers):
        if until is not None and time.monotonic() > until:
            break
        found.append((number, flipper.flip(pairs[number])))
        tell(len(found))
    return found
