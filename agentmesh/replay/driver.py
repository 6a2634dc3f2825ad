"""The replay driver: feed each cell the events it was recorded with, compare what it does.

Cells are independent, so any subset replays alone. A cell is replayed up to its
first divergence: what comes after it would only be its consequence. Who wants to see that
asks for `resync`, and gets it marked as tainted.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentmesh import ambient
from agentmesh.ambient.time_zone import in_time_zone
from agentmesh.errors import UsageError
from agentmesh.journal.comparing import Difference, first_difference
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn
from agentmesh.replay.causes import Today
from agentmesh.replay.divergence import Divergence
from agentmesh.replay.explaining import Explainer
from agentmesh.replay.feeding import feed
from agentmesh.replay.resync import POLICIES, RESYNC, STRICT, Resync, Taint
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import new_cell

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

Progress = Callable[[int], None]
"""Called now and then with the number of events replayed."""

_PROGRESS_EVERY = 2_000


@dataclass(kw_only=True)
class Report:
    """What a replay did."""

    run_id: str
    agents: int = 0
    events: int = 0
    turns: int = 0
    commands: int = 0
    seconds: float = 0.0
    """Wall time; filled in by whoever has a clock."""
    divergences: list[Divergence] = field(default_factory=list)
    """The first of each agent that diverged, earliest first."""
    tainted: list[Taint] = field(default_factory=list)
    """What became of those agents then; only under the policy `resync`, in the same order."""

    @property
    def identical(self) -> bool:
        """Whether everything was replayed exactly as recorded."""
        return not self.divergences

    def merge(self, other: "Report") -> None:
        """Add what another process replayed."""
        self.agents += other.agents
        self.events += other.events
        self.turns += other.turns
        self.commands += other.commands
        self.divergences.extend(other.divergences)
        self.tainted.extend(other.tainted)
        self.sort()

    def sort(self) -> None:
        """Put the earliest divergence first."""
        self.divergences.sort(key=lambda one: (one.at_ns, one.agent, one.step))
        order = {one.agent: place for place, one in enumerate(self.divergences)}
        self.tainted.sort(key=lambda one: order[one.agent])


class Replayer:
    """Replays cells of one recorded run.

    Args:
        run: The recorded run.
        context: What handlers find of it.
        encoder: How commands are compared.
        today: What this process is, for the likely cause of a divergence.
        policy: What an agent's replay does at its first divergence: `strict` ends it there,
            `resync` goes on with the recorded events.

    Raises:
        UsageError: There is no such policy.
    """

    def __init__(
        self,
        run: "Run",
        context: RunContext,
        encoder: BodyEncoder,
        today: Today,
        policy: str = STRICT,
    ) -> None:
        if policy not in POLICIES:
            raise UsageError(
                f"{policy!r} is no policy of a replay.", fix=f"Use {' or '.join(POLICIES)}."
            )
        self._policy = policy
        ambient.install()
        self.run = run
        self.context = context
        self._encoder = encoder
        self.today = today

    def replay(self, addresses: Iterable[str], on_progress: Progress | None = None) -> Report:
        """Replay these agents from their first event to their last.

        Args:
            addresses: Which agents.
            on_progress: Called now and then.
        """
        report = Report(run_id=self.run.id)
        with self.in_place():
            for address in addresses:
                self._replay_cell(address, report, on_progress)
        report.sort()
        return report

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let cells handle events as where they were recorded: in the run's time zone."""
        zone = str(self.run.info.settings.get("TZ", ""))
        with _rare_collections(), in_time_zone(zone):
            yield

    def new_cell(self, address: str) -> Cell:
        """Return a cell of one of the run's agents to which nothing has happened yet."""
        return new_cell(self.context, address)

    def difference(self, step: Step, issued: list[Command]) -> Difference | None:
        """Return the first difference between what a step did and what was recorded, or None."""
        if not step.handled:
            return None  # the host died before it could write what this step did
        return first_difference(self._encoder, step.commands, issued)

    def _replay_cell(self, address: str, report: Report, on_progress: Progress | None) -> None:
        report.agents += 1
        cell = self.new_cell(address)
        steps = self.run.steps(address)
        for step in steps:
            issued = feed(cell, step)
            report.events += 1
            report.commands += len(issued)
            for command in issued:
                if type(command) is FinishTurn:
                    report.turns += 1
            if on_progress is not None and report.events % _PROGRESS_EVERY == 0:
                on_progress(report.events)
            difference = self.difference(step, issued)
            if difference is not None:
                report.divergences.append(self.explain(address, step, difference, issued))
                if self._policy == RESYNC:
                    report.tainted.append(self._go_on(cell, step, issued, steps))
                return

    def _go_on(self, cell: Cell, step: Step, issued: list[Command], rest: Iterator[Step]) -> Taint:
        """Feed what is left of an agent's recording to a cell that has diverged."""
        taint = Taint(agent=cell.address, since=step.number)
        ahead = self.run.steps(cell.address, start=step.number, resolve=False)
        resync = Resync(cell, self._encoder, taint, ahead)
        resync.begin(step, issued)
        for each in rest:
            resync.follow(each)
            if taint.stopped:
                break
        resync.end()
        return taint

    def explain(
        self, address: str, step: Step, difference: Difference, issued: list[Command]
    ) -> Divergence:
        """Return what is said about the first divergence of an agent."""
        explainer = Explainer(self.run, self._encoder, self.today)
        return explainer.explain(self.new_cell(address), address, step, difference, issued)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look less often: a replay makes much that dies at once.

    What was there before is set aside, so that full collections stay cheap.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


_COLLECT_EVERY = 20_000
