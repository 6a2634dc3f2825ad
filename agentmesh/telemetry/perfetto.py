"""A run as a Perfetto trace: protocol buffers, a fifth of the size of the JSON.

A trace is a sequence of packets. The few fields that are used are written here by hand: they
are part of a format that is kept for good, and Perfetto's own package weighs more than agentmesh.
https://perfetto.dev/docs/reference/trace-packet-proto has the numbers.

A track for each type of agent has a track for each agent below it, and, where these overlap,
some more. Names are written once.
"""

import struct
from typing import IO, Any

from agentmesh.journal.run import Run
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.telemetry.drawing import Drawn, agents, lane_name, lanes_of
from agentmesh.telemetry.otlp import clean
from agentmesh.telemetry.span import Span

_SEQUENCE = 1
_BEGIN, _END, _INSTANT = 1, 2, 3
_BYTES, _FIXED, _VARINT = 2, 1, 0
_CLEARED = 1
_BOOT_CLOCK, _REAL_CLOCK = 6, 1
"""Packets have the time since the run began; one says when that was."""

# Fields of TracePacket, TrackEvent, TrackDescriptor and DebugAnnotation.
_PACKET = 1
_TIMESTAMP, _SEQUENCE_ID, _TRACK_EVENT, _SEQUENCE_FLAGS = 8, 10, 11, 13
_CLOCK_SNAPSHOT, _TRACK_DESCRIPTOR = 6, 60
_CLOCK, _CLOCK_ID, _CLOCK_TIME = 1, 1, 2
_ANNOTATIONS, _TYPE, _TRACK, _CATEGORY, _EVENT_NAME = 4, 9, 11, 22, 23
_FLOWS, _LAST_FLOWS = 47, 48
_UUID, _NAME, _PARENT = 1, 2, 5
_KEY, _BOOL, _INT, _DOUBLE, _STRING = 10, 2, 4, 5, 6


def write_perfetto(run: Run, file: IO[bytes]) -> int:
    """Write a run; return how many spans there are.

    Args:
        run: The run, open.
        file: Where to.

    Raises:
        JournalError: A file of the run is damaged.
    """
    tracks: dict[str, int] = {}
    count, next_track = 0, 1
    began_ns = run.info.created_at_ns
    file.write(_packet(_varint(_SEQUENCE_FLAGS, _CLEARED)))
    file.write(_packet(_field(_CLOCK_SNAPSHOT, _clocks(began_ns))))
    for address, drawn in agents(run):
        kind = agent_type_of(address)
        if kind not in tracks:
            tracks[kind] = next_track
            file.write(_track(next_track, kind))
            next_track += 1
        for lane in range(lanes_of(drawn)):
            file.write(_track(next_track + lane, lane_name(address, lane), tracks[kind]))
        for packet in _slices(drawn, next_track, began_ns):
            file.write(packet)
        next_track += lanes_of(drawn)
        count += len(drawn)
    return count


def _clocks(began_ns: int) -> bytes:
    both = ((_BOOT_CLOCK, 0), (_REAL_CLOCK, began_ns))
    return b"".join(
        _field(_CLOCK, _varint(_CLOCK_ID, clock) + _varint(_CLOCK_TIME, at)) for clock, at in both
    )


def _slices(drawn: list[Drawn], track: int, began_ns: int) -> list[bytes]:
    """Return the packets of an agent, by time: slices in a lane lie within each other."""
    found: list[tuple[tuple[int, int, int], bytes]] = []
    for order, each in enumerate(drawn):
        span, place = each.span, _varint(_TRACK, track + each.lane)
        # At one time: what ends, the innermost first; then what begins, the outermost first.
        found.append(((span.begin_ns, 1, order), _begin(each) + place))
        found += [((line.at_ns, 1, len(drawn)), _instant(line) + place) for line in span.events]
        ends = (0, -order) if span.end_ns > span.begin_ns else (1, order)
        found.append(((span.end_ns, *ends), _varint(_TYPE, _END) + place))
    found.sort(key=lambda one: one[0])
    return [_at(key[0] - began_ns, event) for key, event in found]


def _begin(drawn: Drawn) -> bytes:
    span: Span = drawn.span
    event = _varint(_TYPE, _BEGIN) + _text(_EVENT_NAME, span.name)
    event += _text(_CATEGORY, "failed" if span.failed else "span")
    if drawn.arrow_out:
        event += _fixed(_FLOWS, int.from_bytes(drawn.arrow_out))
    if drawn.arrow_in:
        event += _fixed(_LAST_FLOWS, int.from_bytes(drawn.arrow_in))
    return event + _annotations(drawn.details)


def _instant(line: Any) -> bytes:
    event = _varint(_TYPE, _INSTANT) + _text(_EVENT_NAME, line.name) + _text(_CATEGORY, "log")
    return event + _annotations(line.attributes)


def _annotations(details: dict[str, Any]) -> bytes:
    made = b""
    for name, value in details.items():
        made += _field(_ANNOTATIONS, _text(_KEY, name) + _annotated(value))
    return made


def _annotated(value: Any) -> bytes:
    if isinstance(value, bool):
        return _varint(_BOOL, int(value))
    if isinstance(value, int) and abs(value) < 1 << 63:
        return _varint(_INT, value & ((1 << 64) - 1))
    if isinstance(value, float):
        return _head(_DOUBLE, _FIXED) + struct.pack("<d", value)
    return _text(_STRING, value if isinstance(value, str) else ", ".join(map(str, value)))


def _track(uuid: int, name: str, parent: int = 0) -> bytes:
    described = _varint(_UUID, uuid) + _text(_NAME, name)
    if parent:
        described += _varint(_PARENT, parent)
    return _packet(_field(_TRACK_DESCRIPTOR, described))


def _at(time_ns: int, event: bytes) -> bytes:
    return _packet(_varint(_TIMESTAMP, max(time_ns, 0)) + _field(_TRACK_EVENT, event))


def _packet(content: bytes) -> bytes:
    return _field(_PACKET, content + _varint(_SEQUENCE_ID, _SEQUENCE))


def _text(number: int, text: str) -> bytes:
    return _field(number, clean(text).encode())


def _field(number: int, content: bytes) -> bytes:
    return _head(number, _BYTES) + _number(len(content)) + content


def _fixed(number: int, value: int) -> bytes:
    return _head(number, _FIXED) + struct.pack("<Q", value)


def _varint(number: int, value: int) -> bytes:
    return _head(number, _VARINT) + _number(value)


def _head(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
