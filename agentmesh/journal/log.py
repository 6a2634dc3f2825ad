"""The writer of a journal: one append-only file per host, one write a tick.

Records collect in memory until `write` or `commit` appends all of them as one frame with
one write. The host decides when: it writes a round's events before it handles them
(write-ahead), and commits before anything leaves the process (output commit).

With durability "disk" only `commit` waits for the disk, once for everything written since
the last time: what is lost with the machine before that has had no effect outside. So a
step that waits for the one before costs one `fdatasync`, and a hundred at once cost one.

A write that fails is taken back, so that nothing is ever written behind half a frame.
The records stay in memory, and the next `commit` tries them again: a full disk stops a
run, and loses nothing.

Not thread-safe: one thread, the host's loop, writes.
"""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from agentmesh.errors import JournalError
from agentmesh.journal import framing
from agentmesh.journal.encoding import BodyEncoder, handled, odd
from agentmesh.journal.files import sync_folder
from agentmesh.journal.lineage import Life
from agentmesh.journal.records import Entry, Handled, Opened
from agentmesh.kernel.commands import Command
from agentmesh.kernel.events import Event

Durability = Literal["process", "disk"]
"""What a committed record survives: the end of the process, or also that of the machine.
What is only written survives the end of the process."""

COMMIT_BYTES = 16 << 20
"""Records are written early when there are more: earlier is always safe."""

_EMPTY = framing.pack_array_head(0)


