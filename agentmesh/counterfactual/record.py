"""The parent of a branch, as a branch needs it: what came when, and how effects ended.

Most of a branch is as its parent, and most of a parent is never looked at: the `Ledger` knows of
every message where it was delivered, from a few columns of the table, and reads an agent's steps
only when a change comes near it. It is kept for the next branch of the same open run. It runs no
program and changes nothing.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.causality.figures import Figures, add_tokens
from agentmesh.causality.order import RunOrder
from agentmesh.counterfactual.keys import key_of_envelope, message_key
from agentmesh.journal import strings
from agentmesh.journal.records import EventRecord, Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import CLIENT, FAIL, KIND_NAMES, REPLY, STARTS_TURN
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Stopped,
    TimerFired,
)
from agentmesh.kernel.identity import sameness
from agentmesh.replay.resting import Rests
from agentmesh.simulation.records import effect_key, timer_key

HOST_EVENTS = (Cancelled, Stopped)
"""What a host injects by itself: no message, effect or timer."""
_OPENED = ("agent", "turn", "n")
_ENDED = ("finished", "failed", "fired", "cancel_effect", "cancel_timer")
_STEPS_MAX = 50_000
"""Steps that a ledger keeps in memory for the next branch."""


@dataclass(frozen=True, slots=True)
class Place:
    """One recorded event."""

    address: str
    step: int
    at: int
    """Nanoseconds since the epoch; never before what came earlier in the run order."""
    number: int
    """In the run order."""


@dataclass(slots=True)
class Ended:
    """An effect of the parent."""

    command: StartEffect
    address: str
    started: int
    """The step that began it."""
    started_at: int
    pieces: list[Place] = field(default_factory=list)
    end: Place | None = None
    """None if it never ended."""

    @property
    def key(self) -> str:
        """What names it in the parent."""
        return effect_key(self.address, self.command.turn, self.command.n)

    @property
    def seconds(self) -> float:
        """How long it took; 0 if it did not end."""
        return 0.0 if self.end is None else max(0, self.end.at - self.started_at) / 1e9


class AgentRecord:
    """What one agent of the parent did.

    Args:
        ledger: Of the parent.
        address: The agent; one that the parent does not have did nothing.
    """

    def __init__(self, ledger: "Ledger", address: str) -> None:
        self.address = address
        self.steps: list[Step] = []
        self.effects: dict[str, Ended] = {}
        """By the id of the effect (`Agent/key!turn.n`)."""
        self.by_key: dict[str, Ended] = {}
        """By the key of the effect, which survives forks."""
        self.fired: dict[str, int] = {}
        """By the id of a timer, the step at which it fired."""
        self.sent: dict[str, int] = {}
        """By the key of a message, the step that sent it."""
        self._alike: dict[str, list[Ended]] | None = None
        self._ledger = ledger
        if ledger.count(address):
            for step in ledger.run.steps(address, resolve=False):
                self._note(step)

    def alike(self, command: StartEffect) -> list[Ended]:
        """Return the effects that asked for the same, whatever they were asked for because of."""
        if self._alike is None:
            self._alike = {}
            for ended in self.effects.values():
                if ended.end is not None:
                    self._alike.setdefault(self._sameness(ended.command), []).append(ended)
        return self._alike.get(self._sameness(command), [])

    def _sameness(self, command: StartEffect) -> str:
        request = self._ledger.run.resolve(command).request
        return sameness(command.kind, command.name, request)

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        address, event = self.address, step.event
        if isinstance(event, EffectStreamed | EffectFinished | EffectFailed):
            ended = self.effects.get(effect_key(address, event.turn, event.n))
            if ended is not None:
                place = self._ledger.place(address, step.number)
                if isinstance(event, EffectStreamed):
                    ended.pieces.append(place)
                else:
                    ended.end = place
        elif isinstance(event, TimerFired):
            self.fired[timer_key(address, event.turn, event.n)] = step.number
        for command in step.commands:
            if isinstance(command, StartEffect):
                began = self._ledger.place(address, step.number).at
                ended = Ended(command, address, step.number, began)
                self.effects[effect_key(address, command.turn, command.n)] = ended
                self.by_key[command.key] = ended
            elif isinstance(command, Sent):
                key = message_key(address, command.n, command.dst, command.kind, command.re)
                self.sent.setdefault(key, step.number)


class Ledger:
    """Where in a run each message came, and the agents that somebody asked for.

    Args:
        run: The run, open.
        order: Its events.
    """

    def __init__(self, run: Run, order: RunOrder) -> None:
        self.run = run
        self.order = order
        self.client_sent = 0
        """The highest number of a message that came from outside."""
        self.answer: Place | None = None
        """Where the workflow returned or failed; None if the record breaks off before."""
        self._arrived: dict[str, tuple[str, int]] = {}
        self._records: OrderedDict[str, AgentRecord] = OrderedDict()
        self._held = 0
        self._totals: dict[str, Figures] | None = None
        self._times = _times(order)
        self._rests: dict[tuple[str, object], Rests] = {}
        self._read()

    def place(self, address: str, step: int) -> Place:
        """Return where a step is."""
        place = self.order.place_of(address, step)
        return Place(address, step, self._times[place], self.order.number_at(place))

    def arrival(self, key: str) -> Place | None:
        """Return where a message was delivered; None if it was not."""
        found = self._arrived.get(key)
        return None if found is None else self.place(*found)

    def has_arrived(self, key: str) -> bool:
        """Tell whether a message was delivered."""
        return key in self._arrived

    def model_calls(self) -> dict[str, int]:
        """Return, by agent, the last step that made a call by HTTP."""
        rows = self._rows("start_effect", ("agent", "step", "effect_kind"))
        return {strings.unescape(agent): step for agent, step, sort in rows if sort == "http"}

    def irreversible(self) -> set[str]:
        """Return the names of effects that can't be taken back."""
        rows = self._rows("start_effect", ("effect_name", "idempotent"))
        return {name or "" for name, may_repeat in rows if may_repeat is False}

    def count(self, address: str) -> int:
        """Return how many steps an agent has; 0 for one that never lived."""
        index = self.order.index
        agent = index.number_of_agent(address)
        return 0 if agent is None else index.steps_of(agent)

    def record(self, address: str) -> AgentRecord:
        """Return what an agent did."""
        found = self._records.get(address)
        if found is None:
            found = self._records[address] = AgentRecord(self, address)
            self._held += len(found.steps)
            while self._held > _STEPS_MAX and len(self._records) > 1:
                self._held -= len(self._records.popitem(last=False)[1].steps)
        self._records.move_to_end(address)
        return found

    def rests(self, address: str, code: object) -> Rests:
        """Return the points from which an agent can be replayed; who replays it adds some.

        Args:
            address: The agent.
            code: Its class, as it is here: points of another one are no good.
        """
        return self._rests.setdefault((address, code), Rests())

    def position(self, address: str, at: int, rank: float, *, ranked: bool) -> int:
        """Return how many steps an agent has had at some moment.

        Args:
            address: The agent.
            at: The moment, nanoseconds since the epoch.
            rank: A place in the run order.
            ranked: Whether that says more than the time.
        """
        index = self.order.index
        agent = index.number_of_agent(address)
        if agent is None:
            return 0
        first, end = index.first[agent], index.first[agent + 1]
        if ranked:
            return bisect_left(range(first, end), rank, key=self.order.number_at)
        return bisect_right(self._times, at, first, end) - first

    def unfinished(self) -> list[str]:
        """Return the agents that had something open when the run ended: a message, an effect..."""
        starts = {KIND_NAMES[kind] for kind in STARTS_TURN}
        names = ("agent", "message_kind")
        opened = Counter(agent for agent, sort in self._rows("delivered", names) if sort in starts)
        opened.subtract(agent for (agent,) in self._rows("finish_turn", ("agent",)))
        ends: set[tuple[Any, ...]] = set()
        for kind in _ENDED:
            ends.update(self._rows(kind, _OPENED))
        for kind in ("start_effect", "start_timer"):
            opened.update(row[0] for row in self._rows(kind, _OPENED) if row not in ends)
        return [strings.unescape(agent) for agent, count in opened.items() if count > 0]

    def totals(self, limits: Mapping[str, int] | None = None) -> dict[str, Figures]:
        """Return, by agent, how many effects have ended, what they took and how many tokens.

        Args:
            limits: Of some agents, the step at which they are cut off.
        """
        if limits:
            return self._counted({strings.escape(each): end for each, end in limits.items()})
        if self._totals is None:
            self._totals = self._counted({})
        return self._totals

    def _counted(self, limits: Mapping[str, int]) -> dict[str, Figures]:
        names = ("agent", "turn", "n", "time_ns", "effect_kind")
        started: dict[Any, Any] = {}
        for row in self._rows("start_effect", names):
            started[row[:3]] = row[3:]
        found: dict[str, Figures] = {}
        ended = ("agent", "turn", "n", "step", "time_ns", "payload", "blob")
        for kind in ("finished", "failed"):
            for agent, turn, n, step, at, payload, blob in self._rows(kind, ended):
                if limits and step >= limits.get(agent, step + 1):
                    continue
                began, sort = started.get((agent, turn, n), (at, ""))
                figures = found.get(agent) or found.setdefault(agent, Figures())
                figures.events += 1
                figures.seconds += max(0, at - began) / 1e9
                if sort == "http" and blob:
                    whole = self.run.resolve(EffectFinished(at, turn, n, b"", blob))
                    add_tokens(figures, whole.result)
                elif sort == "http" and payload:
                    add_tokens(figures, payload.encode())
        return {strings.unescape(agent): figures for agent, figures in found.items()}

    def _read(self) -> None:
        answers = {KIND_NAMES[kind] for kind in (REPLY, FAIL)}
        names = ("agent", "step", "message", "message_kind", "peer", "re")
        arrived: dict[str, tuple[str, int]] = {}
        for agent, step, message, sort, peer, re in self._rows("delivered", names):
            key = f"{peer}>{agent}?{re or 0}" if sort in answers else message
            arrived[key] = (agent, step)
            if peer == CLIENT:
                self.client_sent = max(self.client_sent, int(message.rpartition("#")[2]))
        for agent, step, peer, re in self._rows("sent", ("agent", "step", "peer", "re")):
            if peer == CLIENT and re == 1 and self.answer is None:
                self.answer = self.place(strings.unescape(agent), step)
        self._arrived = arrived
        if any(strings.escape(each) != each for each in self.order.addresses):
            self._read_slowly()

    def _rows(self, kind: str, names: tuple[str, ...]) -> "zip[tuple[Any, ...]]":
        """Return some columns of the rows of one kind."""
        import pyarrow.compute as pc

        table = self.run.columns([*dict.fromkeys((*names, "kind"))])
        found = table.filter(pc.equal(table["kind"], kind))
        return zip(*(found[name].to_pylist() for name in names), strict=True)

    def _read_slowly(self) -> None:
        """Read what addresses that are no valid Unicode make ambiguous in the table."""
        self._arrived.clear()
        for address in self.order.addresses:
            for step in self.run.steps(address, resolve=False):
                if isinstance(step.event, Delivered):
                    self._arrived[key_of_envelope(step.event.envelope)] = (address, step.number)


