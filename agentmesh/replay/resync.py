"""Going on after a divergence: the recorded events go to a cell that asks for other things.

What comes after a divergence is *tainted*: it says what today's code would do with what came
in then, and nothing about the run. It is counted, and never passed off as a replay.

Theory of operation. A result is recorded for an effect by its number, and numbers shift when
an effect is added or gone; so each recorded effect, ask and timer is paired with the replayed
one that asks for the same, and its result goes there. A result that comes before the replay
has asked for it is kept until then. What the replay never asks for is not taken; what it
asks for and the recording does not have is never answered. Both are told.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from agentmesh.errors import InternalError
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import CommandRecord, Sent, Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, StartEffect, StartTimer
from agentmesh.kernel.envelope import ASK, CHUNK, FAIL, MONITOR, REPLY
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Event,
    TimerFired,
)
from agentmesh.replay.compare import as_data
from agentmesh.replay.wording import command_in_words

STRICT, RESYNC = "strict", "resync"
POLICIES = (STRICT, RESYNC)
"""An agent's replay ends at its first divergence, or goes on, tainted."""

SHOWN_MAX = 20
"""Of so many events it is said that they were not taken, and of so many effects that they wait."""


@dataclass(kw_only=True)
class Taint:
    """What became of an agent after its first divergence."""

    agent: str
    since: int
    """The step of the divergence: from there on everything is tainted."""
    steps: int = 0
    """How many steps that are."""
    same: int = 0
    """How many of them asked for the same as was recorded, numbers aside."""
    not_taken: list[str] = field(default_factory=list)
    """Events that the cell could not take, and why: it had never asked for them."""
    waits: list[str] = field(default_factory=list)
    """What the replay asked for and the recording has no answer to."""
    stopped: str = ""
    """Why it could not go on to the end of the recording; empty if it could."""


Number = tuple[str, int, int]
"""Names an effect, timer or ask of a cell: sort, turn, number."""


class Resync:
    """Feeds one cell that has diverged.

    Args:
        cell: The cell, right after the step that diverged.
        encoder: Compares what is asked for.
        taint: Takes what is found.
        ahead: The recorded steps from the one that diverged on: what they ask for is paired with
            the same only, and what they do not ask for also with what is like it.
    """

    def __init__(
        self, cell: Cell, encoder: BodyEncoder, taint: Taint, ahead: Iterable[Step]
    ) -> None:
        self._known = {_exactly(one) for step in ahead for _, one in _asked(step.commands)}
        self._cell = cell
        self._encoder = encoder
        self._taint = taint
        self._pairs: dict[Number, Number] = {}
        self._recorded: dict[Number, CommandRecord] = {}  # since the divergence, without a pair
        self._replayed: dict[Number, CommandRecord] = {}
        self._early: dict[Number, list[tuple[str, Event]]] = {}

    def begin(self, step: Step, issued: list[Command]) -> None:
        """Take in the step that diverged, which the cell has handled."""
        self._count(step, [*issued, *self._settle(step, issued)])

    def follow(self, step: Step) -> None:
        """Let the cell take one more step, if it can."""
        event = self._translated(step)
        issued = [] if event is None else self._handle(event, step)
        self._count(step, [*issued, *self._settle(step, issued)])

    def end(self) -> None:
        """Say what was left."""
        for events in self._early.values():
            for place, event in events:
                self._refuse(f"{place}: the replay never asked for it", event)
        for record in list(self._replayed.values())[:SHOWN_MAX]:
            self._taint.waits.append(command_in_words(_plain(record)))

    def _handle(self, event: Event, step: Step) -> list[Command]:
        try:
            issued = self._cell.repeat(event, step.commands if step.handled else None)
        except InternalError as error:
            self._taint.stopped = f"{self._taint.agent}@{step.number}: {error.what}"
            return []
        self._cell.forget_performers()
        return issued

    def _count(self, step: Step, issued: list[Command]) -> None:
        self._taint.steps += 1
        shapes = [_shape(self._encoder.command_record(one)) for one in issued]
        if step.handled and shapes == [_shape(one) for one in step.commands]:
            self._taint.same += 1

    def _translated(self, step: Step) -> Event | None:
        """Return a step's event as the cell knows it; None if it can't take it now."""
        event = step.event
        number = _number_of(event)
        if number is None:
            return event
        if number in self._pairs:
            return _renumbered(event, self._pairs[number])
        if number in self._recorded:
            self._early.setdefault(number, []).append((_place(self._taint.agent, step), event))
            return None
        return event  # asked for before the divergence: under the same number

    def _settle(self, step: Step, issued: list[Command]) -> list[Command]:
        """Pair what was asked for, and hand over what had come early; return what that issued."""
        self._recorded.update(_asked(step.commands))
        waiting = deque([issued])
        more: list[Command] = []
        while waiting:
            records = [self._encoder.command_record(one) for one in waiting.popleft()]
            self._replayed.update(_asked(records))
            for number in self._paired():
                for _, event in self._early.pop(number, []):
                    ready = replace(_renumbered(event, self._pairs[number]), at=step.event.at)
                    waiting.append(self._handle(ready, step))
                    more.extend(waiting[-1])
        return more

    def _paired(self) -> list[Number]:
        """Pair what asks for the same, oldest first; return the recorded numbers."""
        found = []
        for sameness in (_exactly, _loosely):
            open_: dict[object, list[Number]] = {}
            for number, record in self._replayed.items():
                if sameness is _exactly or _exactly(record) not in self._known:
                    open_.setdefault(sameness(record), []).append(number)
            for number, record in list(self._recorded.items()):
                alike = open_.get(sameness(record))
                if not alike or (sameness is _loosely and not self._early.get(number)):
                    continue
                self._pairs[number] = other = alike.pop(0)
                del self._recorded[number], self._replayed[other]
                found.append(number)
        return found

    def _refuse(self, why: str, event: Event) -> None:
        if len(self._taint.not_taken) < SHOWN_MAX:
            self._taint.not_taken.append(f"{event.__struct_config__.tag} at {why}")


