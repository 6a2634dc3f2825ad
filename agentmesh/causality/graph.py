"""Happens-before, over the run order: what an event came from, and what came of it.

One event happens before another if it is earlier in the same agent, or caused it, or any chain
of these (Lamport). The past of an event is a beginning of each agent's steps, and its future an
end of them: so either is one number for each agent, however many events are in it.

Nothing is kept for an event but what the index has, and, once futures were asked for, the
edges in the other direction.
"""

from array import array
from itertools import accumulate

from agentmesh.causality.index import NOBODY
from agentmesh.causality.order import EventRef, RunOrder


class Cone:
    """The past or the future of an event, with the event itself.

    Args:
        order: The run's events.
        lows: By agent, the place of the first event in it.
        highs: By agent, the place after the last event in it.
    """

    def __init__(self, order: RunOrder, lows: "array[int]", highs: "array[int]") -> None:
        self._order = order
        self._lows = lows
        self._highs = highs

    def __len__(self) -> int:
        """Return how many events there are in it."""
        return sum(self._highs) - sum(self._lows)

    def __contains__(self, event: EventRef) -> bool:
        """Tell whether an event is in it."""
        place = self._order.place_of(event.address, event.step)
        agent = self._order.index.agent_at(place)
        return self._lows[agent] <= place < self._highs[agent]

    def steps(self) -> dict[str, tuple[int, int]]:
        """Return the first and last step of each agent that has events in it."""
        index = self._order.index
        return {
            address: (low - index.first[agent], high - index.first[agent] - 1)
            for agent, address in enumerate(index.addresses)
            for low, high in ((self._lows[agent], self._highs[agent]),)
            if low < high
        }

    def counts(self) -> dict[str, int]:
        """Return how many events of each agent are in it; agents without any are left out."""
        return {address: last - first + 1 for address, (first, last) in self.steps().items()}


class Graph:
    """What causes what in a run.

    Args:
        order: The run's events.
    """

    def __init__(self, order: RunOrder) -> None:
        self.order = order
        self._effects: tuple[array[int], array[int]] | None = None

    def cause_of(self, event: EventRef) -> EventRef | None:
        """Return the step that sent the message, or started the effect or timer, of an event.

        None for what came from outside, and for what the journal has no cause of.
        """
        order = self.order
        cause = order.index.causes[order.place_of(event.address, event.step)]
        return None if cause == NOBODY else order.at_place(cause)

    def effects_of(self, event: EventRef) -> list[EventRef]:
        """Return the events that a step led to directly, in run order."""
        place = self.order.place_of(event.address, event.step)
        found = (self.order.at_place(each) for each in self._effects_at(place, place + 1))
        return sorted(found, key=lambda each: each.number)

    def past(self, event: EventRef) -> Cone:
        """Return all that an event may have come from, and itself."""
        index = self.order.index
        lows = array("q", index.first[:-1])
        highs = array("q", lows)
        waiting = [self.order.place_of(event.address, event.step)]
        while waiting:
            last = waiting.pop()
            agent = index.agent_at(last)
            found: dict[int, int] = {}  # the latest cause in each agent
            for cause in index.causes[highs[agent] : last + 1]:
                if cause != NOBODY:
                    other = index.agent_at(cause)
                    found[other] = max(found.get(other, cause), cause)
            highs[agent] = max(highs[agent], last + 1)
            waiting += [cause for other, cause in found.items() if cause >= highs[other]]
        return Cone(self.order, lows, highs)

    def future(self, event: EventRef) -> Cone:
        """Return all that an event may have influenced, and itself."""
        index = self.order.index
        highs = array("q", index.first[1:])
        lows = array("q", highs)
        waiting = [self.order.place_of(event.address, event.step)]
        while waiting:
            first = waiting.pop()
            agent = index.agent_at(first)
            found: dict[int, int] = {}  # the earliest effect in each agent
            for effect in self._effects_at(first, lows[agent]):
                other = index.agent_at(effect)
                found[other] = min(found.get(other, effect), effect)
            lows[agent] = min(lows[agent], first)
            waiting += [effect for other, effect in found.items() if effect < lows[other]]
        return Cone(self.order, lows, highs)

    def latest_known(self, place: int, agent: int, floor: int) -> int:
        """Return the place of the last event of an agent that is in the past of another event.

        Args:
            place: The place of the other event.
            agent: The agent's number.
            floor: A place of the agent; where no event from there on is, the one before it is
                returned. What came before `floor` in run order is not looked at.
        """
        order, index = self.order, self.order.index
        oldest = order.number_at(floor)
        found = floor - 1
        reached: dict[int, int] = {}  # how far each agent was looked through, by agent
        waiting = [place]
        while waiting:
            last = waiting.pop()
            other = index.agent_at(last)
            if other == agent:
                found = max(found, last)
                continue
            one, until = last, reached.get(other, -1)
            reached[other] = max(until, last)
            while one > until and one >= index.first[other] and order.number_at(one) > oldest:
                if (cause := index.causes[one]) != NOBODY:
                    waiting.append(cause)
                one -= 1
        return found

    def happens_before(self, one: EventRef, other: EventRef) -> bool:
        """Tell whether an event can have influenced another.

        If neither happens before the other, they are concurrent: in another run of the same
        program they may come the other way round.
        """
        return one.number < other.number and one in self.past(other)

    def _effects_at(self, low: int, high: int) -> "array[int]":
        """Return the places of what the steps from one place to another led to."""
        if self._effects is None:
            self._effects = _reversed(self.order.index.causes)
        ends, effects = self._effects
        return effects[ends[low] : ends[high]] if low < high else array("q")


def _reversed(causes: "array[int]") -> tuple["array[int]", "array[int]"]:
    """Return the edges by cause: where those of each place begin, and what they lead to."""
    counts = array("q", bytes(8 * (len(causes) + 2)))
    for cause in causes:
        if cause != NOBODY:
            counts[cause + 2] += 1
    begins = array("q", accumulate(counts))
    effects = array("q", bytes(8 * begins[-1]))
    for effect, cause in enumerate(causes):
        if cause != NOBODY:
            effects[begins[cause + 1]] = effect
            begins[cause + 1] += 1  # so that in the end it is where those of the next begin
    return begins, effects
