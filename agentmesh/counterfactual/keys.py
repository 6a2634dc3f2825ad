"""What names a message or an event in all branches of a run, whatever its number is there."""

from agentmesh.kernel.envelope import FAIL, REPLY, Envelope
from agentmesh.kernel.events import Cancelled, Delivered, Event, Started
from agentmesh.simulation.records import key_of


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
