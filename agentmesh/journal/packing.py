"""A run as one file, `run.mesh`: a zip that anybody can look into, and nobody need unpack.

    run.json                what is known about the run, as in its directory
    events.parquet          the sealed run
    blobs/<2 hex>/<...>.zst its large payloads, sorted by name

Everything is stored, never compressed: what is large is compressed already. So a reader takes
each file where it lies, and a pack can't unpack to more than it is. Times, modes and the
order are fixed: the same run gives the same bytes. `unzip run.mesh -d folder` makes a run's
directory, and so does `agentmesh import`, in a store.

Theory of operation. A pack comes from somebody else. Only the names above are allowed, each
once; a link, a compressed or encrypted entry, one that lies outside of the file or in
another, or too many of them, and the whole pack is refused before anything in it is read.
Nothing is written to the disk, so that a name can't lead anywhere. What is in the entries is
the business of whoever reads them: to them a pack is one more `Files`, which can't be written.

Knows names and bytes; knows no record.
"""

import errno
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, NoReturn, cast

from agentmesh.errors import JournalDamagedError
from agentmesh.journal.places import BLOBS, INFO, SEALED, unusable

SUFFIX = ".mesh"
ENTRIES_MAX = 100_000
"""Entries a pack may have: each large payload is one."""
INFO_MAX = 64 << 20
"""Bytes of `run.json`."""

_DIRECTORY_MAX = 16 << 20
"""Bytes of a zip's table of contents: what is read of a zip before anything is known of it."""
_BLOB = re.compile(BLOBS + r"/([0-9a-f]{2})/\1[0-9a-f]{62}\.zst")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_LOCAL_MARK = b"PK\3\4"
_ENCRYPTED = 1
_FILE_TYPE_SHIFT, _LINK = 28, 0o12
_WRITTEN_AT = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_ON_UNIX = 3
_COPY_BYTES = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    EOFError,
    MemoryError,
    IndexError,
)
"""What the standard library raises for zips that are none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a file lies in a pack."""

    start: int
    size: int
    crc: int


