"""The parent of a branch, as a branch needs it: what came when, and how effects ended.

Read once. Of what is before the cut only keys are kept; of what is after it, every step.
It runs no program and changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agentmesh.causality.order import RunOrder
from agentmesh.journal.records import EventRecord, Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import CLIENT, FAIL, REPLY, Envelope
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Event,
    Started,
    Stopped,
)
from agentmesh.simulation.records import effect_key, key_of

HOST_EVENTS = (Cancelled, Stopped)
"""What a host injects by itself: no message, effect or timer."""


@dataclass(frozen=True, slots=True)
class Place:
    """One recorded event."""

    address: str
    step: int
    at: int
    number: int
    """In the run order."""


@dataclass(slots=True)
class Ended:
    """An effect of the parent."""

    command: StartEffect
    address: str
    started_at: int
    pieces: list[Place] = field(default_factory=list)
    end: Place | None = None
    """None if it never ended."""

    @property
    def seconds(self) -> float:
        """How long it took; 0 if it did not end."""
        return 0.0 if self.end is None else max(0, self.end.at - self.started_at) / 1e9


class Parent:
    """A recorded run with a cut.

    Args:
        run: The run, open.
        order: Its events.
        cut: The last step, by agent, that the branch shares with it.
    """

    def __init__(self, run: Run, order: RunOrder, cut: Mapping[str, int]) -> None:
        self.run = run
        self.order = order
        self.cut = cut
        self.places: dict[str, Place] = {}
        """By key, where messages were delivered and timers fired."""
        self.effects: dict[str, Ended] = {}
        """By the id of the effect (`Agent/key!turn.n`)."""
        self.by_key: dict[str, Ended] = {}
        """By the key of the effect, which survives forks."""
        self.steps: dict[str, list[Step]] = {}
        """Of each agent, what it did after the cut."""
        self.answered = False
        """Whether its workflow has returned or failed: else its record breaks off."""
        for address in run.addresses():
            self._read(address)

    def first(self, address: str) -> int:
        """Return the number of an agent's first step after the cut."""
        return self.cut.get(address, -1) + 1

    def count(self, address: str) -> int:
        """Return how many steps an agent has; 0 for one that never lived."""
        return self.first(address) + len(self.steps.get(address, ()))

    def step(self, address: str, number: int) -> Step | None:
        """Return a step after the cut; None if there is none."""
        place = number - self.first(address)
        steps = self.steps.get(address, ())
        return steps[place] if 0 <= place < len(steps) else None

    def prefix(self, address: str) -> Iterator[Step]:
        """Yield what an agent did up to the cut."""
        first = self.first(address)
        if not first:
            return
        for step in self.run.steps(address, resolve=False):
            if step.number >= first:
                return
            yield step

    def place(self, address: str, step: int, at: int) -> Place:
        """Return where a step is."""
        return Place(address, step, at, self.order.number_of(address, step))

    def event(self, address: str, number: int) -> EventRecord:
        """Return an event with its payload, wherever it is."""
        step = self.step(address, number)
        if step is None:
            step = next(self.run.steps(address, start=number))
        return self.run.resolve(step.event)

    def _read(self, address: str) -> None:
        first = self.first(address)
        kept = self.steps[address] = []
        for step in self.run.steps(address, resolve=False):
            if step.number >= first:
                kept.append(step)
            self._note(address, step)

    def _note(self, address: str, step: Step) -> None:
        event = step.event
        key = thing(address, event)
        if key:
            place = self.place(address, step.number, event.at)
            if isinstance(event, EffectStreamed | EffectFinished | EffectFailed):
                self._ended(key, event, place)
            else:
                self.places[key] = place
        for command in step.commands:
            if isinstance(command, StartEffect):
                ended = Ended(command, address, event.at)
                self.effects[effect_key(address, command.turn, command.n)] = ended
                self.by_key[command.key] = ended
            elif isinstance(command, Sent) and command.dst == CLIENT and command.re == 1:
                self.answered = True

    def _ended(self, key: str, event: EventRecord, place: Place) -> None:
        known = self.effects.get(key)
        if known is not None and isinstance(event, EffectStreamed):
            known.pieces.append(place)
        elif known is not None:
            known.end = place


def message_key(source: str, n: int, dst: str, kind: int, re: int) -> str:
    """Return what names a message in all branches: an answer is known by what it answers.

    The number of an answer is its sender's, and depends on whom that has served before.
    """
    return f"{source}>{dst}?{re}" if kind in (REPLY, FAIL) else f"{source}#{n}"


def key_of_envelope(envelope: Envelope) -> str:
    """Return what names a message in all branches."""
    return message_key(envelope.src, envelope.n, envelope.dst, envelope.kind, envelope.re)


def thing(address: str, event: Event) -> str:
    """Return the key of what an event was before it happened; empty for what a host does."""
    if isinstance(event, Delivered):
        return key_of_envelope(event.envelope)
    return key_of(address, event)


def name_of(address: str, event: Event) -> str:
    """Return what tells an event of an agent from its others, whichever branch it is in."""
    key = thing(address, event)
    if key:
        return key
    if isinstance(event, Started):
        return "started"
    return f"cancelled {event.message}" if isinstance(event, Cancelled) else "stopped"
