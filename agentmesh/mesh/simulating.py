"""A world kept as a run: journaled, sealed, and from then on a run like any other.

It replays, audits and shows; its times are the world's. What cannot be kept is the schedule
itself, and need not be: it is the order of the events.
"""

from collections.abc import Callable

from agentmesh.errors import RunFailedError
from agentmesh.host.ports import Journal
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel.envelope import Envelope
from agentmesh.mesh.execution import Execution, Progress
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.message import Message
from agentmesh.sdk.program import Program
from agentmesh.sdk.workflow import workflow_type_of
from agentmesh.simulation.faults import FaultPlan, Faults
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler
from agentmesh.simulation.world import START_NS, STEPS_MAX, World

_HOST = "world"


def simulate(
    workflow: Callable[..., object],
    message: Message | None = None,
    /,
    *,
    seed: str | int = "",
    scheduler: Scheduler | None = None,
    effects: object = None,
    faults: Faults | FaultPlan | None = None,
    timing: Timing | None = None,
    settings: dict[str, str] | None = None,
    begun_ns: int = START_NS,
    store: str | None = None,
    run_id: str | None = None,
    steps_max: int = STEPS_MAX,
) -> Outcome:
    """Run a workflow in a world, and keep it as a run.

    Args:
        workflow: A function decorated with `@workflow`.
        message: Its input.
        seed: Of all randomness.
        scheduler: Chooses what happens next.
        effects: What effects come to.
        faults: What goes wrong.
        timing: How long messages may take.
        settings: Settings for effects; recorded.
        begun_ns: When the world begins, nanoseconds since the epoch.
        store: Where to keep it: a path or URL.
        run_id: Its id; made from the time by default.
        steps_max: Events after which it is given up.

    Returns:
        How it ended.

    Raises:
        RunExistsError: The store has a run of that id.
        StoreError: The store can't be written.
    """
    made = workflow_type_of(workflow)
    check_message(next(iter(made.handlers.values())), message)
    options = RunOptions(
        local=True,
        store=store,
        run_id=run_id,
        seed=str(seed),
        settings=settings or {},
        quiet=True,
    )
    plan = plan_for(made, message, options)
    execution = _Kept(plan, made, options)

    def begin(journal: Journal) -> World:
        return World(
            workflow,
            message,
            seed=seed,
            scheduler=scheduler,
            effects=effects,
            faults=faults,
            timing=timing,
            begun_ns=begun_ns,
            journal=journal,
            context=plan.context(Program(made.module), execution.redactor),
            drain_seconds=plan.drain_seconds,
            steps_max=steps_max,
        )

    execution.begin = begin
    return execution.run()


class _Kept(Execution):
    """An execution whose driver is a world."""

    begin: Callable[[Journal], World]
    """Makes the world, given its journal."""

    @property
    def redactor(self) -> Redactor:
        """What turns secrets into placeholders."""
        return self._redactor

    def _drive_here(self, on_progress: Progress | None) -> Envelope:
        del on_progress
        log = self._directory.log_writer(_HOST, self._redactor)
        try:
            with self.begin(log) as world:
                world.run()
                if world.answer is None:
                    raise RunFailedError(
                        f"The workflow has not ended after {len(world.happened):,} events.",
                        cause="Usually agents send to each other for ever, or all are stuck.",
                        fix="Look at what happened with `agentmesh show`, or raise steps_max=.",
                    )
                return world.answer
        finally:
            log.close()