class LogWriter:
    """Appends what cells consume and issue to one new file.

    Args:
        path: The file; it must not exist yet. Its folder is made.
        encoder: Redacts, and knows the blob store.
        run: Id of the run.
        host: Name of the writing process.
        number: Counts the files of this host.
        life: What came before this life of the host; None for the first.
        durability: Whether `commit` waits for the disk.
        on_close: Called with the path when the file is complete.

    Raises:
        JournalError: The file can't be made.
    """

    def __init__(
        self,
        path: str | Path,
        encoder: BodyEncoder,
        *,
        run: str = "",
        host: str = "",
        number: int = 0,
        life: Life | None = None,
        durability: Durability = "process",
        on_close: Callable[[Path], None] | None = None,
        version: str = "",
    ) -> None:
        self.path = Path(path)
        self.durability = durability
        self._encoder = encoder
        self._on_close = on_close
        self._event_record = encoder.event_record
        self._command_record = encoder.command_record
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._cells: dict[str, int] = {}
        self._pending = bytearray()
        self._count = 0
        self._broken = ""
        self._closed = False
        life = life if life is not None else Life()
        self._epoch = life.incarnation - 1
        self.header = framing.LogHeader(
            run, host, number, 0, version, life.incarnation, life.after, life.base
        )
        self._fd, self._seed, self._offset = -1, 0, 0
        self._unsynced = False
        self._begin()

    def roll(self, path: Path, number: int) -> None:
        """Commit, mark the file as complete, and go on in a new one.

        Args:
            path: The new file; it must not exist yet.
            number: Its number.

        Raises:
            JournalError: The new file can't be made; the old one goes on.
        """
        self.commit()
        before, descriptor, header = self.path, self._fd, self.header
        seed, offset = self._seed, self._offset
        end = framing.pack_frame(_EMPTY, seed, offset)
        self.path = path
        self.header = framing.LogHeader(
            header.run, header.host, number, 0, header.agentmesh, header.incarnation
        )
        try:
            self._begin()
        except JournalError:
            if self._fd != descriptor:
                os.close(self._fd)
                path.unlink(missing_ok=True)
            self.path, self._fd, self.header = before, descriptor, header
            self._seed, self._offset, self._broken = seed, offset, ""
            raise
        self._cells = {}
        with contextlib.suppress(OSError):  # a file without its end reads just as well
            os.write(descriptor, end)
        os.close(descriptor)
        if self._on_close is not None:
            self._on_close(before)

    def _begin(self) -> None:
        """Make the file and write its start."""
        salt = secrets.randbits(64)
        self.header.created_at_ns = time.time_ns()
        start = framing.write_start(self.header, salt)
        self._fd = self._create()
        self._seed = framing.seed_of(salt)
        self._offset = 0
        self._append(start)

    @property
    def size(self) -> int:
        """Bytes in the file: all of them are complete frames."""
        return self._offset

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._fd

    def open_cell(self, address: str, epoch: int | None = None) -> None:
        """Announce an agent; one that was not announced is when its first record comes.

        Args:
            address: The agent.
            epoch: How often it has moved here or been restored before; as often as its
                host, if nothing is said. Where several files have the same step, the one
                of the highest epoch counts.
        """
        if address not in self._cells:
            self._cells[address] = len(self._cells)
            number = self._epoch if epoch is None else epoch
            self._add(Entry(self._cells[address], 0, Opened(address, number)))

    def event(self, address: str, step: int, event: Event) -> None:
        """Add an event, which must be written before the cell handles it.

        Raises:
            JournalError: A large payload could not be stored; nothing was added.
        """
        record = self._event_record(event)
        if address not in self._cells:
            self.open_cell(address)
        self._add(Entry(self._cells[address], step, record))

    def commands(self, address: str, step: int, commands: Sequence[Command]) -> None:
        """Add all that handling an event issued; also when that is nothing.

        Raises:
            JournalError: A large request could not be stored; nothing was added.
        """
        to_record = self._command_record
        records = Handled([to_record(command) for command in commands])
        if address not in self._cells:
            self.open_cell(address)
        self._add(Entry(self._cells[address], step, records))

    def commit(self) -> None:
        """Write, and with durability "disk" wait until all that was written is on the disk.

        Raises:
            JournalError: As of `write` and `sync`.
        """
        self.write()
        if self._unsynced and self.durability == "disk":
            self.sync()

    def write(self) -> None:
        """Append everything added since the last time, with one write.

        Raises:
            JournalError: It could not be written. The file is as it was before, the
                records are kept, and this may be tried again.
        """
        if not self._count:
            return
        records = framing.pack_array_head(self._count) + self._pending
        self._append_frame(records)
        self._pending.clear()
        self._count = 0

    def sync(self) -> None:
        """Wait until everything written is on the disk.

        Raises:
            JournalError: The disk failed; the file takes no more records.
        """
        try:
            os.fdatasync(self._fd)
            self._unsynced = False
        except OSError as error:
            # What the kernel did with the pages is unknown now: only a new file is safe.
            self._broken = str(error)
            raise self._failed(error, retry=False) from error

    def close(self) -> None:
        """Commit, mark the file as complete, and close it. Does nothing the second time.

        Raises:
            JournalError: The last records could not be written; the file is closed.
        """
        if self._closed:
            return
        try:
            if not self._broken:
                self.write()
                self._append_frame(_EMPTY)
                self.commit()
        finally:
            self._closed = True
            os.close(self._fd)
        if self._on_close is not None:
            self._on_close(self.path)

    def abandon(self) -> None:
        """Close the file as it is, without what is not committed: as a crash would."""
        if not self._closed:
            self._closed = True
            os.close(self._fd)

    def _add(self, entry: Entry) -> None:
        pending = self._pending
        size = len(pending)
        try:
            self._encode_into(entry, pending, -1)
        except UnicodeEncodeError:
            del pending[size:]
            self._encode_into(_escaped(entry), pending, -1)
        except BaseException:
            del pending[size:]  # half a record must not be written
            raise
        self._count += 1
        if size > COMMIT_BYTES:
            self.write()

    def _create(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number = os.open(self.path, flags, 0o666)
            if self.durability == "disk":
                sync_folder(self.path.parent)
        except OSError as error:
            raise JournalError(
                f"The journal file {self.path} can't be made: {error.strerror or error}.",
                cause="Usually the folder is read-only or full, or the file exists already.",
                fix="Check the folder, or choose another store.",
                file=str(self.path),
            ) from error
        return number

    def _append_frame(self, records: bytes) -> None:
        self._append(framing.pack_frame(records, self._seed, self._offset))

    def _append(self, data: bytes) -> None:
        if self._broken or self._closed:
            reason = self._broken or "it is closed"
            raise self._failed(OSError(errno.EBADF, reason), retry=False)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            retry = self._take_back(error)
            raise self._failed(error, retry=retry) from error
        self._offset += len(data)
        self._unsynced = True

    def _take_back(self, error: OSError) -> bool:
        """Remove half a frame; say whether the file can take another."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._offset)
            return True
        self._broken = f"half a frame could not be removed after: {error}"
        return False

    def _failed(self, error: OSError, *, retry: bool) -> JournalError:
        what = f"The journal file {self.path} can't be written: {error.strerror or error}."
        safe = f"Its first {self._offset} bytes are complete and safe."
        return JournalError(
            f"{what} {safe}",
            cause="Usually the disk or a quota is full, or the disk fails.",
            fix=(
                "Make room; nothing is lost: the run can go on, or be resumed."
                if retry
                else "Make room or change the disk, then resume the run; it writes a new file."
            ),
            file=str(self.path),
            safe_bytes=self._offset,
            retry=retry,
        )


def _escaped(entry: Entry) -> Entry:
    body = entry.body
    if isinstance(body, Handled):
        return Entry(entry.cell, entry.step, handled(body.commands))  # type: ignore[arg-type]
    return Entry(entry.cell, entry.step, odd(body))
