"""One agent of a branch: as recorded for as long as that is true, alive from there on.

An agent *follows the record* while each event is the one its parent had next. Then nothing of
it runs. The first event that differs wakes it: it is replayed up to there, and handles events
like any other. Once it has taken in what the parent's agent had, and is at rest in the same state,
with the same counters, what comes is up to what comes: it follows the record again.
"""

from collections import Counter

import msgspec

from agentmesh.counterfactual.record import Parent, name_of
from agentmesh.errors import DivergenceError
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.events import Event
from agentmesh.kernel.snapshot import CellSnapshot, at_rest, snapshot
from agentmesh.replay.driver import Replayer
from agentmesh.replay.travel import ReplayTimeline


class Player:
    """One agent of a branch.

    Args:
        address: The agent.
        parent: What was recorded.
        replayer: Replays it.
    """

    def __init__(self, address: str, parent: Parent, replayer: Replayer) -> None:
        self.address = address
        self.next = parent.first(address)
        """The number of its next step."""
        self.cell: Cell | None = None
        """It itself; None while it follows the record."""
        self.deadline = 0
        """The last deadline that was waited for."""
        self.now = 0
        """The time of its latest event, nanoseconds since the epoch."""
        self._parent = parent
        self._replayer = replayer
        self._timeline: ReplayTimeline | None = None
        self._apart: Counter[str] = Counter()  # events that only one of the two has had
        self._can_return = True

    @property
    def follows(self) -> bool:
        """Whether all of it is as recorded, so far."""
        return self.cell is None and self._parent.count(self.address) > 0

    def expected(self) -> Step | None:
        """Return the step that the parent's agent had next; None at its end."""
        return self._parent.step(self.address, self.next)

    def wake(self) -> Cell:
        """Return the agent itself, as it is now, with all that performs its effects.

        Raises:
            DivergenceError: Today's program does something else with what was recorded.
        """
        if self.cell is None:
            self.cell = self._made()
            self._apart.clear()
        return self.cell

    def _made(self) -> Cell:
        cell, start = self._replayer.new_cell(self.address), 0
        if self._timeline is not None and 0 <= self._timeline.position < self.next:
            cell, start = self._timeline.take(), self._timeline.position + 1
            cell.keep_performers()
        if start == self.next:
            return cell
        for step in self._parent.run.steps(self.address, start=start):
            issued = cell.repeat(step.event, step.commands if step.handled else None)
            if self._replayer.difference(step, issued) is not None:
                raise self._changed_code()
            if step.number == self.next - 1:
                break
        return cell

    def _changed_code(self) -> DivergenceError:
        try:
            ReplayTimeline(self._replayer, self.address).before(self.next)
        except DivergenceError as error:
            return _changed_code(self.address, self.next, error)
        return _changed_code(self.address, self.next, DivergenceError("It differs at times."))

    def _timeline_at_hand(self) -> ReplayTimeline:
        if self._timeline is None:
            self._timeline = ReplayTimeline(self._replayer, self.address)
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
        if cell is None or not self._can_return or self._apart or not at_rest(cell):
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
