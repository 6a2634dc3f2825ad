"""Two runs side by side: where each agent's events part, by causes and not by time or place.

The events of an agent are compared in their order, by their identities (`identity`). The first
that differ say what parted: the same message with another content (`content`), another result of
the same effect (`result`), the same events the other way round (`order`), an event that one run
alone has (`event`), or the same events with other commands (`commands`: other code, or chance).
Once an agent has parted, what it sends differs, too: so the agent that parted first is where to
look, and the others follow in the order of time.
"""

from dataclasses import dataclass, field
from typing import Any

from agentmesh.causality.identity import Trace, comparable, traces
from agentmesh.causality.json_path import first_difference
from agentmesh.causality.order import EventRef, RunOrder
from agentmesh.causality.summaries import Summary, Teller, command_words
from agentmesh.journal.run import Run
from agentmesh.kernel.events import Delivered

ORDER, CONTENT, RESULT, EVENT, COMMANDS = "order", "content", "result", "event", "commands"

MEANING = {
    ORDER: "the same events in another order",
    CONTENT: "the same message with another content",
    RESULT: "the same effect with another result",
    EVENT: "another event",
    COMMANDS: "the same events, and it did something else",
}


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one run has where the runs part."""

    event: str
    """`Type/key@N`; empty where the agent has no more events."""
    what: str
    payload: Any = None


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first difference of an agent."""

    agent: str
    kind: str
    """order, content, result, event or commands."""
    one: Side
    other: Side
    pointer: str = ""
    """JSON pointer of the first place where the payloads differ."""
    after_ns: int = 0
    """How long after the first run's first event: the order in which agents parted."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "agent": self.agent,
            "kind": self.kind,
            "meaning": MEANING[self.kind],
            "pointer": self.pointer,
            "one": dict(vars(self.one)),
            "other": dict(vars(self.other)),
        }


@dataclass(kw_only=True)
class Alignment:
    """How two runs differ, event by event."""

    partings: list[Parting] = field(default_factory=list)
    """The first difference of each agent that is in both runs and differs; the earliest first."""
    same: list[str] = field(default_factory=list)
    """Agents that did the same in both runs."""
    only_one: list[str] = field(default_factory=list)
    """Agents that only the first run has."""
    only_other: list[str] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Whether nothing differs but times."""
        return not (self.partings or self.only_one or self.only_other)


def align(one: tuple[Run, RunOrder], other: tuple[Run, RunOrder]) -> Alignment:
    """Compare two runs by causes.

    Args:
        one: A run, open, and its events.
        other: Another.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    aligning = _Aligning(_Told(*one), _Told(*other))
    left, right = aligning.one.traces, aligning.other.traces
    found = Alignment(
        only_one=sorted(left.keys() - right.keys()), only_other=sorted(right.keys() - left.keys())
    )
    for address in sorted(left.keys() & right.keys()):
        place = _parted(left[address], right[address])
        if place is None:
            found.same.append(address)
        else:
            found.partings.append(aligning.parting(address, place))
    found.partings.sort(key=lambda parting: (parting.after_ns, parting.agent))
    return found


class _Told:
    """One of the two runs."""

    def __init__(self, run: Run, order: RunOrder) -> None:
        self.traces = traces(run)
        self._order = order
        self._teller = Teller(run, order)
        self._run = run

    @property
    def began(self) -> int:
        """Time of the first event."""
        return self._order.event(0).at if len(self._order) else 0

    def event(self, address: str, step: int) -> EventRef | None:
        """Return an event; None where the agent has no more."""
        if step >= len(self.traces[address]):
            return None
        return self._order.at_place(self._order.place_of(address, step))

    def summary(self, event: EventRef) -> Summary:
        return self._teller.summary(event)

    def is_message(self, event: EventRef) -> bool:
        return isinstance(self._teller.step(event).event, Delivered)

    def commands(self, event: EventRef) -> list[tuple[str, Any]]:
        """Return what handling an event issued, in words and as data."""
        step = self._teller.step(event)
        return [command_words(self._run.resolve(each), event.at) for each in step.commands]


class _Aligning:
    """Says of two runs how an agent's events part."""

    def __init__(self, one: _Told, other: _Told) -> None:
        self.one = one
        self.other = other

    def parting(self, address: str, step: int) -> Parting:
        """Return the difference at a step."""
        events = (self.one.event(address, step), self.other.event(address, step))
        kind = self._kind(address, step, events)
        sides, pointer = self._sides(events, kind)
        one = self.one.traces[address]
        return Parting(
            agent=address,
            kind=kind,
            one=sides[0],
            other=sides[1],
            pointer=pointer,
            after_ns=one.at[min(step, len(one) - 1)] - self.one.began,
        )

    def _kind(self, address: str, step: int, events: tuple[EventRef | None, ...]) -> str:
        one, other = self.one.traces[address], self.other.traces[address]
        if events[0] is None or events[1] is None:
            return EVENT
        mine, its = one.identities[step], other.identities[step]
        if mine != its:
            both = mine in other.identities[step:] and its in one.identities[step:]
            return ORDER if both else EVENT
        if one.contents[step] == other.contents[step]:
            return COMMANDS
        return CONTENT if self.one.is_message(events[0]) else RESULT

    def _sides(self, events: tuple[EventRef | None, ...], kind: str) -> tuple[list[Side], str]:
        if kind == COMMANDS:
            return self._other_commands(events)
        sides = []
        for told, event in zip((self.one, self.other), events, strict=True):
            if event is None:
                sides.append(Side(event="", what="nothing more"))
            else:
                said = told.summary(event)
                sides.append(Side(event=str(event), what=said.what, payload=said.payload))
        if kind not in (CONTENT, RESULT):
            return sides, ""
        return sides, first_difference(*(comparable(side.payload) for side in sides))

    def _other_commands(self, events: tuple[EventRef | None, ...]) -> tuple[list[Side], str]:
        """Return the first commands that differ, where the events do not."""
        every = [
            told.commands(event) if event is not None else []
            for told, event in zip((self.one, self.other), events, strict=True)
        ]
        pairs = enumerate(zip(*every, strict=False))
        shorter = min(len(each) for each in every)
        place = next((n for n, (one, other) in pairs if one != other), shorter)
        sides = []
        for commands, event in zip(every, events, strict=True):
            what, payload = commands[place] if place < len(commands) else ("does no more", None)
            sides.append(Side(event=str(event), what=what, payload=payload))
        return sides, first_difference(sides[0].payload, sides[1].payload)


def _parted(one: Trace, other: Trace) -> int | None:
    """Return the first step at which two agents differ; None if none does."""
    mine = (one.identities, one.contents, one.doings)
    its = (other.identities, other.contents, other.doings)
    if mine == its:
        return None
    shorter = min(len(one), len(other))
    for step in range(shorter):
        if any(a[step] != b[step] for a, b in zip(mine, its, strict=True)):
            return step
    return shorter
