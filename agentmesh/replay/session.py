"""Going through recorded events with live handlers, forwards and back, for a debugger to stand in.

A session has the events of some agents in the run order; all other agents are recordings:
what they sent is in the events. An agent comes to life when its next event is due, with
everything before it replayed. Time stands still, effects are answered from the record.

Who watches (`Watcher`) lets each event happen, and may leave in the middle of a handler:
the cell is given up then, and made again wherever the session goes on.

This module knows no debugger and no terminal.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from agentmesh.causality.order import EventRef
from agentmesh.journal.comparing import Difference
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command


class Left(KeyboardInterrupt):
    """The watcher leaves the handler that it stands in.

    Args:
        to: Place in the session of the event to go to; None to end.
        direction: Where to go on from there if no program's code runs in that event.
    """

    def __init__(self, to: int | None, direction: int = 1) -> None:
        super().__init__()
        self.to = to
        self.direction = direction


class Watcher(Protocol):
    """Who stands in handlers."""

    def handle(self, cell: Cell, step: Step, *, stop: bool) -> tuple[list[Command], bool]:
        """Let an event happen.

        Args:
            cell: Whose event.
            step: What happens, as it was recorded.
            stop: Whether to stop at the first line of the program that runs.

        Returns:
            What the cell did; and whether the watcher has stopped in it.

        Raises:
            Left: The watcher wants to be elsewhere.
        """

    def stops_next(self) -> bool:
        """Tell whether to stop in the next event whatever breakpoints there are."""

    def on_difference(self, place: EventRef, difference: Difference) -> None:
        """Learn that an event did not lead to what was recorded."""

    def at_end(self) -> None:
        """Learn that there are no more events.

        Raises:
            Left: The watcher wants to go back.
        """


class Session:
    """Events of some agents, to be lived through.

    Args:
        places: The events, in the run order.
        steps: Reads an agent's steps from one of them on.
        cell_before: Makes a cell to which everything before one of its steps has happened.
        difference: Compares what a step did with what was recorded.
        watcher: Who stands in the handlers.
    """

    def __init__(
        self,
        places: Sequence[EventRef],
        steps: Callable[[EventRef], Iterator[Step]],
        cell_before: Callable[[EventRef], Cell],
        difference: Callable[[Step, list[Command]], Difference | None],
        watcher: Watcher,
    ) -> None:
        self.places = places
        self._steps = steps
        self._cell_before = cell_before
        self._difference = difference
        self._watcher = watcher
        self._living: dict[str, _Living] = {}
        self._told: set[str] = set()
        self.index = 0
        """Place of the event that happens now, or of the next one."""
        self.step: Step | None = None
        """What was recorded of the event that happens now."""
        self.cell: Cell | None = None
        """Whose event it is."""

    @property
    def place(self) -> EventRef:
        """Which event happens now; the last one when there are no more."""
        return self.places[min(self.index, len(self.places) - 1)]

    def index_of(self, number: int) -> int:
        """Return the first place in the session that is not before an event of the run order."""
        low, high = 0, len(self.places)
        while low < high:
            middle = (low + high) // 2
            if self.places[middle].number < number:
                low = middle + 1
            else:
                high = middle
        return low

    def run(self, start: int) -> None:
        """Let events happen from a place on, until the watcher has seen enough.

        Raises:
            AgentMeshError: A cell can't be replayed up to where it is needed.
        """
        self.index = start
        stop, direction = True, 1
        while True:
            try:
                stopped = self._happen(stop=stop)
            except Left as left:
                self._give_up()
                if left.to is None:
                    return
                self.index, direction, stop = max(0, left.to), left.direction, True
                continue
            if stop and not stopped and direction < 0 and self.index > 0:
                self._give_up()
                self.index -= 1
                continue
            stop, direction = (stop and not stopped) or self._watcher.stops_next(), 1
            self.index += 1

    def _happen(self, *, stop: bool) -> bool:
        if self.index >= len(self.places):
            self._watcher.at_end()
            raise Left(None)
        place = self.places[self.index]
        living = self._alive(place)
        step = living.take()
        self.step, self.cell = step, living.cell
        issued, stopped = self._watcher.handle(living.cell, step, stop=stop)
        if place.address not in self._told:
            difference = self._difference(step, issued)
            if difference is not None:
                self._told.add(place.address)
                self._watcher.on_difference(place, difference)
        return stopped

    def _alive(self, place: EventRef) -> "_Living":
        living = self._living.get(place.address)
        if living is None or living.next != place.step:
            self._give_up(place.address)
            living = _Living(self._cell_before(place), place.step, self._steps(place))
            self._living[place.address] = living
        return living

    def _give_up(self, address: str | None = None) -> None:
        living = self._living.pop(address or self.place.address, None)
        if living is not None:
            living.cell.close()


class _Living:
    """A cell, and its next step."""

    def __init__(self, cell: Cell, step: int, steps: Iterator[Step]) -> None:
        self.cell = cell
        self.next = step
        self._steps = steps

    def take(self) -> Step:
        self.next += 1
        return next(self._steps)
