"""What travels between two hosts: a header and a batch of envelopes, as msgpack.

A frame belongs to one *session*: a pair of incarnations, one of each host. Numbers
count the messages of one ordered pair of hosts from 1, anew in each session. A frame
says something about both directions at once: it carries messages in its own, and
acknowledges those of the other.
"""

import msgspec

from agentmesh.errors import InternalError
from agentmesh.journal import strings
from agentmesh.kernel.envelope import Envelope


class Frame(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One transmission from one host to another."""

    src: str
    """Name of the sending host."""
    src_incarnation: int
    """Which of its lives it is in: 1 for the first."""
    dst: str
    """Name of the receiving host."""
    dst_incarnation: int
    """Which life of the receiver the sender talks to."""
    ack: int
    """All messages of the other direction up to this number are journaled by the sender."""
    credit: int
    """Messages of the other direction up to this number may be sent."""
    first: int
    """Number of the first envelope; of the next one to come if there are none."""
    envelopes: list[Envelope] = []
    """Messages with consecutive numbers."""
    rewind: bool = False
    """The sender may have lost what it was sent: everything after `ack` is to come again."""
    gates: int = 0
    """Counts how often `full` has changed in this life of the sender: the highest is right."""
    full: list[str] = []
    """Agents of the sender that can't keep up: whoever sends to them should pause."""


class _Odd(msgspec.Struct, array_like=True, frozen=True, tag="odd", gc=False):
    """A frame that has strings which are no valid UTF-8: all its strings are escaped."""

    body: object


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Frame)
_ODD_DECODER = msgspec.msgpack.Decoder(_Odd)


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes; lone surrogates in its strings survive."""
    try:
        return _ENCODER.encode(frame)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(frame, builtin_types=(bytes,))
        return _ENCODER.encode(_Odd(strings.map_strings(plain, strings.escape)))


def decode(data: bytes) -> Frame:
    """Return the frame that `encode` wrote.

    Raises:
        InternalError: It is none: the two hosts run different versions of agentmesh.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError:
        return _decode_odd(data)
    except msgspec.DecodeError as error:
        raise _unreadable(error) from error


def _decode_odd(data: bytes) -> Frame:
    try:
        plain = strings.map_strings(_ODD_DECODER.decode(data).body, strings.unescape)
        return msgspec.convert(plain, type=Frame, builtin_types=(bytes,))
    except (msgspec.DecodeError, TypeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> InternalError:
    return InternalError(
        f"A host sent something that is no frame: {error}.",
        cause="Usually two hosts of the run have different versions of agentmesh installed.",
        fix="Install the same version on all nodes of the cluster.",
    )
