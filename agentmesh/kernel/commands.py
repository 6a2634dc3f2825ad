"""Everything a cell can ask of the world: orders, imperatives, a closed alphabet.

Commands are data. What an effect runs is not in them: the driver fetches it
with `Cell.take_performer`, and a replay simply does not.
"""

import msgspec

from agentmesh.kernel.envelope import Envelope

DONE = "done"
FAILED = "failed"
EXPIRED = "expired"
CANCELLED = "cancelled"
DEAD = "dead"
CONTINUED = "continued"
"""It goes on as another message, which the agent has sent to itself."""
OUTCOMES = (DONE, FAILED, EXPIRED, CANCELLED, DEAD, CONTINUED)
"""The terminal states of a message: each message that starts a turn ends in exactly one."""


class Command(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Base of the alphabet."""


class Send(Command, frozen=True, tag="send"):
    """Hand a message to the receiver's host."""

    turn: int
    """Number of the turn that sends; 0 outside any."""
    envelope: Envelope


class StartEffect(Command, frozen=True, tag="start_effect"):
    """Perform something outside."""

    turn: int
    n: int
    """Issue number within the turn: with `turn` it names the effect in its cell."""
    kind: str
    """`tool`, `http`, `call`, `opaque`, ..."""
    name: str
    """Low-cardinality name for people: the tool's name, `POST host/path`."""
    key: str
    """Identity that survives a fork: agent, cause, kind, request digest, occurrence."""
    request: bytes
    """Canonical, redacted request; JSON."""
    deadline: int = 0
    """Nanoseconds since the epoch; 0 for none."""
    blob: str = ""
    """Digest of the request in the blob store (only in a journal)."""
    idempotent: bool = True
    """Whether it may be performed again if its host died before its end was on record."""


class CancelEffect(Command, frozen=True, tag="cancel_effect"):
    """Nobody waits for the effect any more."""

    turn: int
    n: int


class StartTimer(Command, frozen=True, tag="start_timer"):
    """Inject `TimerFired` when the time has come."""

    turn: int
    n: int
    due: int
    """Nanoseconds since the epoch."""


class CancelTimer(Command, frozen=True, tag="cancel_timer"):
    """Forget the timer."""

    turn: int
    n: int


class Log(Command, frozen=True, tag="log"):
    """A line for people."""

    turn: int
    level: str
    event: str
    fields: bytes
    """JSON object."""


class FinishTurn(Command, frozen=True, tag="finish_turn"):
    """The message that caused the turn has reached its terminal state."""

    turn: int
    """0 when the message never got a turn (expired or dead in the mailbox)."""
    message: str
    """Id of the message."""
    outcome: str
    """One of `OUTCOMES`."""
    error: bytes = b""
    """The error as `errors.describe` wrote it; empty for `done`."""
    note: str = ""
    """Never compared: the formatted traceback."""


MARK = "am.changed"
"""Text of the log line that says that a turn took the new path of a change in its code."""


def is_mark(command: Command) -> bool:
    """Tell whether a command says that a turn took the new path of a change."""
    return type(command) is Log and command.event == MARK and command.level == "debug"


AnyCommand = Send | StartEffect | CancelEffect | StartTimer | CancelTimer | Log | FinishTurn
