"""`explore_run`: other schedules of a recorded run, searched until one fails.

The run's workflow and input are run in worlds (`simulation`) under every schedule that makes a
difference, or under as many as there is time for. Effects are told what they were told in the run,
by their keys; then what further runs were told; then what the policy says. A schedule that asks
for something else counts as unresolved, whatever became of it: nobody knows how it would go on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from agentmesh.counterfactual.answers import StoppedError
from agentmesh.errors import EffectError, RunFailedError, describe
from agentmesh.host.entry import load
from agentmesh.journal import strings
from agentmesh.journal.run_info import DONE, FAILED
from agentmesh.kernel.envelope import FAIL
from agentmesh.mesh.failing import DEFAULT, Ending
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.racing import Flipper
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.replaying import entry_from
from agentmesh.mesh.runs import open_run
from agentmesh.mesh.simulating import simulate
from agentmesh.sdk import message as messages
from agentmesh.sdk.agent import AgentType
from agentmesh.sdk.message import Message
from agentmesh.simulation.cases import Case
from agentmesh.simulation.faults import FaultPlan
from agentmesh.simulation.hunting import Hunt, Strategy, hunt
from agentmesh.simulation.judging import BrokenError, Invariant, Judged
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler
from agentmesh.simulation.sources import Asked, Recorded, Sources
from agentmesh.simulation.sources import Outcome as Ends
from agentmesh.simulation.world import STEPS_MAX, World

SCHEDULES = 1_000
AUTO = "auto"
_FREE = Timing(message_seconds=None)
Progress = Callable[[str], None]


@dataclass(kw_only=True)
class Explored:
    """What came of looking for a schedule that fails."""

    run_id: str
    strategy: str
    question: str
    schedules: int = 0
    """Worlds that were run to their end."""
    unresolved: int = 0
    """Of these, worlds in which something was asked for that nobody has an answer to."""
    covered: str = ""
    """How much was seen of all there is."""
    failure: str = ""
    """What the failure is called; empty if none was found."""
    case: str = ""
    """The smallest schedule that fails so, as `--schedule` takes it."""
    held: list[str] = field(default_factory=list)
    """What it holds back: its deviations from the order of sending."""
    shrinking: int = 0
    """Worlds that were run to make it small."""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "strategy": self.strategy,
            "schedules": self.schedules,
            "unresolved": self.unresolved,
            "covered": self.covered,
            "failure": self.failure,
            "schedule": self.case,
            "held": self.held,
            "shrinking": self.shrinking,
            "seconds": round(self.seconds, 3),
        }


class _Told:
    """Answers effects from the record, then by a policy; notes what nobody knows."""

    def __init__(self, flipper: Flipper, recorded: Recorded) -> None:
        self._flipper = flipper
        self._recorded = recorded
        self.missed: list[str] = []

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return how long it took in the run."""
        return self._recorded.seconds(asked)

    def answer(self, asked: Asked) -> Ends:
        """Return how an effect ends; what nobody knows fails, and the world with it."""
        found = self._recorded.answer(asked)
        if found is not None:
            return found
        try:
            return self._flipper.answers.answer(asked)
        except StoppedError as error:
            self.missed.append(error.what)
            return Ends(error=describe(EffectError(f"Nobody has an answer: {error.what}.")))


class _Judge(Judged):
    """Judges worlds of a run; what is unresolved has not failed."""

    def __init__(self, worlds: "Worlds", invariants: Sequence[Invariant]) -> None:
        super().__init__(invariants, worlds.check)
        self._worlds = worlds
        self.unresolved = 0

    def __call__(self, world: World) -> str:
        """Run a world to its end, and name its failure; empty if it has none."""
        failure = super().__call__(world)
        if self._worlds.missed(world):
            self.unresolved += 1
            return ""
        return failure


class _TimeIsUpError(Exception):
    """There is no time for another world."""


