"""One agent of a branch: as recorded for as long as that is true, alive from there on.

An agent *follows the record* while each event is the one its parent had next. Then nothing of
it runs. The first event that differs wakes it: it is replayed up to there, and handles events
like any other. Once it has taken in what the parent's agent had, and is at rest in the same state,
with the same counters, what comes is up to what comes: it follows the record again.
"""

from collections import Counter

import msgspec

from agentmesh.counterfactual.keys import name_of
from agentmesh.counterfactual.record import Parent
from agentmesh.errors import DivergenceError
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.kernel.events import Event
from agentmesh.kernel.snapshot import CellSnapshot, at_rest, snapshot
from agentmesh.replay.driver import Replayer
from agentmesh.replay.resting import Rests, made_of
from agentmesh.replay.travel import ReplayTimeline


class Player:
    """One agent of a branch that a change has come near.

    Args:
        address: The agent.
        parent: What was recorded.
        replayer: Replays it.
        start: How many steps it has had as they were recorded.
    """

    def __init__(self, address: str, parent: Parent, replayer: Replayer, start: int) -> None:
        self.address = address
        self.start = self.next = start
        """The number of its next step."""
        self.copied = start
        """How many of its steps are the parent's, to the byte, and are not journaled again."""
        self.cell: Cell | None = None
        """It itself; None while it follows the record."""
        self.is_sure = True
        """Whether it will send what its parent's sent: it follows, and is not behind."""
        self.is_other = False
        """Whether it has another code than its parent's."""
        self.lives: list[tuple[int, int]] = []
        """From which step to which it has run; the second is 0 as long as it does."""
        self.deadline = 0
        """The last deadline that was waited for."""
        self.now = 0
        """The time of its latest event, nanoseconds since the epoch."""
        self._parent = parent
        self._replayer = replayer
        self._timeline: ReplayTimeline | None = None
        self._apart: Counter[str] = Counter()  # events that only one of the two has had
        self._can_return = True
        self._writes = False

    @property
    def follows(self) -> bool:
        """Whether all of it is as recorded, so far."""
        return self.cell is None and self._parent.count(self.address) > 0

    @property
    def writes(self) -> bool:
        """Whether its steps are journaled: once one of them was not the parent's."""
        return self._writes

    def write(self) -> None:
        """Journal its steps from now on."""
        if not self._writes:
            self._writes, self.copied = True, self.next

    def expected(self) -> Step | None:
        """Return the step that the parent's agent had next; None at its end."""
        return self._parent.step(self.address, self.next)

    def ran(self, step: int) -> bool:
        """Tell whether it ran by itself where the parent's agent had a step."""
        return any(begin <= step and (step < end or not end) for begin, end in self.lives)

    def wake(self) -> Cell:
        """Return the agent itself, as it is now, with all that performs its effects.

        Raises:
            DivergenceError: Today's program does something else with what was recorded.
        """
        if self.cell is None:
            self.cell = self._made()
            self._apart.clear()
            self.write()
            self.lives.append((self.next, 0))
        return self.cell

    def _made(self) -> Cell:
        if self._timeline is not None and self._timeline.position == self.next - 1 >= 0:
            taken = self._timeline.take()
            taken.keep_performers()
            return taken
        rests = self._rests()
        rest = rests.best(self.next - 1)
        cell = made_of(rest, self._replayer.context) if rest is not None else None
        if rest is not None and cell is not None:
            if self._brought_to_here(cell, rest.step + 1, rests):
                return cell
            cell.close()
            rests.forget()
        made = self._replayer.new_cell(self.address)
        if not self._brought_to_here(made, 0, rests):
            made.close()
            raise self._changed_code()
        return made

    def _rests(self) -> Rests:
        code = self._replayer.context.program.find(agent_type_of(self.address)).target
        return self._parent.ledger.rests(self.address, code)

    def _brought_to_here(self, cell: Cell, start: int, rests: Rests) -> bool:
        """Replay a cell; tell if it did what was recorded."""
        steps = self._parent.record(self.address).steps
        rests.aim(self.next - start)
        for number in range(start, self.next):
            step = self._replayed(steps[number])
            issued = cell.repeat(step.event, step.commands if step.handled else None)
            if self._replayer.difference(step, issued) is not None:
                return False
            rests.offer(cell, number, self.next - 1 - number)
        return True

    def _replayed(self, step: Step) -> Step:
        event = self._parent.run.resolve(step.event)
        return step if event is step.event else msgspec.structs.replace(step, event=event)

    def _changed_code(self) -> DivergenceError:
        try:
            ReplayTimeline(self._replayer, self.address).before(self.next)
        except DivergenceError as error:
            return _changed_code(self.address, self.next, error)
        return _changed_code(self.address, self.next, DivergenceError("It differs at times."))

    def _timeline_at_hand(self) -> ReplayTimeline:
        if self._timeline is None:
            self._timeline = ReplayTimeline(self._replayer, self.address, known=self._rests())
        return self._timeline

    def has_had(self, event: Event) -> None:
        """Take in that it has handled an event by itself: its next step is one further."""
        self.now = max(self.now, event.at)
        recorded = self.expected()
        self.next += 1
        if recorded is None:
            self._can_return = False
            return
        mine, other = name_of(self.address, event), name_of(self.address, recorded.event)
        if mine != other:
            self._apart[mine] += 1
            self._apart[other] -= 1
            for name in (mine, other):
                if not self._apart[name]:
                    del self._apart[name]

    def returns(self) -> bool:
        """Follow the record again if nothing is different any more; tell if it does."""
        cell = self.cell
        if cell is None or not self._can_return or self._apart or self.is_other:
            return False
        if not at_rest(cell):
            return False
        try:
            twin = self._timeline_at_hand().goto(self.next - 1)
        except DivergenceError:
            self._can_return = False
            return False
        if not at_rest(twin) or _essence(twin) != _essence(cell):
            return False
        cell.close()
        self.cell = None
        self.lives[-1] = (self.lives[-1][0], self.next)
        return True

    def close(self) -> None:
        """Let go of the cells."""
        if self.cell is not None:
            self.cell.close()
        if self._timeline is not None:
            self._timeline.close()


def _essence(cell: Cell) -> CellSnapshot:
    """Return all that the future of a cell depends on, but for the time."""
    return msgspec.structs.replace(snapshot(cell), now=0)


def _changed_code(address: str, step: int, error: DivergenceError) -> DivergenceError:
    return DivergenceError(
        f"{address} can't go on from its event {step} in a branch: before that, today's program "
        f"already does something else than was recorded.\n{error.what}",
        cause="Usually the code was changed since the parent was recorded.",
        fix="Use the code that recorded it, begin before the difference, or run it anew; "
        "`agentmesh replay` says what differs.",
        agent=address,
        step=error.fields.get("step", step),
    )
