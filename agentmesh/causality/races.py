"""Which deliveries of a run could have come the other way round: its message races.

Two things that arrive at one agent race if the later one was sent (or, of an effect, started)
without knowing of the earlier: then nothing but speed decided which came first. What an agent
knows of another is a beginning of the other's steps, so that all that a delivery races with lies
in one stretch right before it (Netzer and Miller's "frontier").

Pairs from one sender are left out: the fabric keeps their order. So are timers, whose time is
the program's own, and the pieces of one effect. This reads the journal and runs nothing.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.causality.index import NOBODY, Progress
from agentmesh.causality.order import RunOrder
from agentmesh.journal.run import Run
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished

MESSAGE, ANSWER, EFFECT = "message", "answer", "effect"
"""What arrives: something that asks for a turn, the answer to an ask, the end of an effect."""

PAIRS_MAX = 100_000
"""Pairs that are named; more are counted."""
_NEAR_MAX = 256
"""Of one delivery, with how many of those before it it is named; with more it is counted."""
_PROGRESS_EVERY = 50_000
_MESSAGES = {
    **dict.fromkeys(kinds.STARTS_TURN, MESSAGE),
    **dict.fromkeys((kinds.REPLY, kinds.FAIL, kinds.CHUNK), ANSWER),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Something that arrived at an agent."""

    step: int
    """Of the agent."""
    at: int
    """Logical time, nanoseconds since the epoch."""
    kind: str
    """`message`, `answer` or `effect`."""
    source: str
    """Who sent it; of an effect, its place in the turn."""
    name: str
    """Handler, type of the answer, or what the effect is called."""

    @property
    def sort(self) -> tuple[str, str, str]:
        """What it has in common with others of its kind."""
        source = agent_type_of(self.source) if self.kind != EFFECT else ""
        return self.kind, source, self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class RacingPair:
    """Two arrivals that could have come the other way round."""

    agent: str
    first: Arrival
    second: Arrival

    @property
    def events(self) -> tuple[str, str]:
        """References to both, the one that came first first."""
        return f"{self.agent}@{self.first.step}", f"{self.agent}@{self.second.step}"

    @property
    def sort(self) -> tuple[object, ...]:
        """What it has in common with other pairs: the same code is asked the same of."""
        return agent_type_of(self.agent), self.first.sort, self.second.sort

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "agent": self.agent,
            "first": {"event": self.events[0], **asdict(self.first)},
            "second": {"event": self.events[1], **asdict(self.second)},
        }


@dataclass(kw_only=True)
class RacingPairs:
    """All races of a run."""

    pairs: list[RacingPair] = field(default_factory=list)
    """In the order of agents, then of the second event, the nearest first."""
    count: int = 0
    """How many there are, whether named or not."""
    pinned: int = 0
    """Pairs in the same stretches that one sender's order decides."""
    agents: int = 0
    """Agents at which something races."""


