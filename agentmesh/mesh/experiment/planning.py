"""`Experiment`: what is to be compared, how it is scored, and what that may cost.

A plan checks what can be checked before anything runs. The same plan with the same seed comes to
the same report in worlds and in branches, on any number of processes, and any one of its samples
can be made again by its arm and number.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentmesh.errors import StoreError, UsageError
from agentmesh.journal.files import join
from agentmesh.journal.store import Store
from agentmesh.mesh import environment
from agentmesh.mesh.experiment.arms import CONTROL, Arm, Effects, Score, Scoring, checked_arms
from agentmesh.mesh.experiment.crew import SAMPLE_SECONDS, processes_for
from agentmesh.mesh.experiment.report import KIND, ExperimentReport
from agentmesh.mesh.experiment.running import Budget, Progress, Rules, Running
from agentmesh.mesh.experiment.sampling import InWorlds, Live, Sampling, Serving
from agentmesh.mesh.options import new_run_id, store_location
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.message import Message
from agentmesh.sdk.workflow import workflow_type_of
from agentmesh.simulation.faults import FaultPlan, Faults
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler

FOLDER = "experiments"
"""In a store: reports about workflows."""
WORLD, LIVE = "world", "live"

Of = Callable[..., object] | str | Path | RecordedRun
"""A workflow, or a recorded run."""


@dataclass(kw_only=True)
class Experiment:
    """An experiment that can be run.

    Args:
        of: What it is about: a function decorated with `@workflow`; or a recorded run, of which
            branches are made.
        arms: By name, what is different (`am.arm`); the first is the baseline.
        score: Given a sample, returns how good it is; None: whether the workflow returned.
        message: The workflow's input.
        how: Of a workflow: `world` (on a virtual clock) or `live` (for real, recorded); a world
            if any effects are given, else live.
        bounds: The least and the largest that a score can be.
        failures: Whether runs that failed are scored, too; else they score the least.
        samples: Budget: at most so many of each arm.
        usd: Budget: dollars for model calls, all arms together.
        seconds: Budget: seconds of your time.
        alpha: How often all that is said may be wrong.
        margin: No difference in the score larger than this is called equivalent.
        futility: Whether to stop where the budget would not decide it.
        control: Whether the baseline runs once more under other chance, to show the noise.
        paired: Whether arms share chance.
        seed: Of all chance.
        processes: At most so many; 0 for as many as there are processors.
        sample_seconds: How long one sample may take.
        settings: Of effects, for all arms.
        effects: In worlds: what effects come to; a function of a seed makes it for each sample.
        faults: In worlds: what goes wrong.
        scheduler: In worlds: makes what chooses what happens next.
        timing: In worlds: how long messages take.
        serving: Live: given a seed, returns what serves models for one sample.
        at: Of a run: from which event on chance is drawn anew; its beginning by default.
        policy: Of a run: `resample` draws what models answer from the run; `live` asks them.
        answers: Of a run: what effects come to that are not on record.
        known: Of a run: further runs to draw answers from.
        store: Where runs and reports are kept.
        program: Of a run: the program's file, if it is not where it ran.
        name: For people.

    Raises:
        UsageError: Arms are the same, the budget is none, something does not go together.
    """

    of: Of
    arms: Mapping[str, Arm | None]
    score: Score | None = None
    message: Message | None = None
    how: str = ""
    bounds: tuple[float, float] = (0.0, 1.0)
    failures: bool = False
    samples: int = 200
    usd: float | None = None
    seconds: float | None = None
    alpha: float = 0.05
    margin: float | None = None
    futility: bool = True
    control: bool = True
    paired: bool = True
    seed: str | int = 0
    processes: int = 0
    sample_seconds: float = SAMPLE_SECONDS
    settings: Mapping[str, str] = field(default_factory=dict)
    effects: Effects = None
    faults: Faults | FaultPlan | None = None
    scheduler: Callable[[], Scheduler] | None = None
    timing: Timing | None = None
    serving: Serving | None = None
    store: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be, before anything runs."""
        self._arms = checked_arms(self.arms, control=self.control)
        self._scoring = Scoring(
            score=self.score, low=self.bounds[0], high=self.bounds[1], failures=self.failures
        )
        _check_budget(self)
        _check_rules(self)
        worldly = [self, *self._arms.values()]
        in_world = any(_says_world(one) for one in worldly)
        self.how = self.how or (WORLD if in_world else LIVE)
        if self.how not in (WORLD, LIVE):
            raise UsageError(f"how={self.how!r} is not known.", fix="Use 'world' or 'live'.")
        if self.how == LIVE and in_world:
            raise UsageError(
                "Effects, faults, schedulers and timing are of worlds, and how='live'.",
                fix="Leave them out, or how.",
            )
        for one in self._arms.values():
            made = workflow_type_of(one.workflow or self._workflow)
            message = one.message if one.message is not None else self.message
            check_message(next(iter(made.handlers.values())), message)

    @property
    def _workflow(self) -> Callable[..., object]:
        if not callable(self.of):
            raise UsageError(f"{self.of!r} is no workflow.", fix="Give the function itself.")
        return self.of

    def run(self, on_progress: Progress | None = None) -> ExperimentReport:
        """Run it, and write down what came of it.

        Args:
            on_progress: Called now and then with what is known by now.

        Raises:
            UsageError: A sample can't run as it is set up, or can't be scored.
            AgentMeshError: A process died.
        """
        running = self.running()
        processes = processes_for(self.processes, self.samples)
        report = running.run(processes, on_progress, self.sample_seconds)
        report.processes = processes
        report.path = self._keep(report)
        return report

    def running(self) -> Running:
        """Return it ready to be run."""
        report = ExperimentReport(
            name=self.name,
            how=self.how,
            of=workflow_type_of(self._workflow).name,
            baseline=next(iter(self._arms)),
            control=CONTROL if self.control else "",
            alpha=self.alpha,
            margin=self.margin,
            bounds=self.bounds,
            paired=self.paired,
            seed=str(self.seed),
            hash_seed=environment.hash_seed(),
        )
        return Running(
            arms=self._arms,
            sampling=self._sampling(),
            scoring=self._scoring,
            rules=Rules(
                alpha=self.alpha, margin=self.margin, futility=self.futility, paired=self.paired
            ),
            budget=Budget(samples=self.samples, usd=self.usd, seconds=self.seconds),
            control=self.control,
            seed=str(self.seed),
            report=report,
        )

    def _sampling(self) -> Sampling:
        if self.how == WORLD:
            return self._worlds()
        return Live(
            workflow=self._workflow,
            message=self.message,
            settings=self.settings,
            serving=self.serving,
            store=self.store,
            prefix=new_run_id(),
        )

    def _worlds(self) -> InWorlds:
        shared = Arm(
            settings=self.settings,
            effects=self.effects,
            faults=self.faults,
            scheduler=self.scheduler,
            timing=self.timing,
        )
        return InWorlds(workflow=self._workflow, message=self.message, shared=shared)

    def keep_sample(self, arm: str, number: int, *, run_id: str | None = None) -> str:
        """Make one sample again, and keep it as a run: it replays, shows and forks like any.

        Args:
            arm: Of which arm.
            number: Which, from 0.
            run_id: The run's id; made from the time by default.

        Returns:
            The run's id.

        Raises:
            UsageError: There is no such arm, or its samples are kept anyway.
        """
        arms = {**self._arms, CONTROL: next(iter(self._arms.values()))}
        if arm not in arms:
            raise UsageError(f"There is no arm {arm!r}.", fix=f"Use one of {', '.join(arms)}.")
        if self.how != WORLD:
            raise UsageError(
                "Samples of live experiments are kept as runs.", fix="See `agentmesh runs`."
            )
        seed = self.running().seed_of(arm, number)
        return self._worlds().keep(arms[arm], seed, store=self.store, run_id=run_id)

    def _keep(self, report: ExperimentReport) -> str | None:
        """Write the report into the store; the same question again replaces it."""
        asked = [report.of, sorted(self._arms), report.seed, report.how, self.name]
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
        store = Store(store_location(self.store))
        path = join(store.root, FOLDER, f"{KIND}-{digest}.json")
        said = {**report.as_json(), "made_at_ns": time.time_ns()}
        data = json.dumps(said, ensure_ascii=False, default=str)
        try:
            store.files.write(path, data.encode("utf-8", "backslashreplace"))
        except (OSError, StoreError, NotImplementedError):
            return None
        return path


