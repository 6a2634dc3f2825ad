"""The writer: one write a commit, nothing behind half a frame, and nothing lost."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from agentmesh.errors import JournalError
from agentmesh.journal import log as log_module
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.log import LogWriter
from agentmesh.journal.reading import LogReader
from agentmesh.journal.records import Handled, Opened
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.events import Delivered, Started
from tests.journal.helpers import PLAIN, delivered, new_log


def read(path: Path) -> LogReader:
    """Open a log for reading."""
    return LogReader(path.open("rb"), str(path))


def bodies(path: Path) -> list[object]:
    """Return what is in a log."""
    reader = read(path)
    found: list[object] = [entry.body for entry in reader]
    reader.close()
    return found


def count_writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the size of each write from here on."""
    sizes: list[int] = []
    write = os.write

    def counted(number: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(number, data)

    monkeypatch.setattr(os, "write", counted)
    return sizes


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """An agent starts, gets a message and answers."""
    log = new_log(tmp_path)
    done = FinishTurn(1, "A/1#1", "done")
    log.event("B/1", 0, Started(1, "B/1", "s", 1))
    log.event("B/1", 1, delivered(2))
    log.commit()
    log.commands("B/1", 0, [])
    log.commands("B/1", 1, [done])
    log.close()
    reader = read(log.path)
    entries = list(reader)
    reader.close()

    assert [(entry.cell, entry.step) for entry in entries] == [(0, 0)] * 2 + [
        (0, 1),
        (0, 0),
        (0, 1),
    ]
    assert [type(entry.body) for entry in entries] == [Opened, Started, Delivered, Handled, Handled]
    assert entries[-1].body == Handled([done])
    assert (reader.complete, reader.torn_at) == (True, None)
    assert reader.header is not None
    assert (reader.header.run, reader.header.host) == ("r1", "h")


def test_a_commit_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick with a thousand messages costs one system call."""
    log = new_log(tmp_path)
    sizes = count_writes(monkeypatch)
    for step in range(1000):
        log.event("B/1", step, delivered(step))
    log.commit()

    assert len(sizes) == 1
    log.close()


def test_a_commit_of_nothing_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle host leaves its disk alone."""
    log = new_log(tmp_path)
    sizes = count_writes(monkeypatch)
    log.commit()
    log.commit()

    assert sizes == []
    log.close()


def test_what_is_not_committed_is_not_there(tmp_path: Path) -> None:
    """The host was killed within a tick."""
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    log.commit()
    log.event("B/1", 1, delivered(2))
    log.abandon()

    assert len([body for body in bodies(log.path) if isinstance(body, Delivered)]) == 1


def test_much_is_committed_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick with gigabytes does not need gigabytes of memory."""
    monkeypatch.setattr(log_module, "COMMIT_BYTES", 1000)
    log = new_log(tmp_path)
    start = log.size
    for step in range(100):
        log.event("B/1", step, delivered(step))

    assert log.size > start
    log.close()
    assert len(bodies(log.path)) == 101


def test_the_disk_is_waited_for_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """durability="disk": a record survives the machine."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = new_log(tmp_path, durability="disk")
    before = len(synced)
    log.event("B/1", 0, delivered(1))
    log.write()
    assert synced[before:] == []
    log.commands("B/1", 0, [])
    log.commit()
    assert synced[before:] == [log.fileno()]
    log.event("B/1", 1, delivered(2))
    log.write()
    log.commit()  # although nothing is left to be written
    assert synced[before:] == [log.fileno()] * 2
    log.commit()  # of nothing
    assert len(synced) == before + 2
    log.close()
    assert len(synced) == before + 3


def test_what_was_written_waits_for_the_disk_before_a_new_file_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later only the new file is waited for."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = new_log(tmp_path, durability="disk")
    log.commit()
    before, old = len(synced), log.fileno()
    log.event("B/1", 0, delivered(1))
    log.write()
    log.roll(tmp_path / "h-1.log", 1)

    assert synced[before:] == [old]
    log.close()


def test_a_file_that_exists_is_never_appended_to(tmp_path: Path) -> None:
    """Two hosts were given one name."""
    first = new_log(tmp_path)
    with pytest.raises(JournalError, match="exists"):
        LogWriter(first.path, BodyEncoder(PLAIN))
    first.close()


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """A host is stopped while it stops."""
    log = new_log(tmp_path)
    log.close()
    size = log.path.stat().st_size
    log.close()

    assert log.path.stat().st_size == size


def test_a_closed_log_takes_nothing_more(tmp_path: Path) -> None:
    """A late effect finishes after the host has closed its journal."""
    log = new_log(tmp_path)
    log.close()
    log.event("B/1", 0, delivered(1))

    with pytest.raises(JournalError, match="closed"):
        log.commit()


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal or a quota lets the kernel take only part."""
    log = new_log(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, data: write(number, bytes(data)[:7]))
    log.event("B/1", 0, delivered(1))
    log.close()

    assert Delivered in map(type, bodies(log.path))


@pytest.fixture
def file_size_limit():
    """Let files of this process grow to a size and no further, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_half_a_frame_is_taken_back_and_tried_again(tmp_path: Path, file_size_limit) -> None:
    """The disk is full in the middle of a write; then somebody makes room."""
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    log.commit()
    safe = log.size
    log.event("B/1", 1, delivered(2, "x" * 500))
    file_size_limit(safe + 100)
    with pytest.raises(JournalError, match=f"first {safe} bytes are complete") as caught:
        log.commit()
    file_size_limit(1 << 30)

    assert caught.value.fields == {"file": str(log.path), "safe_bytes": safe, "retry": True}
    assert "Make room" in caught.value.fix
    assert log.path.stat().st_size == safe
    log.close()
    assert len([body for body in bodies(log.path) if isinstance(body, Delivered)]) == 2


def test_a_log_goes_on_where_no_new_one_can_begin(tmp_path: Path, file_size_limit) -> None:
    """The disk has room for the new file's name, and not for its first bytes."""
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    log.commit()
    file_size_limit(10)
    with pytest.raises(JournalError):
        log.roll(tmp_path / "h-1.log", 1)
    file_size_limit(1 << 30)
    log.event("B/1", 1, delivered(2))
    log.close()

    assert [path.name for path in log.path.parent.iterdir()] == [log.path.name]
    assert len([body for body in bodies(log.path) if isinstance(body, Delivered)]) == 2


def test_a_full_device_is_named(tmp_path: Path) -> None:
    """The kernel itself says that no space is left, and the file can't be cut back."""
    log = new_log(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log.fileno())
    os.close(full)
    log.event("B/1", 0, delivered(1))

    with pytest.raises(JournalError, match="No space left on device") as caught:
        log.commit()
    assert caught.value.fields["retry"] is False
    with pytest.raises(JournalError, match="could not be removed"):
        log.commit()  # nothing may be written behind what could not be taken back
    log.close()


def test_a_disk_that_fails_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync nobody knows what is on the disk."""
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    log.commit()

    def fail(number: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalError, match="Input/output error"):
            log.sync()
    log.event("B/1", 1, delivered(2))
    with pytest.raises(JournalError):
        log.commit()
    log.close()


def test_a_record_that_cannot_be_written_leaves_no_trace(tmp_path: Path) -> None:
    """A number of more than 64 bits: what comes before and after is not harmed."""
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    with pytest.raises(OverflowError):
        log.event("B/1", 1, delivered(2, "x" * 1000, n=2**64))
    log.event("B/1", 1, delivered(3))
    log.close()

    assert bodies(log.path)[1:] == [delivered(1), delivered(3)]


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    """Where the folder should be there is a file."""
    (tmp_path / "events").write_text("")

    with pytest.raises(JournalError, match="can't be made"):
        LogWriter(tmp_path / "events" / "h-0.log", BodyEncoder(PLAIN))
