"""Which logs are sealed while a run goes on, when files are merged, and what a crash leaves."""

import subprocess
import sys
from pathlib import Path

import pytest

from agentmesh.journal import compaction
from agentmesh.journal.compaction import compact, pending_of
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import LocalFiles
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lineage import Life
from agentmesh.journal.log import LogWriter
from agentmesh.journal.segment_writer import merge_sealed
from agentmesh.journal.segments import SealedLogs
from agentmesh.journal.snapshots import FlightImage, write_snapshot
from agentmesh.kernel.events import Started
from tests.journal.helpers import PLAIN, delivered
from tests.journal.test_segments import everything, new_run, opened


def events_of(directory: RunDirectory) -> Path:
    """Return the folder with logs."""
    return Path(directory.path) / "events"


def names_of(directory: RunDirectory) -> list[str]:
    """Return the names of a run's logs and sealed logs."""
    return sorted(path.name for path in events_of(directory).iterdir())


def take_snapshot(directory: RunDirectory, log: LogWriter) -> None:
    """Take a snapshot, and go on in a new log."""
    host, number = log.header.host, log.header.number + 1
    header = LogHeader("r1", host, number, 0, "", log.header.incarnation)
    folder = Path(directory.path) / "snapshots"
    write_snapshot(folder / f"{host}-{number}.log", header, [FlightImage([])])
    (folder / f"{host}-{number - 1}.log").unlink(missing_ok=True)
    log.roll(events_of(directory) / f"{host}-{number}.log", number)


def write(log: LogWriter, step: int, agents: int = 2) -> None:
    """Let some agents handle a message each."""
    host = log.header.host
    for agent in range(agents):
        log.event(f"{host}/{agent}", step, delivered(step, n=step))
        log.commands(f"{host}/{agent}", step, [])
    log.commit()


def going_on(folder: Path, logs: int, hosts: tuple[str, ...] = ("h",)) -> RunDirectory:
    """Return a run that goes on, with closed logs before its latest snapshot."""
    directory = new_run(folder)
    for host in hosts:
        log = directory.log_writer(host, PLAIN)
        for step in range(logs):
            write(log, step)
            take_snapshot(directory, log)
        write(log, logs)
        log.abandon()
    return directory


def test_logs_before_the_latest_snapshot_are_sealed(tmp_path: Path) -> None:
    """The one that a host writes to stays, whatever it is called."""
    directory = going_on(tmp_path, 3, hosts=("h", "h-1"))
    with opened(directory) as run:
        before = everything(run)

    assert pending_of(directory.path) == 6
    assert compact(directory.path) == 2
    assert pending_of(directory.path) == 0
    assert names_of(directory) == ["h-0..2.parquet", "h-1-0..2.parquet", "h-1-3.log", "h-3.log"]
    assert compact(directory.path) == 0
    with opened(directory) as run:
        assert everything(run) == before


def test_logs_after_the_latest_snapshot_stay(tmp_path: Path) -> None:
    """Recovery reads them."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(3):
        write(log, step)
        log.roll(events_of(directory) / f"h-{step + 1}.log", step + 1)
    log.close()

    assert pending_of(directory.path) == 0
    assert compact(directory.path) == 0
    assert names_of(directory) == ["h-0.log", "h-1.log", "h-2.log", "h-3.log"]


def test_a_log_that_is_still_open_stays(tmp_path: Path) -> None:
    """A host has just written its snapshot, and has not gone on in a new log yet."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    write(log, 0)
    header = LogHeader("r1", "h", 1, 0, "", 1)
    write_snapshot(Path(directory.path) / "snapshots" / "h-1.log", header, [])

    assert compact(directory.path) == 0
    write(log, 1)
    log.close()
    assert compact(directory.path) == 1
    with opened(directory) as run:
        assert [step.number for step in run.steps("h/0")] == [0, 1]