def racing_pairs(run: Run, order: RunOrder, on_progress: Progress | None = None) -> RacingPairs:
    """Return all pairs of deliveries that could have come the other way round.

    Args:
        run: The run, open.
        order: Its events.
        on_progress: Called now and then with the number of events looked at.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    found = RacingPairs()
    index = order.index
    looking = _Looking(order, on_progress)
    for number, address in enumerate(index.addresses):
        arrivals = list(_arrivals(run, address))
        if len({each.source for each in arrivals}) > 1:
            known = looking.known(number, [each.step for each in arrivals])
            _add(found, address, arrivals, known)
    return found


def _arrivals(run: Run, address: str) -> Iterator[Arrival]:
    """Yield what arrived at an agent and could have come at another time."""
    names: dict[tuple[int, int], str] = {}
    for step in run.steps(address, resolve=False):
        event = step.event
        if type(event) is Delivered:
            sent = event.envelope
            kind = _MESSAGES.get(sent.kind)
            if kind is not None:
                name = sent.handler or sent.type or kinds.KIND_NAMES[sent.kind]
                yield Arrival(step=step.number, at=event.at, kind=kind, source=sent.src, name=name)
        elif isinstance(event, EffectFinished | EffectFailed):
            effect = (event.turn, event.n)
            name, source = names.pop(effect, ""), f"{event.turn}.{event.n}"
            yield Arrival(step=step.number, at=event.at, kind=EFFECT, source=source, name=name)
        for command in step.commands:
            if type(command) is StartEffect:
                names[command.turn, command.n] = f"{command.kind} {command.name}"


def _add(
    found: RacingPairs, address: str, arrivals: Sequence[Arrival], known: Sequence[int]
) -> None:
    """Add the pairs of one agent.

    Args:
        found: Where to.
        address: The agent.
        arrivals: What arrived, in order.
        known: Of each, the agent's last step that its sender knew of.
    """
    steps = [each.step for each in arrivals]
    by_source: dict[str, list[int]] = {}
    before = found.count
    for place, second in enumerate(arrivals):
        begin = bisect_left(steps, known[place] + 1)
        mine = by_source.setdefault(second.source, [])
        pinned = len(mine) - bisect_left(mine, begin)
        mine.append(place)
        found.pinned += pinned
        found.count += max(0, place - begin - pinned)
        for other in range(place - 1, max(begin, place - _NEAR_MAX) - 1, -1):
            if len(found.pairs) >= PAIRS_MAX:
                break
            first = arrivals[other]
            if first.source != second.source:
                found.pairs.append(RacingPair(agent=address, first=first, second=second))
    found.agents += found.count > before


class _Looking:
    """Finds what causes knew of one agent; one pass over the events of its life for each."""

    def __init__(self, order: RunOrder, on_progress: Progress | None) -> None:
        self._order = order
        self._on_progress = on_progress
        self._seen = 0
        index = order.index
        self._agents = array("q", bytes(8 * len(index)))
        for agent in range(len(index.addresses)):
            for place in range(index.first[agent], index.first[agent + 1]):
                self._agents[place] = agent
        self._places = array("q", bytes(8 * len(index)))
        for place in range(len(index)):
            self._places[order.number_at(place)] = place
        self._of_event = array("q", bytes(8 * len(index)))

    def known(self, agent: int, steps: Sequence[int]) -> list[int]:
        """Return, of each arrival at an agent, its last step that the cause knew of; -1: none."""
        index, number_at = self._order.index, self._order.number_at
        first = index.first[agent]
        low, high = number_at(first), number_at(first + steps[-1])
        causes, agents, of_event = index.causes, self._agents, self._of_event
        latest = array("q", [NOBODY]) * len(index.addresses)
        for number in range(low, high + 1):
            place = self._places[number]
            who, cause = agents[place], causes[place]
            known = latest[who]
            # What happened before the agent's first event knows nothing of it.
            if cause != NOBODY and number_at(cause) >= low and of_event[cause] > known:
                known = of_event[cause]
            if who == agent:
                known = place
            latest[who] = of_event[place] = known
        self._tell(high - low + 1)
        return [self._known_by(causes[first + step], low, first) for step in steps]

    def _known_by(self, cause: int, low: int, first: int) -> int:
        if cause == NOBODY or self._order.number_at(cause) < low:
            return NOBODY
        known = self._of_event[cause]
        return known - first if known != NOBODY else NOBODY

    def _tell(self, events: int) -> None:
        before, self._seen = self._seen, self._seen + events
        if self._on_progress is not None:
            every = _PROGRESS_EVERY
            if self._seen // every > before // every:
                self._on_progress(self._seen)


def spread(pairs: Sequence[RacingPair], limit: int) -> list[RacingPair]:
    """Return so many pairs at most, of as many sorts as there are.

    Args:
        pairs: To choose from.
        limit: How many.
    """
    sorts: dict[tuple[object, ...], list[RacingPair]] = {}
    for pair in pairs:
        sorts.setdefault(pair.sort, []).append(pair)
    chosen: list[RacingPair] = []
    columns = sorted(sorts.values(), key=_worth)
    depth = 0
    while len(chosen) < limit and any(depth < len(column) for column in columns):
        chosen += [column[depth] for column in columns if depth < len(column)]
        depth += 1
    return chosen[:limit]


def _worth(column: Sequence[RacingPair]) -> tuple[int, int]:
    """Order sorts of pairs: two messages that begin something first, the rarest of these first."""
    pair = column[0]
    told = sum(each.kind == MESSAGE for each in (pair.first, pair.second))
    return -told, len(column)
