"""The run order: all events of a run in one line, each after everything that caused it.

It is the same each time, on every machine: by logical time, then by agent, then by step, but
never an effect before its cause, whatever the clocks of two machines say. Events are taken one
by one; next is always the earliest of those whose causes have all been taken. So every
beginning of it is a *cut* that is causally consistent: nothing in it comes from outside it.
"""

import heapq
from array import array
from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

from agentmesh.causality.columns import index_of_columns
from agentmesh.causality.index import NOBODY, EventIndex, Progress, index_events
from agentmesh.causality.references import Named, parse_reference
from agentmesh.errors import JournalDamagedError, UnknownAgentError, UnknownEventError
from agentmesh.journal import strings
from agentmesh.journal.run import Run


class EventRef(NamedTuple):
    """One event: which step of which agent, and when."""

    address: str
    step: int
    at: int
    """Logical time, in nanoseconds since the epoch."""
    number: int
    """Its place in the run order, from 0."""

    def __str__(self) -> str:
        """Return the event's reference: `Writer/w1@118`."""
        return f"{self.address}@{self.step}"


class RunOrder:
    """The events of a run, numbered from 0.

    Args:
        index: What causes what.
        run_id: For errors.

    Raises:
        JournalDamagedError: Events caused each other in a circle: the record is wrong.

    Attributes:
        index: What causes what.
    """

    def __init__(self, index: EventIndex, run_id: str = "") -> None:
        self.index = index
        self._run_id = run_id
        self._places = array("q")
        """Places of the events, in order."""
        self._numbers = array("q", bytes(8 * len(index)))
        """The number of each event, by place: it grows within an agent."""
        if not _sort_by_time(index, self._places, self._numbers):
            _Sorting(index, self._places, self._numbers, run_id).sort()

    @classmethod
    def of(cls, run: Run, on_progress: Progress | None = None) -> "RunOrder":
        """Read a run once, and put its events in order.

        Args:
            run: The run, open.
            on_progress: Called now and then with the number of events read.

        Raises:
            JournalDamagedError: A file is damaged, or the record contradicts itself.
        """
        quick = index_of_columns(run) if run.sealed else None
        return cls(quick or index_events(run, on_progress), run.id)

    @classmethod
    def restored(cls, index: EventIndex, places: "array[int]", run_id: str = "") -> "RunOrder":
        """Return an order that is known already.

        Args:
            index: What causes what.
            places: The place of each event, in order.
            run_id: For errors.
        """
        made = cls.__new__(cls)
        numbers = array("q", bytes(8 * len(index)))
        for number, place in enumerate(places):
            numbers[place] = number
        made.index = index
        made._run_id, made._places, made._numbers = run_id, places, numbers  # noqa: SLF001
        return made

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._places)

    @property
    def places(self) -> "array[int]":
        """The place of each event in the index, in order."""
        return self._places

    @property
    def addresses(self) -> list[str]:
        """The addresses of all agents, sorted."""
        return self.index.addresses

    def steps_of(self, address: str) -> int:
        """Return how many events an agent has.

        Raises:
            UnknownAgentError: The run has no such agent.
        """
        return self.index.steps_of(self._agent(address))

    def number_of(self, address: str, step: int) -> int:
        """Return the place of an agent's step in the run order.

        Raises:
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The agent has no such step.
        """
        return self._numbers[self.place_of(address, step)]

    def event(self, number: int) -> EventRef:
        """Return the event with a number.

        Raises:
            UnknownEventError: There is none.
        """
        if not 0 <= number < len(self):
            raise _no_such_number(self._run_id, number, len(self))
        return self.at_place(self._places[number])

    def find(self, named: Named, agent: str | None = None) -> EventRef:
        """Return the event that somebody names.

        Args:
            named: `Writer/w1@118`, (agent, step), or a number of the run order.
            agent: The agent, where `named` is only the number of its step.

        Raises:
            UsageError: It names no event.
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The run has no such event.
        """
        reference = parse_reference(named, agent)
        if reference.address is None:
            return self.event(reference.number)
        return self.at_place(self.place_of(reference.address, reference.number))

    def cut(self, number: int) -> dict[str, int]:
        """Return the last step of each agent that has begun, once an event has happened.

        Args:
            number: The event's place in the run order.

        Raises:
            UnknownEventError: There is none.
        """
        if not 0 <= number < len(self):
            raise _no_such_number(self._run_id, number, len(self))
        first = self.index.first
        found = {}
        for agent, address in enumerate(self.addresses):
            after = bisect_right(self._numbers, number, first[agent], first[agent + 1])
            if after > first[agent]:
                found[address] = after - first[agent] - 1
        return found

    # --- by place, for the modules beside this one ------------------------------------------------

    def place_of(self, address: str, step: int) -> int:
        """Return an event's place in the index.

        Raises:
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The agent has no such step.
        """
        agent = self._agent(address)
        count = self.index.steps_of(agent)
        if not 0 <= step < count:
            raise no_such_step(self._run_id, address, step, count)
        return self.index.first[agent] + step

    def at_place(self, place: int) -> EventRef:
        """Return the event that is at a place in the index."""
        index = self.index
        agent = index.agent_at(place)
        step = place - index.first[agent]
        return EventRef(index.addresses[agent], step, index.at[place], self._numbers[place])

    def number_at(self, place: int) -> int:
        """Return the number of the event at a place in the index."""
        return self._numbers[place]

    def _agent(self, address: str) -> int:
        agent = self.index.number_of_agent(address)
        if agent is None:
            raise no_such_agent(self._run_id, address, self.addresses)
        return agent