class PackedFiles:
    """The files of a pack, to be read where they lie.

    Args:
        path: The pack.

    Raises:
        JournalDamagedError: It is no pack, or a damaged one.
        StoreError: It can't be read.
    """

    local = False
    foreign = True

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with Path(path).open("rb") as file:
                self.entries = _entries_of(file, self.path)
        except OSError as error:
            raise unusable(self.path, "can't be read", error) from error

    def read(self, path: str) -> bytes:
        """Return a file's content, checked against its checksum."""
        entry = self._entry(path)
        with Path(self.path).open("rb") as file:
            file.seek(entry.start)
            data = file.read(entry.size)
        if len(data) < entry.size or zlib.crc32(data) != entry.crc:
            raise refused(self.path, f"the checksum of {self._name(path)} is wrong")
        return data

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading, with seeking."""
        import pyarrow as pa

        entry = self._entry(path)
        # Arrow reads what is mapped by itself: a Python file object would have to outlive its
        # threads. A pack is replaced as a whole, never written to, so that it stays mapped.
        with pa.memory_map(self.path) as mapped:
            if mapped.size() < entry.start + entry.size:
                raise refused(self.path, "it has become shorter")
            mapped.seek(entry.start)
            return cast("BinaryIO", pa.BufferReader(mapped.read_buffer(entry.size)))

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        name = self._name(path)
        return name in self.entries or any(each.startswith(f"{name}/") for each in self.entries)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it does not exist."""
        name = self._name(folder)
        before = f"{name}/" if name else ""
        inside = (each for each in self.entries if each.startswith(before))
        return sorted({each.removeprefix(before).partition("/")[0] for each in inside})

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        return self._entry(path).size

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Refuse: a pack is not written to."""
        del data, durable
        _read_only(path)

    def create(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Refuse: a pack is not written to."""
        del data, mode
        _read_only(path)

    def upload(self, local: Path, path: str) -> None:
        """Refuse: a pack is not written to."""
        del local
        _read_only(path)

    def building(self, path: str) -> AbstractContextManager[Path]:
        """Refuse: a pack is not written to."""
        _read_only(path)

    def remove(self, path: str) -> None:
        """Refuse: a pack is not written to."""
        _read_only(path)

    def _name(self, path: str) -> str:
        return path.removeprefix(self.path).lstrip("/")

    def _entry(self, path: str) -> Entry:
        found = self.entries.get(self._name(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found


def write_pack(path: Path, info: bytes, events: Path, blobs: Iterable[tuple[str, Path]]) -> None:
    """Write a pack.

    Args:
        path: Where; what is there is overwritten.
        info: The content of `run.json`.
        events: The sealed run, a local file.
        blobs: Names, sorted, as they are in a run's directory, and local files.

    Raises:
        OSError: A file can't be read or written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(_about(INFO), info)
        for name, source in _with_events(events, blobs):
            about = _about(name)
            about.file_size = source.stat().st_size
            with source.open("rb") as file, packed.open(about, "w") as target:
                while piece := file.read(_COPY_BYTES):
                    target.write(piece)


def _with_events(events: Path, blobs: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    yield SEALED, events
    yield from blobs


def _about(name: str) -> zipfile.ZipInfo:
    about = zipfile.ZipInfo(name, _WRITTEN_AT)
    about.create_system, about.external_attr = _ON_UNIX, _MODE
    return about


class _Bounded:
    """A file of which nobody can read much at once: a zip's table of contents is read whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(_DIRECTORY_MAX + 1 if size < 0 else min(size, _DIRECTORY_MAX + 1))
        if len(data) > _DIRECTORY_MAX:
            message = f"its table of contents has more than {_DIRECTORY_MAX:,} bytes"
            raise zipfile.BadZipFile(message)
        return data

    def seekable(self) -> bool:
        return True


def _entries_of(file: BinaryIO, path: str) -> dict[str, Entry]:
    """Return where the files of a pack lie, if it is one."""
    try:
        with zipfile.ZipFile(cast("IO[bytes]", _Bounded(file))) as packed:
            listed, end = packed.infolist(), packed.start_dir
            _check_listed(listed, path)
            entries = {each.filename: _entry_at(file, each, end, path) for each in listed}
    except _BROKEN as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise refused(path, f"it can't be read as a zip: {reason}") from error
    _check_places(entries, path)
    return entries


def _check_listed(listed: list[zipfile.ZipInfo], path: str) -> None:
    if len(listed) > ENTRIES_MAX:
        raise refused(path, f"it claims {len(listed):,} entries, and may have {ENTRIES_MAX:,}")
    names = [each.filename for each in listed]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise refused(path, f"it has {twice[:_SHOWN_MAX]!r} twice")
    for each in listed:
        problem = _problem_of(each)
        if problem:
            raise refused(path, f"{each.filename[:_SHOWN_MAX]!r} {problem}")
    for name in (INFO, SEALED):
        if name not in names:
            raise refused(path, f"it has no {name}")


def _problem_of(listed: zipfile.ZipInfo) -> str:
    """Say what forbids an entry; nothing if it may be in a pack."""
    if listed.filename not in (INFO, SEALED) and not _BLOB.fullmatch(listed.filename):
        return "is no name that a pack may have"
    if listed.orig_filename != listed.filename:
        return "has another name behind it"
    if listed.external_attr >> _FILE_TYPE_SHIFT == _LINK:
        return "is a link"
    if listed.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if listed.compress_type != zipfile.ZIP_STORED or listed.compress_size != listed.file_size:
        return "is compressed, which nothing in a pack is"
    if listed.filename == INFO and listed.file_size > INFO_MAX:
        return f"claims {listed.file_size:,} bytes"
    return ""


def _entry_at(file: BinaryIO, listed: zipfile.ZipInfo, end: int, path: str) -> Entry:
    """Return where the content of an entry lies, behind what stands before it."""
    offset, name = listed.header_offset, listed.filename
    file.seek(offset)
    head = file.read(_LOCAL.size)
    mark, *_, name_size, extra_size = _LOCAL.unpack(head)
    start = offset + _LOCAL.size + name_size + extra_size
    if mark != _LOCAL_MARK or file.read(name_size) != name.encode():
        raise refused(path, f"{name!r} is not where its table of contents says")
    if start + listed.file_size > end:
        raise refused(path, f"{name!r} claims {listed.file_size:,} bytes, which are not there")
    return Entry(start, listed.file_size, listed.CRC)


def _check_places(entries: dict[str, Entry], path: str) -> None:
    after = 0
    for name, entry in sorted(entries.items(), key=lambda each: (each[1].start, each[1].size)):
        if entry.start < after:
            raise refused(path, f"{name!r} lies in another entry")
        after = entry.start + entry.size


def refused(path: str, problem: str) -> JournalDamagedError:
    """Return the error for a pack that is not opened."""
    return JournalDamagedError(
        f"{path} is no run that `agentmesh export` wrote: {problem}.",
        cause="Usually it was cut short or changed on its way, or it is another kind of file.",
        fix="Get the file again from whoever exported it; nothing of it was opened.",
        file=path,
    )


def _read_only(path: str) -> NoReturn:
    raise OSError(errno.EROFS, "a packed run is not written to; import it first", path)


_SHOWN_MAX = 100
