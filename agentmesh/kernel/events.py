"""Everything that can happen to a cell: facts, past participles, a closed alphabet.

A cell is a function of the sequence of its events and nothing else, so this
file lists all nondeterminism there is. Each event carries the logical time at
which its driver injected it. A new capability is a new effect, not a new event.
"""

import msgspec

from agentmesh.kernel.envelope import Envelope


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Base of the alphabet."""

    at: int
    """Logical time: nanoseconds since the epoch; never decreases within a cell."""


class Started(Event, frozen=True, tag="started"):
    """The cell came to life. Always a cell's first event, exactly once."""

    address: str
    """`Type/key` of the agent."""
    seed: str
    """The run's seed; all randomness of the cell is keyed by it."""
    rules: int
    """Version of the scheduling rules that the run was recorded under."""
    state: bytes = b""
    """JSON with initial values of state attributes; empty for defaults."""


class Delivered(Event, frozen=True, tag="delivered"):
    """A message reached the mailbox, or a reply reached the one who asked."""

    envelope: Envelope
    lethal: int = 0
    """How many processes have ended while they handled it; it is not handled any more then."""


class EffectFinished(Event, frozen=True, tag="finished"):
    """An effect ended well."""

    turn: int
    n: int
    result: bytes
    """What came back; JSON, or what the effect's kind says."""
    blob: str = ""
    """Digest of the result in the blob store (only in a journal)."""


class EffectFailed(Event, frozen=True, tag="failed"):
    """An effect ended badly."""

    turn: int
    n: int
    error: bytes
    """The error as `errors.describe` wrote it."""
    note: str = ""
    """Formatted traceback, for people."""


class EffectStreamed(Event, frozen=True, tag="streamed"):
    """An effect that goes on brought a piece of its result."""

    turn: int
    n: int
    chunk: bytes


class TimerFired(Event, frozen=True, tag="fired"):
    """A timer's time came."""

    turn: int
    n: int


class Cancelled(Event, frozen=True, tag="cancelled"):
    """The work of one message is no longer wanted."""

    message: str
    """Id of the message whose turn is to end."""
    reason: str
    """`deadline`, `cancel` or `stop`."""


class Stopped(Event, frozen=True, tag="stopped"):
    """The cell is to end now: open turns are cancelled, later messages are dead letters."""

    reason: str
    """`stop` or `cancel`; or, in words, why an agent can't live: its messages are told."""


AnyEvent = (
    Started
    | Delivered
    | EffectFinished
    | EffectFailed
    | EffectStreamed
    | TimerFired
    | Cancelled
    | Stopped
)