def _sort_by_time(index: EventIndex, places: "array[int]", numbers: "array[int]") -> bool:
    """Fill both arrays in the order of times, if no event comes before its cause there.

    Then it is the same that `_Sorting` finds: the earliest event of all that are left has no
    cause among them. Clocks of several machines often say otherwise.
    """
    times = index.at
    in_order = sorted(range(len(index)), key=times.__getitem__)
    for number, place in enumerate(in_order):
        numbers[place] = number
    behind = any(
        cause != NOBODY and numbers[cause] > number
        for cause, number in zip(index.causes, numbers, strict=True)
    )
    if behind or not _is_monotone(index):
        return False
    places.extend(in_order)
    return True


def _is_monotone(index: EventIndex) -> bool:
    """Tell whether the time of no agent goes back."""
    times = index.at
    return all(
        times[place - 1] <= times[place]
        for begin, end in pairwise(index.first)
        for place in range(begin + 1, end)
    )


class _Sorting:
    """Takes events one by one, the earliest first of those that can come next.

    Each agent has one next event. If its cause was not taken yet, the agent waits for the
    agent of the cause; else it is in the heap, by the latest time it has seen.
    """

    def __init__(
        self, index: EventIndex, places: "array[int]", numbers: "array[int]", run_id: str
    ) -> None:
        self._index = index
        self._places = places
        self._numbers = numbers
        self._run_id = run_id
        agents = range(len(index.addresses))
        self._next = array("q", (index.first[agent] for agent in agents))
        self._latest = array("q", bytes(8 * len(agents)))
        self._heap: list[tuple[int, int]] = []
        self._waiting: dict[int, list[int]] = {}
        """Agents whose next event comes from an event that was not taken, by its place."""

    def sort(self) -> None:
        """Fill both arrays."""
        for agent in range(len(self._index.addresses)):
            self._offer(agent)
        heap = self._heap
        while heap:
            agent = heapq.heappop(heap)[1]
            self._take(agent)
            while (entry := self._entry(agent)) is not None:
                if heap and entry > heap[0]:
                    heapq.heappush(heap, entry)
                    break
                self._take(agent)
        if len(self._places) < len(self._index):
            raise _circle(self._run_id, self._index, self._next)

    def _take(self, agent: int) -> None:
        place = self._next[agent]
        self._numbers[place] = len(self._places)
        self._places.append(place)
        self._next[agent] = place + 1
        for waiting in self._waiting.pop(place, ()):
            self._offer(waiting)

    def _offer(self, agent: int) -> None:
        entry = self._entry(agent)
        if entry is not None:
            heapq.heappush(self._heap, entry)

    def _entry(self, agent: int) -> tuple[int, int] | None:
        """Return what an agent's next event is sorted by; None if it has to wait, or has none."""
        index, place = self._index, self._next[agent]
        if place == index.first[agent + 1]:
            return None
        cause = index.causes[place]
        if cause != NOBODY and not self._is_taken(cause):
            self._waiting.setdefault(cause, []).append(agent)
            return None
        self._latest[agent] = max(self._latest[agent], index.at[place])
        return self._latest[agent], agent

    def _is_taken(self, place: int) -> bool:
        number = self._numbers[place]
        return number < len(self._places) and self._places[number] == place


def no_such_agent(run_id: str, address: str, known: list[str]) -> UnknownAgentError:
    """Return the error for an agent that never lived."""
    import difflib

    near = difflib.get_close_matches(address, known, _SHOWN_MAX) or known[:_SHOWN_MAX]
    more = f" and {len(known) - len(near)} more" if len(known) > len(near) else ""
    return UnknownAgentError(
        f"The run {run_id} has no agent {address!r}: it never lived.",
        cause=f"It has {strings.readable(', '.join(near))}{more}.",
        fix=f"Name an agent as `Type/key`; `agentmesh show {run_id}` lists them.",
        agent=address,
    )


def no_such_step(run_id: str, address: str, step: int, count: int) -> UnknownEventError:
    """Return the error for a step that an agent does not have."""
    return UnknownEventError(
        f"The run {run_id} has no event {address}@{step}.",
        cause=f"{address} has {count:,} events: {address}@0 to {address}@{count - 1}.",
        fix=f"Look at them with `agentmesh log {run_id} --agent {address} --level debug`.",
        agent=address,
        step=step,
        events=count,
    )


def _no_such_number(run_id: str, number: int, count: int) -> UnknownEventError:
    has = f"It has {count:,} events: 0 to {count - 1}" if count else "It has no events"
    return UnknownEventError(
        f"The run {run_id} has no event {number}.",
        cause=f"{has}, in run order.",
        fix="Name an agent's step as `Type/key@N`, or a number in this range.",
        number=number,
        events=count,
    )


def _circle(run_id: str, index: EventIndex, next_: "array[int]") -> JournalDamagedError:
    agents = range(len(index.addresses))
    stuck = [agent for agent in agents if next_[agent] < index.first[agent + 1]]
    events = [
        f"{index.addresses[agent]}@{next_[agent] - index.first[agent]}"
        for agent in stuck[:_SHOWN_MAX]
    ]
    return JournalDamagedError(
        f"The run {run_id} contradicts itself: {', '.join(events)} would have to come before "
        "what they come from.",
        cause="A file was changed after it was recorded, or files of two runs are mixed.",
        fix=f"See all that is wrong with `agentmesh audit {run_id} --no-replay`.",
        events=events,
    )


_SHOWN_MAX = 5