def test_many_files_become_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long night: each log is rewritten as often as the number of logs has digits."""
    monkeypatch.setattr(compaction, "FAN_IN", 3)
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    rows, most = 0, 0
    with pytest.MonkeyPatch.context() as patch:

        def counting(path: Path, sources: list[SealedLogs]) -> None:
            nonlocal rows
            rows += sum(source.rows for source in sources)
            merge_sealed(path, sources)

        patch.setattr("agentmesh.journal.compaction.merge_sealed", counting)
        for step in range(27):
            write(log, step)
            take_snapshot(directory, log)
            if step % 3 == 2:
                compact(directory.path)
            most = max(most, len(names_of(directory)))
    log.close()

    assert names_of(directory) == ["h-0..26.parquet", "h-27.log"]
    assert most <= 3 * 3 + 2
    assert rows == 27 * 2 * 2  # 3 to 9, 9 to 27
    with opened(directory) as run:
        assert [step.number for step in run.steps("h/1")] == list(range(27))


@pytest.mark.parametrize("work", ["seal", "merge"])
def test_a_crash_before_what_was_replaced_is_removed_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    """The next time removes it."""
    monkeypatch.setattr(compaction, "FAN_IN", 2)
    directory = going_on(tmp_path, 4)
    with opened(directory) as run:
        before = everything(run)
    removed = 0
    remove = LocalFiles.remove

    def crash(self: LocalFiles, path: str) -> None:
        nonlocal removed
        if path.endswith(".log" if work == "seal" else ".parquet"):
            removed += 1
            if removed == 2:
                raise KeyboardInterrupt
        remove(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "remove", crash)
        with pytest.raises(KeyboardInterrupt):
            compact(directory.path)
    with opened(directory) as run:
        assert everything(run) == before
    compact(directory.path)
    assert names_of(directory) == ["h-0..3.parquet", "h-4.log"]
    with opened(directory) as run:
        assert everything(run) == before


def test_a_damaged_log_stays_and_the_others_do_not_wait_for_it(tmp_path: Path) -> None:
    """Somebody may repair it; readers name it."""
    directory = going_on(tmp_path, 4)
    path = events_of(directory) / "h-1.log"
    whole = path.read_bytes()
    path.write_bytes(whole[:-70] + b"?" + whole[-69:])

    assert compact(directory.path) == 2
    assert names_of(directory) == ["h-0.parquet", "h-1.log", "h-2..3.parquet", "h-4.log"]
    path.write_bytes(whole)
    compact(directory.path)
    with opened(directory) as run:
        assert [step.number for step in run.steps("h/1")] == [0, 1, 2, 3, 4]


def test_logs_of_an_earlier_life_are_sealed_as_far_as_they_count(tmp_path: Path) -> None:
    """The first life was killed in the middle of a record, and wrote on when it woke up."""
    directory = new_run(tmp_path)
    first = directory.log_writer("h", PLAIN)
    write(first, 0)
    size = first.size
    second = directory.log_writer("h", PLAIN, life=Life(incarnation=2, after={"h-0.log": size}))
    write(second, 1)
    take_snapshot(directory, second)
    write(first, 5)
    first.abandon()
    write(second, 2)
    second.abandon()
    third = Life(incarnation=3, after={"h-0.log": size}, base="h-2.log")
    with opened(directory) as run:
        before = everything(run)

    assert compact(directory.path) == 1
    assert names_of(directory) == ["h-0..1.parquet", "h-2.log"]
    with opened(directory) as run:
        assert everything(run) == before
    # A life that counts only the first of them: the second never was.
    log = directory.log_writer("h", PLAIN, life=third)
    log.event("h/9", 0, Started(9, "h/9", "s", 1))
    log.close()
    with opened(directory) as run:
        assert [step.number for step in run.steps("h/1")] == [0]


def test_it_is_a_command_that_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """The driver starts it; nobody else needs it."""
    directory = going_on(tmp_path, 3)
    command = [sys.executable, "-m", "agentmesh.journal.compaction", directory.path]
    orphan = [*command, "1"]
    subprocess.run(orphan, check=True, timeout=60)
    assert pending_of(directory.path) == 3

    code = (
        "import os, subprocess, sys; sys.exit(subprocess.call([*sys.argv[1:], str(os.getpid())]))"
    )
    subprocess.run([sys.executable, "-c", code, *command], check=True, timeout=60)
    assert names_of(directory) == ["h-0..2.parquet", "h-3.log"]
