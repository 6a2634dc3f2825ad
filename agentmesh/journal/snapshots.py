"""Snapshots of a host: what a successor needs instead of all the logs before.

A snapshot is one file, `snapshots/<host>-<n>.log`, in the layout of a log. It stands for
everything before the host's log number `n`. It has, for each agent, its cell at rest; or,
for an agent in the middle of a turn, the latest rest there was and the events since then,
carried along from snapshot to snapshot until it rests again. One that always has something to
do rests between two turns, in the middle of an event. And it has the messages that
had been sent and that nobody was known to have journaled.

A snapshot without its end frame does not exist for readers.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import msgspec

from agentmesh.errors import JournalError
from agentmesh.journal import framing
from agentmesh.journal.encoding import even, odd
from agentmesh.journal.files import sync_folder
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.reading import LogReader, damaged, decode_record
from agentmesh.journal.records import EventRecord, Odd
from agentmesh.kernel.events import Delivered
from agentmesh.kernel.snapshot import CellSnapshot


class CellImage(msgspec.Struct, array_like=True, tag="cell"):
    """One agent in a snapshot of its host."""

    address: str
    steps: int
    """Events it had handled: the number of its next step."""
    rest: CellSnapshot | None
    """Its latest rest that is known; None if it was never at rest."""
    carried: list[bytes]
    """Its events since then, as they are journaled."""
    seen: dict[str, int]
    """By sender: the number of the latest message it was delivered."""
    unhandled: int = 0
    """How many of `carried`, at its end, it had not handled: it was held for somebody."""
    waiting: list[bytes] = []
    """What was in its mailbox, if the rest is a pause between two turns in the middle of an event:
    deliveries, as they are journaled. What the event led to after that is not in `carried`."""

    def events(self) -> Iterator[EventRecord]:
        """Yield its events since the rest."""
        for raw in self.carried:
            yield cast("EventRecord", self._decoded(raw))

    def mailbox(self) -> Iterator[Delivered]:
        """Yield what was in its mailbox at the rest."""
        for raw in self.waiting:
            yield cast("Delivered", self._decoded(raw))

    def _decoded(self, raw: bytes) -> object:
        try:
            return decode_record(raw)
        except (ValueError, msgspec.DecodeError) as error:
            name = f"snapshot of {self.address or 'a host'}"
            raise damaged(name, 0, f"an event in it can't be read: {error}") from error


class FlightImage(msgspec.Struct, array_like=True, tag="flight"):
    """Messages that were under way, as deliveries are journaled."""

    deliveries: list[bytes]


Image = CellImage | FlightImage

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[CellImage | FlightImage | Odd])
_FRAME_BYTES = 1 << 20


def write_snapshot(
    path: Path, header: LogHeader, images: Iterable[Image], *, durable: bool = False
) -> int:
    """Write a snapshot, complete or not at all; return its size in bytes.

    Raises:
        JournalError: It can't be written; nothing is there then.
    """
    beside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            salt = int.from_bytes(os.urandom(8), "little")
            seed = framing.seed_of(salt)
            file.write(framing.write_start(header, salt))
            offset = file.tell()
            for records in _frames(images):
                offset += file.write(framing.pack_frame(records, seed, offset))
            file.write(framing.pack_frame(framing.pack_array_head(0), seed, offset))
            size = file.tell()
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise JournalError(
            f"The snapshot {path} can't be written: {error.strerror or error}.",
            cause="Usually the disk or a quota is full.",
            fix="Make room; nothing is lost: the logs have everything.",
            file=str(path),
        ) from error
    return size


def read_header(path: Path) -> LogHeader | None:
    """Return what a snapshot or log says of itself; None if it ends before that."""
    with path.open("rb") as file:
        return LogReader(file, str(path)).header


def read_snapshot(path: Path) -> Iterator[Image]:
    """Yield what is in a snapshot.

    Raises:
        JournalDamagedError: It is damaged.
    """
    with path.open("rb") as file:
        reader = LogReader(file, str(path))
        for offset, records in reader.frames():
            try:
                found = _DECODER.decode(records)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise damaged(str(path), offset, f"an image can't be read: {error}") from error
            for each in found:
                yield cast("Image", even(each, Image)) if isinstance(each, Odd) else each
        if not reader.complete:
            size = file.seek(0, os.SEEK_END)
            raise damaged(str(path), size, "the snapshot ends before its end")


def _frames(images: Iterable[Image]) -> Iterator[bytes]:
    held, count = bytearray(), 0
    for image in images:
        held += _encoded(image)
        count += 1
        if len(held) >= _FRAME_BYTES:
            yield framing.pack_array_head(count) + held
            held, count = bytearray(), 0
    if count:
        yield framing.pack_array_head(count) + held


def _encoded(image: Image) -> bytes:
    try:
        return _ENCODER.encode(image)
    except UnicodeEncodeError:
        return _ENCODER.encode(odd(image))
