"""What an event is, whichever run it is in: an identity made of causes, not of time or place.

A message is named by what its sender was doing: the message that its turn handles, and the
how-many-th of its kind it is there; an answer by the ask that it answers. An effect or timer that
ends is named by its turn's message and the how-many-th it is. So the same message has the same
identity in two runs in which agents were served in another order, though counters, times and
places differ. Beside its identity, an event has a digest of its content, and one of what handling
it did, without times.

Identities are 64-bit digests: the chance that two of a million events share one is 1 in 37 million.
"""

import json
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from xxhash import xxh3_64_intdigest

from agentmesh.causality.summaries import value_of
from agentmesh.journal.records import CommandRecord, EventRecord, Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn, Log, StartEffect, StartTimer
from agentmesh.kernel.envelope import CANCEL, CHUNK, FAIL, REPLY, STARTS_TURN
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    TimerFired,
)
from agentmesh.kernel.supervision import ATTEMPT_FAILED

_ANSWERS = (REPLY, FAIL, CHUNK)
_VOLATILE = ("id", "created", "created_at", "system_fingerprint")
"""Fields of a model's response that are new each time."""


@dataclass(frozen=True)
class Trace:
    """The events of one agent: four numbers each."""

    identities: "array[int]" = field(default_factory=lambda: array("Q"))
    contents: "array[int]" = field(default_factory=lambda: array("Q"))
    """Digests of what came: payload, result."""
    doings: "array[int]" = field(default_factory=lambda: array("Q"))
    """Digests of the commands that handling it issued."""
    at: "array[int]" = field(default_factory=lambda: array("q"))
    """Logical times, in nanoseconds since the epoch."""

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.at)


def traces(run: Run) -> dict[str, Trace]:
    """Read a run once, and return the events of each agent by their identities.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    agents = {address: _Agent(address) for address in run.addresses()}
    for address, agent in agents.items():
        for step in run.steps(address, resolve=False):
            agent.take(step)
        agent.close()
    names = _Names(agents)
    for agent in agents.values():
        agent.identify(names)
    return {address: agent.trace for address, agent in agents.items()}


class _Sends:
    """What an agent sent: for each counter, what the message's identity is made of."""

    def __init__(self) -> None:
        self.counters = array("q")
        self.salts = array("Q")
        self.bases: list[tuple[str, int]] = []
        self.known: dict[int, int] = {}

    def find(self, counter: int) -> int | None:
        place = bisect_left(self.counters, counter)
        found = place < len(self.counters) and self.counters[place] == counter
        return place if found else None


class _Agent:
    """Reads the steps of one agent."""

    def __init__(self, address: str) -> None:
        self.trace = Trace()
        self.sends = _Sends()
        self._address = address
        self._salts = array("Q")  # of events
        self._bases: list[tuple[str, int] | int] = []  # of events: a message, or a turn
        self._sent_in: list[int] = []  # turns of what was sent, 0 where the base is known
        self._turns: dict[int, tuple[str, int]] = {}
        self._open: dict[tuple[str, int], None] = {}  # messages that no turn is known of
        self._pending: dict[tuple[int, int], int] = {}  # effects and timers, and their salts
        self._items: Counter[tuple[str, int]] = Counter()
        self._counts: dict[int, Counter[str]] = {}  # by turn: how many of a kind it has issued

    def take(self, step: Step) -> None:
        event = step.event
        base, salt = self._of(event)
        self._bases.append(base)
        self._salts.append(salt)
        self.trace.at.append(event.at)
        self.trace.contents.append(_digest(_content(event)))
        self.trace.doings.append(_digest(*(_doing(command, event.at) for command in step.commands)))
        for command in step.commands:
            self._issue(command)

    def close(self) -> None:
        """Guess turns that have no end: they begin in the order of their messages."""
        wanted = {each for each in (*self._bases, *self._sent_in) if isinstance(each, int)}
        unknown = sorted(wanted - {0} - self._turns.keys())
        self._turns |= dict(zip(unknown, self._open, strict=False))
        nobody = ("", 0)
        self._bases = [self._turns.get(b, nobody) if isinstance(b, int) else b for b in self._bases]
        for place, turn in enumerate(self._sent_in):
            if turn:
                self.sends.bases[place] = self._turns.get(turn, nobody)

    def identify(self, names: "_Names") -> None:
        """Find the identity of each event."""
        met: Counter[int] = Counter()
        for base, salt in zip(self._bases, self._salts, strict=True):
            assert isinstance(base, tuple)
            found = names.of(*base) if salt == 0 else _digest(str(names.of(*base)), str(salt))
            met[found] += 1
            if met[found] > 1:  # a message that is tried again does the same again
                found = _digest(str(found), str(met[found]))
            self.trace.identities.append(found)

    def _of(self, event: EventRecord) -> tuple[tuple[str, int] | int, int]:
        """Return what an event's identity is made of: a message or turn, and what else."""
        if isinstance(event, Delivered):
            envelope = event.envelope
            message = (envelope.src, envelope.n)
            if envelope.kind in STARTS_TURN:
                self._open[message] = None
            return message, 0
        if isinstance(event, EffectFinished | EffectFailed | TimerFired):
            salt = self._pending.pop((event.turn, event.n), 0) or _digest("end", str(event.n))
            return event.turn, salt
        if isinstance(event, EffectStreamed):
            salt = self._pending.get((event.turn, event.n), 0)
            return event.turn, self._counted(event.turn, f"piece {salt}")
        if isinstance(event, Cancelled):
            return _message(event.message), _digest("cancelled")
        return ("", 0), _digest("started" if isinstance(event, Started) else "stopped")

    def _issue(self, command: CommandRecord) -> None:
        if isinstance(command, Sent):
            self._send(command)
        elif isinstance(command, StartEffect):
            salt = self._counted(command.turn, f"effect {command.kind} {command.name}")
            self._pending[command.turn, command.n] = salt
        elif isinstance(command, StartTimer):
            self._pending[command.turn, command.n] = self._counted(command.turn, "timer")
        elif isinstance(command, FinishTurn):
            self._name(command.turn, _message(command.message))
        elif isinstance(command, Log) and command.event == ATTEMPT_FAILED:
            said = value_of(command.fields)
            if isinstance(said, dict):
                self._turns[command.turn] = _message(str(said.get("message", "")))

    def _name(self, turn: int, message: tuple[str, int]) -> None:
        self._open.pop(message, None)
        self._counts.pop(turn, None)
        if turn:
            self._turns[turn] = message

    def _send(self, command: Sent) -> None:
        base, turn = ("", 0), 0
        if command.kind in _ANSWERS:
            base = (command.dst, command.re)
            salt = self._item(base) if command.kind == CHUNK else _digest("answer")
        elif command.kind == CANCEL:
            base, salt = (self._address, command.re), _digest("cancel")
        else:
            turn = command.turn
            what = f"{command.dst} {command.kind} {command.handler} {command.type}"
            salt = self._counted(turn, what)
        self.sends.counters.append(command.n)
        self.sends.salts.append(salt)
        self.sends.bases.append(base)
        self._sent_in.append(turn)

    def _item(self, ask: tuple[str, int]) -> int:
        """Return what tells the next item of a streamed answer from the others."""
        self._items[ask] += 1
        return _digest("item", str(self._items[ask]))

    def _counted(self, turn: int, what: str) -> int:
        """Return what tells the next of a kind within a turn from all others there."""
        counts = self._counts.setdefault(turn, Counter())
        counts[what] += 1
        return _digest(what, str(counts[what]))


