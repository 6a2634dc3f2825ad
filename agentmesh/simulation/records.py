"""What a world remembers of itself: what happened, by what key it is known, and on which record."""

from dataclasses import dataclass, field

from agentmesh.kernel import events
from agentmesh.kernel.commands import Command
from agentmesh.kernel.events import Event
from agentmesh.simulation.pool import Item


@dataclass(slots=True)
class Given:
    """One event of an agent, and what handling it issued."""

    address: str
    step: int
    """Counted per agent, from 0."""
    event: Event
    issued: list[Command]


@dataclass(slots=True)
class Happening:
    """One thing that happened."""

    item: Item
    gave: list[Given] = field(default_factory=list)
    """What agents were given because of it: usually one event."""
    prevented: list[Item] = field(default_factory=list)
    """What was pending and will not happen: timers and effects that were taken back."""


class NoRedaction:
    """Leaves secrets where they are: a world without a journal shows them to nobody."""

    def json(self, data: bytes) -> bytes:
        """Return the JSON as it is."""
        return data


def effect_key(address: str, turn: int, n: int) -> str:
    """Return the key of an effect."""
    return f"{address}!{turn}.{n}"


def timer_key(address: str, turn: int, n: int) -> str:
    """Return the key of a timer."""
    return f"{address}?{turn}.{n}"


def key_of(address: str, event: Event) -> str:
    """Return the key of what an event was before it happened; empty if no schedule chooses it."""
    if isinstance(event, events.Delivered):
        return event.envelope.id
    if isinstance(event, events.TimerFired):
        return timer_key(address, event.turn, event.n)
    if isinstance(event, events.EffectFinished | events.EffectFailed | events.EffectStreamed):
        return effect_key(address, event.turn, event.n)
    return ""
