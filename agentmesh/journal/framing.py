"""The byte layout of a log file.

    prelude   magic (18) · version u32 · length of header u32 · salt u64 · CRC32C u32
    header    msgpack (`LogHeader`) · CRC32C u32
    frame     marker (4) · length u32 · offset u64 · CRC32C u32 · records: one msgpack array
    ...
    end       a frame with an empty array: the writer closed the file

Numbers are little endian. The prelude keeps its layout in all versions, so that any
reader can name a version it does not know.

A frame's checksum covers its records and its offset in the file, and is seeded with the
file's salt: a frame that was moved is seen to be, and one that is part of a payload is
none. That makes a search for frames behind a damaged place reliable: where one is found,
wherever it was, the place is damage; where none is, it is a torn tail.
"""

import struct
from typing import cast

import google_crc32c
import msgspec

from agentmesh.errors import JournalVersionError
from agentmesh.journal.records import JOURNAL_VERSION

MAGIC = b"agentmesh-journal\n"
MARKER = b"\xc1AMf"
"""Starts a frame. 0xc1 is the one byte that msgpack never uses."""

RECORDS_MAX = 1 << 30
"""Bytes of records a frame may have. Anything longer is nonsense."""

_PRELUDE = struct.Struct("<18sIIQ")
_FRAME = struct.Struct("<4sIQI")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_ARRAY = struct.Struct(">BI")
_ARRAY_32 = 0xDD

PRELUDE_SIZE = _PRELUDE.size + _U32.size
FRAME_SIZE = _FRAME.size
ARRAY_SIZE = _ARRAY.size
HEADER_MAX = 1 << 16


class LogHeader(msgspec.Struct):
    """What a log file says about itself."""

    run: str
    """Id of the run."""
    host: str
    """Name of the process that wrote it."""
    number: int
    """Counts the files of one host."""
    created_at_ns: int
    agentmesh: str = ""
    """Version of the package that wrote it."""
    incarnation: int = 1
    """Which life of the host wrote it."""
    after: dict[str, int] = {}
    """Where earlier lives end: names of their logs, and how many bytes of each count."""
    base: str = ""
    """Name of the snapshot that this life started from; empty for none."""


class Layout(msgspec.Struct, frozen=True):
    """The start of a log file, read."""

    header: LogHeader
    seed: int
    """The checksum's seed: from the file's salt."""
    start: int
    """Offset of the first frame."""


class Broken(Exception):  # noqa: N818 - never leaves the package
    """Bytes are not what they should be; says why."""


class Short(Exception):  # noqa: N818 - never leaves the package
    """The file ends before its header does."""


def checksum(data: bytes, seed: int = 0) -> int:
    """Return CRC32C."""
    return cast("int", google_crc32c.extend(seed, data))


def write_start(header: LogHeader, salt: int) -> bytes:
    """Return prelude and header."""
    body = msgspec.msgpack.encode(header)
    prelude = _PRELUDE.pack(MAGIC, JOURNAL_VERSION, len(body), salt)
    return b"".join((prelude, _U32.pack(checksum(prelude)), body, _U32.pack(checksum(body))))


def read_start(data: bytes, name: str) -> Layout:
    """Read prelude and header.

    Args:
        data: The first bytes of a file, at least `PRELUDE_SIZE + HEADER_MAX` if it has them.
        name: The file's path, for errors.

    Raises:
        Short: The file ends too early: its writer died at once.
        Broken: It is damaged, or no journal.
        JournalVersionError: Another version wrote it.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise Broken("it does not start like a journal")
    if len(data) < PRELUDE_SIZE:
        raise Short
    _, version, length, salt = _PRELUDE.unpack_from(data)
    if checksum(data[: _PRELUDE.size]) != _U32.unpack_from(data, _PRELUDE.size)[0]:
        raise Broken("the checksum of its first bytes is wrong")
    if version != JOURNAL_VERSION:
        raise _unknown_version(name, version)
    if length > HEADER_MAX:
        raise Broken("its header claims a nonsense length")
    end = PRELUDE_SIZE + length
    if len(data) < end + _U32.size:
        raise Short
    body = data[PRELUDE_SIZE:end]
    if checksum(body) != _U32.unpack_from(data, end)[0]:
        raise Broken("the checksum of its header is wrong")
    try:
        header = msgspec.msgpack.decode(body, type=LogHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken(f"its header can't be read: {error}") from error
    return Layout(header=header, seed=seed_of(salt), start=end + _U32.size)


def seed_of(salt: int) -> int:
    """Return the seed of a file's checksums."""
    return checksum(_U64.pack(salt))


def frame_checksum(records: bytes, seed: int, offset: int) -> int:
    """Return the checksum of a frame at an offset of its file."""
    placed = google_crc32c.extend(seed, _U64.pack(offset))  # twice as fast as `checksum`
    crc: int = google_crc32c.extend(placed, records)
    return crc


def pack_frame(records: bytes, seed: int, offset: int) -> bytes:
    """Return a frame, as it stands at an offset of its file."""
    crc = frame_checksum(records, seed, offset)
    return _FRAME.pack(MARKER, len(records), offset, crc) + records


def unpack_frame_head(head: bytes) -> tuple[int, int, int]:
    """Return length, offset and checksum of a frame.

    Raises:
        Broken: It is no frame, or claims a nonsense length.
    """
    if len(head) < FRAME_SIZE:
        raise Broken("the file ends within the start of a frame")
    marker, size, offset, crc = _FRAME.unpack(head)
    if marker != MARKER:
        raise Broken("no frame starts here")
    if not ARRAY_SIZE <= size <= RECORDS_MAX:
        raise Broken(f"a frame claims the nonsense length {size}")
    return size, offset, crc


def pack_array_head(count: int) -> bytes:
    """Return what stands before so many msgpack values to make them one array."""
    return _ARRAY.pack(_ARRAY_32, count)


def _unknown_version(name: str, version: int) -> JournalVersionError:
    return JournalVersionError(
        f"{name} has journal version {version}; this agentmesh reads version {JOURNAL_VERSION}.",
        cause="Another version of agentmesh recorded the run.",
        fix=(
            "Install the version of agentmesh that run.json names, or a newer one."
            if version > JOURNAL_VERSION
            else "Install the version of agentmesh that run.json names."
        ),
        file=name,
        version=version,
    )