class Worlds:
    """Makes worlds of a recorded run.

    Args:
        flipper: Of the run: knows what its effects come to, and what it means to have failed.
        until: Make no more after this time, as `time.monotonic` counts; None for no end.
        also: Called with each world that has ended; raises if something is wrong with it.
        steps_max: Events after which a world is given up.
    """

    def __init__(
        self,
        flipper: Flipper,
        until: float | None = None,
        *,
        also: Callable[[World], object] | None = None,
        steps_max: int = STEPS_MAX,
    ) -> None:
        run = flipper.run
        self._flipper = flipper
        self._until = until
        self._also = also
        self._steps_max = steps_max
        self._recorded = Recorded((each, run.steps(each)) for each in run.addresses())
        _, self.workflow = load(entry_from(run.info, flipper.how.program))
        self.message = _message(self.workflow, run.info.input_type, run.info.input)
        order = flipper.subject.ledger.order
        self.begun_ns = order.event(0).at if len(order) else run.info.created_at_ns
        self._told: dict[int, _Told] = {}
        self.settings = {name: str(value) for name, value in run.info.settings.items()}

    def make(self, scheduler: Scheduler, plan: FaultPlan, seed: str) -> World:
        """Make a world that has not begun."""
        if self._until is not None and time.monotonic() > self._until:
            raise _TimeIsUpError
        told = _Told(self._flipper, self._recorded)
        world = World(
            self.workflow.target,
            self.message,
            seed=self._flipper.run.info.seed,
            scheduler=scheduler,
            effects=Sources([told]),
            faults=plan,
            timing=_FREE,
            settings=self.settings,
            begun_ns=self.begun_ns,
            drain_seconds=self._flipper.run.info.drain_seconds,
            steps_max=self._steps_max,
        )
        scheduler.begin(seed)  # its own: the world has the run's
        self._told = {id(world): told}  # one world lives at a time
        return world

    def missed(self, world: World) -> list[str]:
        """Return what was asked for in a world and nobody knows."""
        told = self._told.get(id(world))
        return [] if told is None else told.missed

    def check(self, world: World) -> None:
        """Raise if a world that has ended has failed."""
        if world.answer is None:
            raise BrokenError("The workflow comes to no end.")
        if self._flipper.failing(ending_of(world)):
            if world.answer.kind == FAIL and self._flipper.failing.text == DEFAULT:
                world.value()
            raise BrokenError(f"It fails: {self._flipper.failing.text}")
        if self._also is not None:
            self._also(world)

    def keep(self, case: Case) -> tuple[Outcome, list[str]]:
        """Run one schedule, and keep it as a run; return also what nobody had an answer to."""
        told = _Told(self._flipper, self._recorded)
        outcome = simulate(
            self.workflow.target,
            self.message,
            seed=self._flipper.run.info.seed,
            scheduler=case.scheduler,
            effects=Sources([told]),
            faults=case.plan,
            timing=_FREE,
            settings=self.settings,
            begun_ns=self.begun_ns,
            store=self._flipper.subject.store.location,
        )
        return outcome, told.missed


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """One schedule, run and kept."""

    run_id: str
    failed: bool
    status: str
    result: Any
    error: Any
    missed: list[str]
    """What nobody had an answer to."""


def repeat(flipper: Flipper, case: Case) -> Repeated:
    """Run one schedule of a run, and keep it as a run of its own.

    Args:
        flipper: Of the run.
        case: The schedule.
    """
    outcome, missed = Worlds(flipper).keep(case)
    with open_run(outcome.run_id, store=flipper.subject.store.location) as kept:
        kept.program = flipper.how.program
        info = kept.info
        failing = flipper.failing(recorded_ending(kept))
        return Repeated(
            run_id=kept.id,
            failed=failing,
            status=info.status,
            result=info.result,
            error=info.error,
            missed=missed,
        )


def recorded_ending(run: RecordedRun) -> Ending:
    """Return how a recorded run ended; agents are replayed when they are asked for."""
    info, order = run.info, run.order()

    def state(where: str) -> Any:
        return run.at((where, order.steps_of(where) - 1)).agent().state

    return Ending(info.status, info.result, info.error, state, run.addresses())


