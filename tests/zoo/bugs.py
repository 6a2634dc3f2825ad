"""What an entry of the zoo is: a program with a bug, and the same program without it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentmesh.sdk.message import Message
from agentmesh.simulation.faults import FaultPlan
from agentmesh.simulation.hunting import Hunt, Strategy, hunt
from agentmesh.simulation.judging import Invariant, Judged
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler
from agentmesh.simulation.world import World

FREE = Timing(message_seconds=None)
STEPS_MAX = 400


class Go(Message):
    """Starts a program of the zoo."""

    fixed: bool = False
    """Whether the corrected twin runs."""


@dataclass(frozen=True)
class Bug:
    """A known concurrency bug, and its corrected twin."""

    name: str
    workflow: Callable[..., object]
    check: Callable[[World], object] = field(default=lambda _world: None)
    invariants: tuple[Invariant, ...] = ()
    depth: int = 2
    """Ordering constraints that it needs, at least."""

    def hunt(
        self,
        strategy: Strategy,
        schedules: int,
        *,
        fixed: bool = False,
        seed: str = "",
        depth: int | None = None,
        shrinks: bool = True,
    ) -> Hunt:
        """Look for the bug, in itself or in its twin."""

        def make(scheduler: Scheduler, faults: FaultPlan, name: str) -> World:
            return World(
                self.workflow,
                Go(fixed=fixed),
                scheduler=scheduler,
                faults=faults,
                seed=name,
                timing=FREE,
                steps_max=STEPS_MAX,
            )

        judged = Judged(self.invariants, self.check)
        wanted = depth or self.depth
        return hunt(
            make,
            judged,
            strategy=strategy,
            schedules=schedules,
            depth=wanted,
            seed=seed,
            shrinks=shrinks,
        )
