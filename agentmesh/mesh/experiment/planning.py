"""`Experiment`: what is to be compared, how it is scored, and what that may cost.

A plan checks what can be checked before anything runs. The same plan with the same seed comes to
the same report in worlds and in branches, on any number of processes, and any one of its samples
can be made again by its arm and number.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentmesh.causality.references import Named
from agentmesh.errors import StoreError, UsageError
from agentmesh.journal.files import join
from agentmesh.journal.store import Store
from agentmesh.mesh import environment
from agentmesh.mesh.experiment.arms import CONTROL, Arm, Effects, Score, Scoring, checked_arms
from agentmesh.mesh.experiment.branching import MODELS, RESAMPLE, InBranches
from agentmesh.mesh.experiment.checks import (
    BRANCH,
    WORLD,
    check_branches,
    check_budget,
    check_rules,
    check_workflow,
)
from agentmesh.mesh.experiment.crew import SAMPLE_SECONDS, processes_for
from agentmesh.mesh.experiment.report import KIND, ExperimentReport
from agentmesh.mesh.experiment.running import Budget, Progress, Rules, Running
from agentmesh.mesh.experiment.sampling import InWorlds, Live, Sampling, Serving
from agentmesh.mesh.finding_files import keep_finding
from agentmesh.mesh.options import new_run_id, store_location
from agentmesh.mesh.racing import refuse_going_on
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run
from agentmesh.sdk.message import Message
from agentmesh.sdk.workflow import workflow_type_of
from agentmesh.simulation.faults import FaultPlan, Faults
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler

FOLDER = "experiments"
"""In a store: reports about workflows."""
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
            if any effects are given, else live. Of a run it is `branch`.
        bounds: The least and the largest that a score can be.
        failures: Whether runs that failed are scored, too; else they score the least.
        samples: Budget: at most so many of each arm.
        usd: Budget: dollars for model calls, all arms together.
        seconds: Budget: seconds of your time.
        alpha: How often all that is said may be wrong.
        margin: No difference in the score larger than this is called equivalent.
        futility: Whether to stop where the budget would not decide it.
        stop: Whether an arm that is decided is sampled no more; without, all of the budget goes
            into how much it changes.
        control: Whether the baseline runs once more under other chance, to show the noise.
        paired: Whether arms share chance.
        seed: Of all chance.
        processes: At most so many; 0 for as many as there are processors.
        sample_seconds: How long one sample may take.
        settings: Of effects, for all arms.
        effects: In worlds and branches: what effects come to; a function of a seed makes it for
            each sample.
        faults: In worlds: what goes wrong.
        scheduler: In worlds: makes what chooses what happens next.
        timing: In worlds: how long messages take.
        serving: Live: given a seed, returns what serves models for one sample.
        at: Of a run: the event after which chance is drawn anew; all of it by default.
        again: Of a run: what is asked anew in every arm: `models`, `all`, or nothing ("").
        policy: Of a run: `resample` draws answers from the record, `live` asks for them.
        known: Of a run: further runs to draw answers from.
        irreversible: Of a run: whether what can't be taken back may be done for a sample.
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
    stop: bool = True
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
    at: Named | None = None
    again: str = MODELS
    policy: str = RESAMPLE
    known: Sequence[str | Path] = ()
    irreversible: bool = False
    program: str | Path | None = None
    store: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be, before anything runs."""
        self._arms = checked_arms(self.arms, control=self.control)
        self._scoring = Scoring(
            score=self.score, low=self.bounds[0], high=self.bounds[1], failures=self.failures
        )
        check_budget(self)
        check_rules(self)
        if isinstance(self.of, str | Path | RecordedRun):
            self.how = check_branches(self, self._arms)
        else:
            self.how = check_workflow(self, self._arms)

    @property
    def _workflow(self) -> Callable[..., object]:
        assert callable(self.of), "checked when it was made"
        return self.of

    def run(self, on_progress: Progress | None = None) -> ExperimentReport:
        """Run it, and write down what came of it.

        Args:
            on_progress: Called now and then with what is known by now.

        Raises:
            UsageError: A sample can't run as it is set up, or can't be scored.
            AgentMeshError: A process died.
        """
        if self.how == BRANCH:
            with self._opened() as run:
                refuse_going_on(run)
        running = self.running()
        processes = processes_for(self.processes, self.samples)
        report = running.run(processes, on_progress, self.sample_seconds)
        report.processes = processes
        report.path = self._keep(report)
        return report

    def running(self) -> Running:
        """Return it ready to be run."""
        run = self._run_id() if self.how == BRANCH else ""
        report = ExperimentReport(
            name=self.name,
            how=self.how,
            of=run or workflow_type_of(self._workflow).name,
            run=run,
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
                alpha=self.alpha,
                margin=self.margin,
                futility=self.futility,
                stop=self.stop,
                paired=self.paired,
            ),
            budget=Budget(samples=self.samples, usd=self.usd, seconds=self.seconds),
            control=self.control,
            seed=str(self.seed),
            report=report,
        )

    def _sampling(self) -> Sampling:
        if self.how == WORLD:
            return self._worlds()
        if self.how == BRANCH:
            return self._branches()
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

    def _opened(self) -> RecordedRun:
        assert isinstance(self.of, str | Path | RecordedRun), "checked when it was made"
        named = self.of.path if isinstance(self.of, RecordedRun) else self.of
        return open_run(named, store=self.store)

    def _run_id(self) -> str:
        if isinstance(self.of, RecordedRun):
            return self.of.id
        with self._opened() as run:
            return run.id

    def _branches(self) -> InBranches:
        with self._opened() as run:
            return InBranches(
                path=run.path,
                location=run.store.location,
                program=self.program or run.program,
                at=self.at,
                again=self.again,
                policy=self.policy,
                effects=self.effects,
                known=self.known,
                irreversible=self.irreversible,
            )

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
                f"Samples of how={self.how!r} are not made again: live ones are kept as runs, and "
                "branches share their parent's record.",
                fix="See `agentmesh runs`; a branch is kept by `agentmesh fork`.",
            )
        seed = self.running().seed_of(arm, number)
        return self._worlds().keep(arms[arm], seed, store=self.store, run_id=run_id)

    def _keep(self, report: ExperimentReport) -> str | None:
        """Write the report into the store; the same question again replaces it."""
        asked = [report.of, sorted(self._arms), report.seed, report.how, self.name]
        if self.how == BRANCH:
            with self._opened() as run:
                return keep_finding(run, KIND, asked, report.as_json())
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


def with_options(plan: Experiment, **changed: Any) -> Experiment:
    """Return the same plan with other options; None leaves one as it is."""
    said = {name: value for name, value in changed.items() if value is not None}
    return replace(plan, **said)
