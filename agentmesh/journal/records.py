"""What is in a journal: events, and commands as they are recorded.

An event is recorded as the kernel saw it (payloads redacted, large ones in the blob
store). A command is recorded as the kernel issued it, but for `Send`: a message's
payload is stored once, by its receiver, so the sender's record (`Sent`) has its
digest.

A log file is a sequence of entries. Each belongs to one step of one cell: the step's
event, or all commands that handling it issued. Commands are written even when
there are none: that tells a step that did nothing from one that a crash cut short.

Everything here is plain data: msgpack arrays without extension types, decoded into
the classes of this file and `kernel.events` and into nothing else.
"""

from typing import Annotated, Any, cast, get_args

import msgspec

from agentmesh.kernel.commands import (
    CancelEffect,
    CancelTimer,
    Command,
    FinishTurn,
    Log,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import ESCALATE, TELL
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)

JOURNAL_VERSION = 1
"""Version of everything a run's directory holds. Raised by any change that an older reader
would misread; a field added at the end of a record, with a default, is no such change."""


class Sent(Command, frozen=True, tag="sent"):
    """Record of a `Send`: all but the payload, which its receiver records."""

    turn: int
    n: int
    """The sender's counter: with its address it names the message."""
    dst: str
    kind: Annotated[int, msgspec.Meta(ge=TELL, le=ESCALATE)]
    """One of `kernel.envelope`'s constants."""
    handler: str
    type: str = msgspec.field(name="message_type")  # `type` is where tags are
    digest: int
    """xxh3-64 of the redacted payload."""
    re: int = 0
    deadline: int = 0
    """Nanoseconds since the epoch; 0 for none."""
    chain: tuple[str, ...] = ()
    origin: str = ""


class Odd(Command, frozen=True, tag="odd"):
    """A record with strings that are no valid UTF-8: all its strings are escaped.

    See `strings.escape`. Only on disk; readers never see it.
    """

    body: Any
    """The record as msgpack has it, tag first."""


CommandRecord = Sent | StartEffect | CancelEffect | StartTimer | CancelTimer | Log | FinishTurn
"""A command as the journal has it."""


class Opened(msgspec.Struct, array_like=True, frozen=True, tag="opened"):
    """From here on the entry's cell number, in this file, stands for an address."""

    address: str
    epoch: int = 0
    """How often the agent has moved or been restored; the later one is right about a step."""


class Handled(msgspec.Struct, array_like=True, frozen=True, tag="handled"):
    """Everything that handling the step's event issued, in order; may be empty."""

    commands: list[CommandRecord | Odd]


EventRecord = (
    Started
    | Delivered
    | EffectFinished
    | EffectFailed
    | EffectStreamed
    | TimerFired
    | Cancelled
    | Stopped
)
"""An event as the journal has it: the same classes, large payloads behind `blob`."""

Body = EventRecord | Handled | Opened


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One record of a log file."""

    cell: int
    """Number of the cell, local to the file."""
    step: int
    """Count of the cell's events before this one: the first event is step 0."""
    body: EventRecord | Handled | Opened | Odd


class Step(msgspec.Struct, frozen=True):
    """One event of an agent, and what handling it issued."""

    number: int
    """0-based."""
    event: EventRecord
    commands: tuple[CommandRecord, ...] = ()
    handled: bool = True
    """False when the journal ends before the step's commands: the host died in between."""


class Recorded(msgspec.Struct, frozen=True):
    """One event or command, with its place in the run."""

    address: str
    step: int
    index: int
    """Place within the step: 0 is the event, its commands follow from 1."""
    at: int
    """Logical time of the step's event, in nanoseconds since the epoch."""
    body: EventRecord | CommandRecord


def kind_of(body: EventRecord | CommandRecord) -> str:
    """Return the name of a record's kind: `delivered`, `sent`, ..."""
    return cast("str", body.__struct_config__.tag)


EVENT_KINDS = frozenset(each.__struct_config__.tag for each in get_args(EventRecord))
"""The kinds of events; all others are kinds of commands."""