def _place(agent: str, step: Step) -> str:
    return f"{agent}@{step.number}"


def _number_of(event: Event) -> Number | None:
    """Return what an event answers; None for one that answers nothing."""
    if isinstance(event, EffectFinished | EffectFailed | EffectStreamed):
        return ("effect", event.turn, event.n)
    if isinstance(event, TimerFired):
        return ("timer", event.turn, event.n)
    if isinstance(event, Delivered) and event.envelope.kind in (REPLY, FAIL, CHUNK):
        return ("ask", 0, event.envelope.re)
    return None


def _renumbered(event: Event, number: Number) -> Event:
    if isinstance(event, Delivered):
        return replace(event, envelope=replace(event.envelope, re=number[2]))
    return replace(event, turn=number[1], n=number[2])


def _asked(records: Sequence[CommandRecord]) -> Iterator[tuple[Number, CommandRecord]]:
    for record in records:
        if isinstance(record, StartEffect):
            yield ("effect", record.turn, record.n), record
        elif isinstance(record, StartTimer):
            yield ("timer", record.turn, record.n), record
        elif isinstance(record, Sent) and record.kind in (ASK, MONITOR):
            yield ("ask", 0, record.n), record


def _exactly(record: CommandRecord) -> object:
    if isinstance(record, StartEffect):
        return record.key
    if isinstance(record, Sent):
        return (record.kind, record.dst, record.handler, record.type, record.digest)
    return (type(record), getattr(record, "turn", 0), getattr(record, "due", 0))


def _loosely(record: CommandRecord) -> object:
    """What asks the same of the same, in other words: a prompt that was edited."""
    if isinstance(record, StartEffect):
        return (record.turn, record.kind, record.name)
    if isinstance(record, Sent):
        return (record.kind, record.dst, record.handler)
    return (type(record), getattr(record, "turn", 0))


_NUMBERS = ("turn", "n", "key", "deadline", "chain", "due", "note", "blob", "message", "re")


def _shape(record: CommandRecord) -> tuple[object, ...]:
    named = ((name, getattr(record, name)) for name in record.__struct_fields__)
    return (type(record), *(value for name, value in named if name not in _NUMBERS))


def _plain(record: CommandRecord) -> dict[str, object]:
    data = as_data(record)
    data.pop("digest", None)
    return data