class _Names:
    """Identities of messages: a message's is made of that of the message it comes from."""

    def __init__(self, agents: dict[str, _Agent]) -> None:
        self._agents = agents

    def of(self, source: str, counter: int) -> int:
        """Return the identity of a message."""
        waiting: list[tuple[str, int]] = [(source, counter)]
        on_the_way: set[tuple[str, int]] = set()
        while waiting:
            message = waiting[-1]
            base = self._base(message)
            if base is None or base in on_the_way or self._known(base) is not None:
                self._make(message, base)
                waiting.pop()
            else:
                on_the_way.add(message)
                waiting.append(base)
        found = self._known((source, counter))
        assert found is not None
        return found

    def _place(self, message: tuple[str, int]) -> tuple[_Sends, int] | None:
        agent = self._agents.get(message[0])
        place = agent.sends.find(message[1]) if agent is not None else None
        return None if agent is None or place is None else (agent.sends, place)

    def _base(self, message: tuple[str, int]) -> tuple[str, int] | None:
        """Return the message that another comes from; None if it comes from outside."""
        found = self._place(message)
        return None if found is None else found[0].bases[found[1]]

    def _known(self, message: tuple[str, int]) -> int | None:
        found = self._place(message)
        if found is None:
            return _digest(*map(str, message))  # from outside, or not in the journal
        return found[0].known.get(found[1])

    def _make(self, message: tuple[str, int], base: tuple[str, int] | None) -> None:
        found = self._place(message)
        if found is not None and found[1] not in found[0].known:
            sends, place = found
            above = (self._known(base) if base is not None else None) or 0
            sends.known[place] = _digest(message[0], str(above), str(sends.salts[place]))


def comparable(value: Any) -> Any:
    """Return the result of an effect without what is new each time: ids, times, headers."""
    if isinstance(value, dict) and isinstance(value.get("json"), dict) and "status" in value:
        body = {name: one for name, one in value["json"].items() if name not in _VOLATILE}
        return {"status": value["status"], "json": body}
    return value


def _content(event: EventRecord) -> bytes:
    """Return what came with an event, as bytes."""
    if isinstance(event, Delivered):
        envelope = event.envelope
        head = f"{envelope.kind} {envelope.handler} {envelope.type} {envelope.blob}\n".encode(
            "utf-8", "surrogatepass"
        )
        return head + envelope.payload
    if isinstance(event, EffectFinished):
        result = event.result
        if b'"status"' in result:
            result = json.dumps(comparable(value_of(result)), sort_keys=True).encode()
        return b"finished" + event.blob.encode() + result
    if isinstance(event, EffectFailed):
        return b"failed" + event.error
    if isinstance(event, EffectStreamed):
        return event.chunk
    if isinstance(event, Started):
        return event.state
    return getattr(event, "reason", "").encode("utf-8", "surrogatepass")


def _doing(command: CommandRecord, at: int) -> str:
    """Return a command without times and counters."""
    if isinstance(command, Sent):
        return f"{command.dst} {command.kind} {command.handler} {command.type} {command.digest}"
    if isinstance(command, StartEffect):
        request = xxh3_64_intdigest(command.request)
        return f"{command.kind} {command.name} {request} {command.blob}"
    if isinstance(command, StartTimer):
        return f"timer {command.due - at}"
    if isinstance(command, FinishTurn):
        return f"finish {command.outcome} {xxh3_64_intdigest(command.error)}"
    if isinstance(command, Log):
        return f"log {command.level} {command.event} {xxh3_64_intdigest(command.fields)}"
    return type(command).__name__


def _message(identity: str) -> tuple[str, int]:
    source, _, counter = identity.rpartition("#")
    return source, int(counter) if counter.isdecimal() else 0


def _digest(*parts: str | bytes) -> int:
    joined = b"\x1f".join(
        part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts
    )
    return xxh3_64_intdigest(joined) or 1