def experiment(
    of: Of,
    arms: Mapping[str, Arm | None],
    score: Score | None = None,
    *,
    on_progress: Progress | None = None,
    **options: Any,
) -> ExperimentReport:
    """Compare arms of a program: run them side by side until it is clear what they change.

    Args:
        of: A workflow, or a recorded run.
        arms: By name, what is different (`am.arm`); the first is the baseline.
        score: Given a sample, returns how good it is; None: whether the workflow returned.
        on_progress: Called now and then with what is known by now.
        options: The other arguments of `Experiment`: its input, budget, margin and so on.

    Returns:
        Of each arm its quality, cost and time, and what it changes.

    Raises:
        UsageError: Arms are the same, the budget is none, a score is none.
    """
    return Experiment(of=of, arms=arms, score=score, **options).run(on_progress)


def _says_world(one: Any) -> bool:
    said = (one.effects, one.faults, one.scheduler, one.timing)
    return any(each is not None for each in said)


def _check_budget(plan: Experiment) -> None:
    for name in ("samples", "usd", "seconds", "sample_seconds"):
        value = getattr(plan, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UsageError(
                f"The budget is {name}={value!r}: nothing could be run.",
                fix="Give more than nothing, or leave it out.",
            )
    if int(plan.samples) != plan.samples:
        raise UsageError(f"samples={plan.samples!r} is no number of samples.", fix="Give 200, say.")


def _check_rules(plan: Experiment) -> None:
    if not 0 < plan.alpha < 1:
        raise UsageError(
            f"alpha={plan.alpha!r} is no probability.", fix="Give 0.05 to be wrong 1 time in 20."
        )
    span = plan.bounds[1] - plan.bounds[0]
    if plan.margin is not None and not 0 < plan.margin < span:
        raise UsageError(
            f"margin={plan.margin!r}, and scores differ by at most {span:g}.",
            cause="A margin is the largest difference that does not matter, in the score's units.",
            fix=f"Give more than 0 and less than {span:g}.",
        )


def with_options(plan: Experiment, **changed: Any) -> Experiment:
    """Return the same plan with other options; None leaves one as it is."""
    said = {name: value for name, value in changed.items() if value is not None}
    return replace(plan, **said)
