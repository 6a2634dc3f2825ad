"""One agent of a recorded run at any of its steps, forward and back.

A `ReplayTimeline` (rr's word) replays one agent and stands at a step: `goto` takes it to any
other. On its way it keeps some points from which it can go on (`resting`), so that a jump
replays little, however long the run is, and memory is bounded. What each step does is compared
with the record. Where it differs after a start from a kept point, the agent is replayed from
its beginning; where it differs then, too, it has diverged: there is no such state any more
as was recorded, and none is shown unless it is asked for all the same.

An agent that never comes to rest, such as a workflow in its one turn, replays from its start.
"""

from collections.abc import Callable, Iterable

from agentmesh.errors import DivergenceError, UnknownEventError
from agentmesh.journal.comparing import Difference
from agentmesh.journal.records import Step
from agentmesh.kernel import inspection
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, Send, StartEffect
from agentmesh.kernel.envelope import ASK
from agentmesh.replay.divergence import Divergence
from agentmesh.replay.driver import Replayer
from agentmesh.replay.feeding import feed
from agentmesh.replay.resting import Rest, Rests, made_of

BEGINNING = -1
"""Where a timeline stands before the first step: the agent is not there yet."""

Progress = Callable[[int], None]
"""Called now and then with the number of steps replayed on the way."""

_PROGRESS_EVERY = 2_000
_UNDER_WAY_MAX = 256


