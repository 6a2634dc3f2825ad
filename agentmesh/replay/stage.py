"""Agents of a recorded run brought to life where a debug session needs them."""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from agentmesh.causality.order import EventRef, RunOrder
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.replay.driver import Replayer
from agentmesh.replay.travel import ReplayTimeline


class Places(Sequence[EventRef]):
    """The events of some agents, in the run order.

    Args:
        order: All events.
        agents: Whose are wanted.
    """

    def __init__(self, order: RunOrder, agents: Sequence[str]) -> None:
        self._order = order
        numbers = (
            order.number_of(address, step)
            for address in agents
            for step in range(order.steps_of(address))
        )
        self._numbers = array("q", sorted(numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> EventRef: ...
    @overload
    def __getitem__(self, index: slice) -> list[EventRef]: ...
    def __getitem__(self, index: int | slice) -> EventRef | list[EventRef]:
        """Return one event, or some."""
        if isinstance(index, slice):
            return [self._order.event(number) for number in self._numbers[index]]
        return self._order.event(self._numbers[index])


class Stage:
    """Brings agents to life.

    Args:
        replayer: Of the run.
    """

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer
        self._timelines: dict[str, ReplayTimeline] = {}

    def steps(self, place: EventRef) -> Iterator[Step]:
        """Read what was recorded of an agent, from one of its events on."""
        return self._replayer.run.steps(place.address, start=place.step)

    def cell_before(self, place: EventRef) -> Cell:
        """Return a cell to which all has happened before an event; it is the caller's.

        Where the agent has diverged before, it is what today's program makes of the events.

        Raises:
            UnknownEventError: The agent has no such step.
        """
        timeline = self._timelines.get(place.address)
        if timeline is None:
            timeline = ReplayTimeline(self._replayer, place.address)
            self._timelines[place.address] = timeline
        timeline.before(place.step, anyway=True)
        return timeline.take()
