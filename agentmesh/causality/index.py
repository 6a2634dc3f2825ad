"""What causes what in a run, as numbers: some thirty bytes an event, made in one pass.

An event is known here by its *place*: agents one after the other as their addresses sort, each
with its events in the order of its steps. Places of one agent are neighbours, so that the
order within an agent needs no edges. Each event has one more cause at most: the step that sent
the message, or that started the effect or timer. An agent begins to live because of its first
message, so that this is what its start comes from, too.

While a run is read, messages sent are kept as counter and step, by sender; they are matched
when all agents are read. What a journal does not have (a run that goes on, a part that
is lost) causes nothing.

Knows the journal and the kernel's alphabets; never runs a program.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentmesh.journal.records import EventRecord, Sent, Step
from agentmesh.kernel.commands import StartEffect, StartTimer
from agentmesh.kernel.envelope import CLIENT
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    TimerFired,
)

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

Progress = Callable[[int], None]
"""Called now and then with the number of events read."""

NOBODY = -1
"""The cause of what comes from outside, or of what the journal does not have."""
_PROGRESS_EVERY = 5_000
_ENDS = (EffectFinished, EffectFailed, TimerFired)


class EventIndex:
    """Places, times and causes of all events of a run.

    Attributes:
        addresses: All agents, sorted.
        first: The place of each agent's first event, and at the end the number of events.
        at: Logical time of each event, in nanoseconds since the epoch.
        causes: The place of the step that led to each event, or `NOBODY`.
    """

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.first = array("q", [0])
        self.at = array("q")
        self.causes = array("q")
        self._numbers: dict[str, int] = {}

    @classmethod
    def of(cls, addresses: list[str], ends: dict[str, int], at: "array[int]") -> "EventIndex":
        """Return an index of events without causes.

        Args:
            addresses: All agents, sorted.
            ends: By agent, the place behind its last event.
            at: Logical time of each event.
        """
        made = cls()
        made.addresses, made.at = addresses, at
        made.first.extend(ends[address] for address in addresses)
        made.causes = array("q", [NOBODY]) * len(at)
        made._numbers = {address: number for number, address in enumerate(addresses)}
        return made

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.at)

    def number_of_agent(self, address: str) -> int | None:
        """Return an agent's number in `addresses`; None if there is no such agent."""
        return self._numbers.get(address)

    def steps_of(self, agent: int) -> int:
        """Return how many events an agent has."""
        return self.first[agent + 1] - self.first[agent]

    def agent_at(self, place: int) -> int:
        """Return the number of the agent whose event is at a place."""
        return bisect_right(self.first, place) - 1

    def begin(self, address: str) -> None:
        """Go on with the next agent."""
        self._numbers[address] = len(self.addresses)
        self.addresses.append(address)
        self.first.append(len(self.at))

    def add(self, at: int, cause: int) -> None:
        """Add the next event of the agent."""
        self.at.append(at)
        self.causes.append(cause)
        self.first[-1] += 1


def index_events(run: "Run", on_progress: Progress | None = None) -> EventIndex:
    """Read a run once, and return what causes what.

    Args:
        run: The run, open.
        on_progress: Called now and then.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    reading = _Reading(on_progress)
    for address in run.addresses():
        reading.begin(address)
        for step in run.steps(address, resolve=False):
            reading.take(step)
    reading.match()
    return reading.index


class _Reading:
    """Takes the steps of all agents, one agent after the other."""

    def __init__(self, on_progress: Progress | None) -> None:
        self.index = EventIndex()
        self._on_progress = on_progress
        self._sent: list[_Sent] = []  # by number of the agent
        self._senders: dict[str, int] = {}  # numbers of all who sent what was delivered
        self._arrivals = tuple(array("q") for _ in range(3))  # place, sender, its counter
        self._started: dict[tuple[int, int], int] = {}  # effects and timers of the agent

    def begin(self, address: str) -> None:
        self.index.begin(address)
        self._sent.append(_Sent())
        self._started.clear()
        self._is_new = True

    def take(self, step: Step) -> None:
        place, event = len(self.index), step.event
        self.index.add(event.at, self._began(event))
        if type(event) is Delivered:
            self._arrive(place, step.number, event)
        for command in step.commands:
            if type(command) is Sent:
                self._sent[-1].add(command.n, place)
            elif type(command) is StartEffect or type(command) is StartTimer:
                self._started[command.turn, command.n] = place
        if self._on_progress is not None and place % _PROGRESS_EVERY == 0:
            self._on_progress(place)

    def match(self) -> None:
        """Give what was delivered its cause."""
        numbers, causes = self.index.number_of_agent, self.index.causes
        sent = [None if (n := numbers(one)) is None else self._sent[n] for one in self._senders]
        for place, sender, n in zip(*self._arrivals, strict=True):
            known = sent[sender]
            if known is not None:
                causes[place] = known.place_of(n)

    def _began(self, event: EventRecord) -> int:
        """Return where what ends here was started, in the same agent."""
        if isinstance(event, _ENDS):
            return self._started.pop((event.turn, event.n), NOBODY)
        if isinstance(event, EffectStreamed):
            return self._started.get((event.turn, event.n), NOBODY)
        return NOBODY

    def _arrive(self, place: int, step: int, event: Delivered) -> None:
        source = event.envelope.src
        first = place - step if self._is_new else place  # what it began with, too
        self._is_new = False
        if source == CLIENT:
            return
        number = self._senders.setdefault(sys.intern(source), len(self._senders))
        for each in range(first, place + 1):
            for column, value in zip(self._arrivals, (each, number, event.envelope.n), strict=True):
                column.append(value)


class _Sent:
    """What one agent sent: counters, which only grow, and the places of the steps."""

    def __init__(self) -> None:
        self._counters = array("q")
        self._places = array("q")
        self._is_sorted = True

    def add(self, counter: int, place: int) -> None:
        if self._counters and counter < self._counters[-1]:
            self._is_sorted = False
        self._counters.append(counter)
        self._places.append(place)

    def place_of(self, counter: int) -> int:
        """Return the place of the step that sent a message, or `NOBODY`."""
        if not self._is_sorted:  # no host writes such a record, but somebody may have
            pairs = sorted(zip(self._counters, self._places, strict=True))
            self._counters = array("q", (each for each, _ in pairs))
            self._places = array("q", (place for _, place in pairs))
            self._is_sorted = True
        found = bisect_left(self._counters, counter)
        if found < len(self._counters) and self._counters[found] == counter:
            return self._places[found]
        return NOBODY