class ReplayTimeline:
    """One agent of a recorded run, replayed to any step.

    Args:
        replayer: Of the run.
        address: The agent.
        known: Rests of the agent that somebody has recorded.
        on_progress: Called now and then.

    Raises:
        UnknownAgentError: The run has no such agent.

    Attributes:
        position: The latest step that was handled; -1 before the first.
        step: What is recorded of it; None before the first.
        issued: What handling it has issued.
        divergence: The agent's first divergence, once it was met.
        under_way: What started the effects (by turn and number) and sent the asks (by 0 and
            number) that the cell waits for; some that have ended may be among them.
        on_progress: Called now and then while the way is long.
        replayed: How many steps were handled so far, over all jumps.
    """

    def __init__(
        self,
        replayer: Replayer,
        address: str,
        *,
        known: Iterable[Rest] = (),
        on_progress: Progress | None = None,
    ) -> None:
        self.address = address
        self.position = BEGINNING
        self.step: Step | None = None
        self.issued: list[Command] = []
        self.divergence: Divergence | None = None
        self.under_way: dict[tuple[int, int], StartEffect | Send] = {}
        self.replayed = 0
        self._replayer = replayer
        self._rests = Rests(known)
        self.on_progress = on_progress
        self._start: Rest | None = None  # where the cell comes from; None: it has handled all steps
        self._steps = replayer.run.steps(address)
        self._cell: Cell | None = self._new_cell()

    @property
    def cell(self) -> Cell:
        """The agent's cell as it is now; another one after a jump back."""
        if self._cell is None:  # it was left in the middle of a step
            self.goto(self.position)
        assert self._cell is not None
        return self._cell

    @property
    def diverged(self) -> bool:
        """Whether the agent stands at or after its first divergence."""
        return self.divergence is not None and self.position >= self.divergence.step

    @property
    def kept(self) -> int:
        """How many points are kept from which a jump can start."""
        return len(self._rests)

    def goto(self, step: int, *, anyway: bool = False) -> Cell:
        """Return the agent's cell as it was after a step.

        The cell is alive and belongs to the timeline: it is another one after a jump back,
        and whoever changes it or lets it handle an event has to `goto` a step again.

        Args:
            step: Number of the step; -1 for before the first.
            anyway: Also go to where the agent has diverged. What is there is not what was
                recorded.

        Raises:
            UnknownEventError: The agent has no such step.
            DivergenceError: The agent has diverged at that step or before.
        """
        if step < BEGINNING:
            raise self._no_such_step(step)
        self._check(step, anyway=anyway)
        with self._replayer.in_place():
            try:
                self._go(step, anyway=anyway)
            except _DifferedAfterRestError:
                self._mistrust()
                self._start_over()
                self._go(step, anyway=anyway)
        return self.cell

    def before(self, step: int, *, anyway: bool = False) -> Cell:
        """Return the agent's cell as it was just before a step; errors are those of `goto`."""
        return self.goto(step - 1, anyway=anyway)

    def forward(self, steps: int = 1, *, anyway: bool = False) -> Cell:
        """Go some steps on; errors are those of `goto`."""
        return self.goto(self.position + steps, anyway=anyway)

    def back(self, steps: int = 1, *, anyway: bool = False) -> Cell:
        """Go some steps back; errors are those of `goto`."""
        return self.goto(self.position - steps, anyway=anyway)

    def take(self) -> Cell:
        """Return the cell and let go of it: the next `goto` makes another.

        For who lets it handle events of its own. Errors are those of `goto`.
        """
        cell = self.cell
        self._cell = None
        return cell

    def close(self) -> None:
        """Let go of the cell; the next `goto` makes another."""
        self._drop()
        self._rests.forget()
        self.position, self.step, self.issued = BEGINNING, None, []

    # --- the way ----------------------------------------------------------------------------------

    def _go(self, step: int, *, anyway: bool) -> None:
        self._start_near(step)
        self._rests.aim(step - self.position)
        while self.position < step:
            self._advance(step)
            self._check(self.position, anyway=anyway)

    def _start_near(self, step: int) -> None:
        """Stand at or before a step, as near as it is known."""
        here = self.position if self._cell is not None and self.position <= step else None
        if self.divergence is not None and step >= self.divergence.step and here is not None:
            return  # what follows a divergence follows from the cell that has met it
        if here == step:
            return
        # Before the step, so that it is compared, and what it issues is known.
        while (rest := self._rests.best(step - 1)) is not None:
            if here is not None and rest.step <= here:
                return
            cell = made_of(rest, self._replayer.context)
            if cell is not None:
                self._stand_at(rest, cell)
                return
            self._rests.forget(rest)
        if here is None:
            self._start_over()

    def _stand_at(self, rest: Rest, cell: Cell) -> None:
        self._drop()
        cell.forget_performers()
        self._cell, self._start = cell, rest
        self._steps = self._replayer.run.steps(self.address, start=rest.step)
        self.position, self.step, self.issued = rest.step, next(self._steps, None), []

    def _start_over(self) -> None:
        self._drop()
        self._cell, self._start = self._new_cell(), None
        self._steps = self._replayer.run.steps(self.address)
        self.position, self.step, self.issued = BEGINNING, None, []

    def _mistrust(self) -> None:
        """Start from the beginning from now on: something of this agent can't be copied."""
        self._rests.trusted = self._start is not None and self._start.values is None
        self._rests.forget()

    def _new_cell(self) -> Cell:
        cell = self._replayer.new_cell(self.address)
        cell.forget_performers()
        return cell

    def _drop(self) -> None:
        cell, self._cell = self._cell, None
        if cell is not None:
            cell.close()

    def _advance(self, target: int) -> None:
        step = next(self._steps, None)
        if step is None:
            raise self._no_such_step(target)
        assert self._cell is not None
        cell, self._cell = self._cell, None  # whatever is raised, nobody sees half a step
        issued = feed(cell, step)
        self._note(cell, issued)
        self._cell = cell
        self.position, self.step, self.issued = step.number, step, issued
        self.replayed += 1
        if self.on_progress is not None and self.replayed % _PROGRESS_EVERY == 0:
            self.on_progress(self.replayed)
        if self.divergence is not None and step.number >= self.divergence.step:
            return
        difference = self._replayer.difference(step, issued)
        if difference is not None:
            self._take_in(step, difference, issued)
        else:
            self._rests.offer(cell, step.number, target - step.number)

    def _note(self, cell: Cell, issued: list[Command]) -> None:
        """Remember what the agent waits for from now on."""
        under_way = self.under_way
        for command in issued:
            if isinstance(command, StartEffect):
                under_way[command.turn, command.n] = command
            elif isinstance(command, Send) and command.envelope.kind == ASK:
                under_way[0, command.envelope.n] = command
        if len(under_way) > _UNDER_WAY_MAX + 2 * inspection.open_count(cell):
            opened = {(0, each.number) for each in inspection.asks(cell)}
            opened |= {(each.turn.number, each.number) for each in inspection.effects(cell)}
            self.under_way = {each: under_way[each] for each in under_way if each in opened}

    def _take_in(self, step: Step, difference: Difference, issued: list[Command]) -> None:
        if self._start is not None:
            raise _DifferedAfterRestError
        self.divergence = self._replayer.explain(self.address, step, difference, issued)

    # --- what can't be ----------------------------------------------------------------------------

    def _check(self, step: int, *, anyway: bool) -> None:
        first = self.divergence
        if first is None or step < first.step or anyway:
            return
        raise DivergenceError(
            f"The state of {self.address} at its event {step} can't be shown as it was: the "
            f"replay differs from the record at event {first.step}.\n{first}",
            cause="Usually the code was changed since the run was recorded, or it depends on "
            "something that is not recorded.",
            fix=f"Look at event {first.step - 1} or earlier, or say that you want what this code "
            "does now (--anyway, anyway=True); or use the code that recorded the run.",
            agent=self.address,
            step=first.step,
        )

    def _no_such_step(self, step: int) -> UnknownEventError:
        last = self._replayer.run.count_steps(self.address) - 1
        return UnknownEventError(
            f"{self.address} has no event {step}: its events are 0 to {last}.",
            cause="Events are numbered per agent, from 0.",
            fix=f"Take a number up to {last}; `agentmesh log` lists them.",
            agent=self.address,
            step=step,
        )


class _DifferedAfterRestError(Exception):
    """A cell that was made of a rest does something else than was recorded."""