class Parent:
    """A recorded run with a cut.

    Args:
        ledger: Of the run.
        cut: The last step, by agent, that the branch shares with it.
    """

    def __init__(self, ledger: Ledger, cut: Mapping[str, int]) -> None:
        self.run = ledger.run
        self.order = ledger.order
        self.ledger = ledger
        self.cut = cut

    @property
    def answered(self) -> bool:
        """Whether its workflow has returned or failed: else its record breaks off."""
        return self.ledger.answer is not None

    def first(self, address: str) -> int:
        """Return the number of an agent's first step after the cut."""
        return self.cut.get(address, -1) + 1

    def count(self, address: str) -> int:
        """Return how many steps an agent has; 0 for one that never lived."""
        return self.ledger.count(address)

    def record(self, address: str) -> AgentRecord:
        """Return what an agent did."""
        return self.ledger.record(address)

    def step(self, address: str, number: int) -> Step | None:
        """Return a step; None if there is none."""
        steps = self.ledger.record(address).steps
        return steps[number] if 0 <= number < len(steps) else None

    def place(self, address: str, step: int) -> Place:
        """Return where a step is."""
        return self.ledger.place(address, step)

    def arrival(self, key: str) -> Place | None:
        """Return where a message was delivered; None if it was not."""
        return self.ledger.arrival(key)

    def event(self, address: str, number: int) -> EventRecord:
        """Return an event with its payload, wherever it is."""
        step = self.step(address, number)
        assert step is not None
        return self.run.resolve(step.event)


def _times(order: RunOrder) -> "array[int]":
    """Return the time of each event by its place, as if by one clock that never goes back."""
    times, latest = array("q", order.index.at), 0
    for place in order.places:
        latest = max(latest, times[place])
        times[place] = latest
    return times
