"""The reader of one log file: streaming, tolerant of a torn tail and of nothing else.

A writer that was killed, or whose disk was full, leaves part of a frame at the end. The
file reads cleanly up to it (`torn_at`). Wherever valid frames follow a place that
can't be read, the place is damage, reported with file and offset and never skipped.

A file may still be written while it is read: what is not complete yet looks torn.
"""

from collections.abc import Iterator
from typing import BinaryIO, cast

import msgspec

from agentmesh.errors import JournalDamagedError
from agentmesh.journal import framing
from agentmesh.journal.encoding import even
from agentmesh.journal.framing import Broken, LogHeader, Short
from agentmesh.journal.records import (
    Body,
    CommandRecord,
    Entry,
    EventRecord,
    Handled,
    Odd,
    Opened,
)

_SEARCH_BYTES = 1 << 20


class Place(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An entry whose body has not been decoded."""

    cell: int
    step: int
    body: msgspec.Raw


_PLACES = msgspec.msgpack.Decoder(list[Place])
_BODY = msgspec.msgpack.Decoder(EventRecord | Handled | Opened | Odd)
_RECORD = msgspec.msgpack.Decoder(EventRecord | CommandRecord | Odd)
_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


class LogReader:
    """Reads one log file from its start.

    Args:
        file: Opened for reading, with seeking. Stays open; `close` closes it.
        name: Its path, for errors.
        limit: How many bytes of it count; all for None.

    Raises:
        JournalDamagedError: The file does not start like a journal.
        JournalVersionError: Another version wrote it.

    Attributes:
        header: What the file says about itself; None if it ends before its header does.
        torn_at: Offset of a torn tail; None if there is none, or it was not reached yet.
        complete: Whether the writer closed the file; known at the end of an iteration.
    """

    def __init__(self, file: BinaryIO, name: str, limit: int | None = None) -> None:
        self.name = name
        self._limit = limit
        self.header: LogHeader | None = None
        self.torn_at: int | None = None
        self.complete = False
        self._file = file
        self._seed = 0
        self._start = 0
        self._read_start()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Entry]:
        """Yield all entries, in the order in which they were written.

        Raises:
            JournalDamagedError: Part of the file can't be read.
        """
        for offset, records in self.frames():
            for place in self.places(offset, records):
                yield Entry(place.cell, place.step, self.body(offset, bytes(place.body)))

    def frames(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield the offset and the records of each frame; sets `torn_at` and `complete`.

        Args:
            start: The offset of the first frame that is wanted; 0 for the first of all.

        Raises:
            JournalDamagedError: Something that is no frame stands before one.
        """
        self.torn_at, self.complete = None, False
        if self.header is None:
            self.torn_at = 0
            return
        offset = start or self._start
        while head := self._at(offset, framing.FRAME_SIZE):
            try:
                records = self._frame(offset, head)
            except Broken as problem:
                self._check_nothing_behind(offset, str(problem))
                self.torn_at = offset
                return
            self.complete = len(records) == framing.ARRAY_SIZE
            if not self.complete:
                yield offset, records
            offset += framing.FRAME_SIZE + len(records)

    def places(self, offset: int, records: bytes) -> list[Place]:
        """Split a frame into its entries.

        Raises:
            JournalDamagedError: It is no sequence of entries.
        """
        try:
            return _PLACES.decode(records)
        except _DECODE_ERRORS as error:
            raise self._damaged(offset, f"its records can't be read: {error}") from error

    def body(self, offset: int, raw: bytes) -> Body:
        """Decode the body of an entry in the frame at an offset.

        Raises:
            JournalDamagedError: It is no record of this version.
        """
        try:
            return decode_body(raw)
        except _DECODE_ERRORS as error:
            raise self._damaged(offset, f"a record can't be read: {error}") from error

    def _read_start(self) -> None:
        data = self._at(0, framing.PRELUDE_SIZE + framing.HEADER_MAX + 4)
        try:
            layout = framing.read_start(data, self.name)
        except Short:
            return
        except Broken as problem:
            raise self._damaged(0, str(problem)) from None
        self.header, self._seed, self._start = layout.header, layout.seed, layout.start

    def _frame(self, offset: int, head: bytes) -> bytes:
        records, stated = self._any_frame(offset, head)
        if stated != offset:
            raise Broken(f"a frame that was written at byte {stated} is here")
        return records

    def _any_frame(self, offset: int, head: bytes) -> tuple[bytes, int]:
        """Return the records of a frame of this file, and the offset it was written at."""
        size, stated, crc = framing.unpack_frame_head(head)
        records = self._at(offset + framing.FRAME_SIZE, size)
        if len(records) < size:
            raise Broken("the file ends within a frame")
        if framing.frame_checksum(records, self._seed, stated) != crc:
            raise Broken("the checksum of a frame is wrong")
        return records, stated

    def _check_nothing_behind(self, offset: int, problem: str) -> None:
        """Tell damage from a torn tail: behind damage there are valid frames."""
        keep = len(framing.MARKER) - 1
        base, data = offset, self._at(offset, _SEARCH_BYTES)
        while len(data) > keep:
            found = data.find(framing.MARKER)
            while found >= 0:
                if self._is_frame(base + found):
                    raise self._damaged(offset, f"{problem}, and more frames follow")
                found = data.find(framing.MARKER, found + 1)
            base += len(data) - keep
            data = self._at(base, _SEARCH_BYTES)

    def _is_frame(self, offset: int) -> bool:
        try:
            self._any_frame(offset, self._at(offset, framing.FRAME_SIZE))
        except Broken:
            return False
        return True

    def _at(self, offset: int, size: int) -> bytes:
        if self._limit is not None:
            size = max(0, min(size, self._limit - offset))
        self._file.seek(offset)
        return self._file.read(size)

    def _damaged(self, offset: int, problem: str) -> JournalDamagedError:
        return damaged(self.name, offset, problem)


def decode_body(raw: bytes) -> Body:
    """Decode an event, the commands of a step, or the announcement of a cell.

    Raises:
        ValueError: It is no record of this version.
    """
    body: Body | Odd = _BODY.decode(raw)
    if isinstance(body, Odd):
        return cast("EventRecord | Opened", even(body, EventRecord | Opened))
    if isinstance(body, Handled):
        commands = body.commands
        for index, command in enumerate(commands):
            if isinstance(command, Odd):
                commands[index] = cast("CommandRecord", even(command, CommandRecord))
    return body


def decode_record(raw: bytes) -> EventRecord | CommandRecord:
    """Decode a single event or command.

    Raises:
        ValueError: It is no record of this version.
    """
    record: EventRecord | CommandRecord | Odd = _RECORD.decode(raw)
    if isinstance(record, Odd):
        return cast("EventRecord | CommandRecord", even(record, EventRecord | CommandRecord))
    return record


def damaged(name: str, offset: int, problem: str) -> JournalDamagedError:
    """Return the error for a damaged place of a file."""
    return JournalDamagedError(
        f"The journal {name} is damaged at byte {offset}: {problem}.",
        cause="Usually the disk or a copy went wrong, or something else wrote to the file.",
        fix="Get the file again from where it was recorded; agentmesh never skips a part.",
        file=name,
        offset=offset,
    )