def explore_run(
    flipper: Flipper,
    *,
    strategy: str = AUTO,
    schedules: int = SCHEDULES,
    seconds: float | None = None,
    invariants: Sequence[Invariant] = (),
    check: Callable[[World], object] | None = None,
    steps_max: int = STEPS_MAX,
    on_progress: Progress | None = None,
) -> Explored:
    """Search schedules of a run until one fails, and make that one small.

    Args:
        flipper: Of the run.
        strategy: `all` for every schedule that makes a difference, or as in `simulation.hunting`;
            `auto` for those, and drawn ones if they are too many.
        schedules: How many, at most.
        seconds: Look no longer.
        invariants: What must hold: `always(...)`, `eventually(...)`.
        check: Called with each world that has ended; raises if something is wrong with it.
        steps_max: Events after which a world is given up.
        on_progress: Called now and then.

    Raises:
        UsageError: `failed` can't be answered; the program is not always the same.
    """
    begun = time.monotonic()
    until = None if seconds is None else begun + seconds
    worlds = Worlds(flipper, until, also=check, steps_max=steps_max)
    judge = _Judge(worlds, invariants)
    found = Explored(run_id=flipper.run.id, strategy=strategy, question=flipper.failing.text)
    count = 0

    def make(scheduler: Scheduler, plan: FaultPlan, seed: str) -> World:
        nonlocal count
        count += 1
        if on_progress is not None:
            on_progress(f"{count:,} schedules")
        return worlds.make(scheduler, plan, seed)

    try:
        for each, share in _plan(strategy, schedules):
            result = hunt(make, judge, strategy=each, schedules=share)
            _note(found, each, result)
            if result.found is not None or "all that differ" in result.covered:
                break
    except _TimeIsUpError:
        found.schedules = max(found.schedules, count - 1)
        found.covered = f"{found.schedules:,} schedules in {seconds:g} s, not all"
    found.unresolved = judge.unresolved
    found.seconds = time.monotonic() - begun
    return found


def _plan(strategy: str, schedules: int) -> list[tuple[Strategy, int]]:
    """Return which strategies are tried in turn, each with its share of the schedules.

    A search of all differences that does not get through has seen the late ones of one beginning:
    drawn schedules look elsewhere.
    """
    if strategy != AUTO:
        return [(cast("Strategy", strategy), schedules)]
    half = (schedules + 1) // 2
    return [("all", half), ("mixed", schedules - half)] if schedules > 1 else [("all", 1)]


def _note(found: Explored, strategy: str, result: Hunt) -> None:
    found.schedules += result.runs
    found.covered = f"{found.covered}; then " if found.covered else ""
    found.covered += result.covered or f"{result.runs:,} schedules until it failed"
    if strategy != found.strategy:
        found.covered += f" ({'drawn' if strategy == 'mixed' else 'all in turn'})"
    if result.found is not None:
        found.failure = result.found.failure
        found.case = str(replace(result.found.case, seed=""))
        found.held = list(result.found.case.held)
        found.shrinking = result.found.shrinking


def ending_of(world: World) -> Ending:
    """Return how a world ended."""
    answer = world.answer
    if answer is None:
        raise RunFailedError("The workflow has not ended.")
    failed = answer.kind == FAIL
    shown = strings.loads(answer.payload) if answer.payload else None

    def state(where: str) -> Any:
        cell = world.agents[where]
        dumped = b"" if cell.instance is None else cell.behavior.dump(cell.instance)
        return strings.loads(dumped) if dumped else None

    status, result, error = (FAILED, None, shown) if failed else (DONE, shown, None)
    return Ending(status, result, error, state, world.agents)


def _message(workflow: AgentType, name: str, value: Any) -> Message | None:
    """Return the run's input again."""
    if not name:
        return None
    adapters = next(iter(workflow.handlers.values())).signature.adapters
    adapter = adapters.get(name) or next(iter(adapters.values()))
    return messages.decode(strings.dumps(value), adapter)
