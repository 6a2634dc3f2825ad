"""One run as its drivers write it, in its place or by way of a spool."""

from pathlib import Path

import pytest
from pyarrow import fs

from agentmesh.errors import StoreError, UsageError
from agentmesh.journal.blobs import THRESHOLD
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from tests.journal.helpers import PLAIN, delivered


@pytest.fixture
def remote(tmp_path: Path) -> Store:
    """Return a store on a filesystem of pyarrow, which can't append."""
    (tmp_path / "bucket").mkdir()
    filesystem = fs.SubTreeFileSystem(str(tmp_path / "bucket"), fs.LocalFileSystem())
    return Store("team/runs", filesystem=filesystem, spool=tmp_path / "spool")


def write_step(directory: RunDirectory, host: str, text: str = "hi", n: int = 2) -> None:
    """Write a log with one step."""
    log = directory.log_writer(host, PLAIN)
    log.event(f"{host}/1", 0, delivered(1, text, n))
    log.commands(f"{host}/1", 0, [FinishTurn(1, "A/1#1", "done")])
    log.close()


def test_run_json_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The driver notes how the run ended."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1", created_at_ns=5))
    directory.update(status="done", result={"n": 1}, ended_at_ns=9)

    info = Store(tmp_path).open_run("r1").info
    assert (info.status, info.result, info.created_at_ns, info.ended_at_ns) == (
        "done",
        {"n": 1},
        5,
        9,
    )
    assert [path.name for path in (tmp_path / "r1").iterdir()] == ["run.json"]


def test_the_time_of_creation_is_filled_in(tmp_path: Path) -> None:
    """Nobody has to think of it."""
    assert Store(tmp_path).create_run(RunInfo(id="r1")).info.created_at_ns > 0


def test_each_incarnation_of_a_host_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A host was restarted: what the first one wrote is never appended to."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1"))
    names = [directory.log_writer(host, PLAIN).path.name for host in ("h", "h", "h-0", "h", "g")]

    assert names == ["h-0.log", "h-1.log", "h-0-0.log", "h-2.log", "g-0.log"]


@pytest.mark.parametrize("host", ["", "../x", "a/b", ".x", "a b"])
def test_a_host_whose_name_is_no_file_name_is_refused(tmp_path: Path, host: str) -> None:
    """Names come from drivers, which may take them from a cluster."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1"))

    with pytest.raises(UsageError, match="name of a host"):
        directory.log_writer(host, PLAIN)


def test_durability_is_what_the_run_says(tmp_path: Path) -> None:
    """Every host of a run waits for the disk, or none."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1", durability="disk"))

    assert directory.log_writer("h", PLAIN).durability == "disk"
    assert directory.log_writer("h", PLAIN, "process").durability == "process"


def test_a_remote_run_is_complete_when_its_logs_are_closed(remote: Store, tmp_path: Path) -> None:
    """Two hosts, one with a large payload."""
    directory = remote.create_run(RunInfo(id="r1"))
    write_step(directory, "A")
    write_step(directory, "B", "x" * THRESHOLD, n=1)
    run = remote.open_run("r1")

    assert run.addresses() == ["A/1", "B/1"]
    assert len(run.payload_of("A/1#1") or b"") > THRESHOLD
    assert run.torn == {}
    assert list((tmp_path / "spool").rglob("*.log")) == []


def test_a_remote_run_can_be_looked_at_while_it_goes_on(remote: Store) -> None:
    """A host flushes now and then."""
    directory = remote.create_run(RunInfo(id="r1"))
    log = directory.log_writer("A", PLAIN)
    log.event("A/1", 0, delivered(1))
    log.commit()
    before = remote.open_run("r1").addresses()
    directory.flush()
    after = remote.open_run("r1").addresses()
    log.close()

    assert (before, after) == ([], ["A/1"])


def test_what_a_killed_host_left_in_the_spool_is_flushed_by_the_next(remote: Store) -> None:
    """The process died; its spool did not."""
    log = remote.create_run(RunInfo(id="r1")).log_writer("A", PLAIN)
    log.event("A/1", 0, delivered(1))
    log.commit()
    log.abandon()
    successor = remote.attach("r1")
    number = successor.log_writer("A", PLAIN).path.name
    successor.flush()

    assert number == "A-1.log"
    assert remote.open_run("r1").addresses() == ["A/1"]


def test_clearing_the_spool_leaves_nothing_on_this_machine(remote: Store, tmp_path: Path) -> None:
    """The run has ended."""
    directory = remote.create_run(RunInfo(id="r1"))
    write_step(directory, "A", "x" * THRESHOLD)
    directory.clear_leavings()

    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []
    assert remote.open_run("r1").counts()["events"] == 1


def test_a_store_that_cannot_be_reached_keeps_the_spool(remote: Store, tmp_path: Path) -> None:
    """The network is down when the run ends: nothing is lost, and the error says where it is."""
    directory = remote.create_run(RunInfo(id="r1"))
    log = directory.log_writer("A", PLAIN)
    log.event("A/1", 0, delivered(1))
    log.commit()
    (tmp_path / "bucket" / "team" / "runs" / "r1" / "events").write_text("in the way")

    with pytest.raises(StoreError, match=r"Nothing is lost: it is in .*spool"):
        directory.flush()
    (tmp_path / "bucket" / "team" / "runs" / "r1" / "events").unlink()
    directory.flush()
    assert remote.open_run("r1").addresses() == ["A/1"]
    log.close()


def test_a_remote_run_is_sealed_in_its_store(remote: Store, tmp_path: Path) -> None:
    """Sealing reads from the store and writes to it."""
    write_step(remote.create_run(RunInfo(id="r1")), "A")
    run = remote.open_run("r1")
    before = list(run.steps("A/1"))
    run.seal()

    assert list(remote.open_run("r1").steps("A/1")) == before
    assert remote.open_run("r1").sealed
    assert remote.open_run("r1").sql("SELECT count(*) AS n FROM events").to_pylist() == [{"n": 2}]
    names = sorted(path.name for path in (tmp_path / "bucket/team/runs/r1").iterdir())
    assert names == ["events", "events.parquet", "run.json"]


def test_two_remote_runs_with_one_id_are_refused(remote: Store) -> None:
    """The same rule as on a disk."""
    remote.create_run(RunInfo(id="r1"))

    with pytest.raises(Exception, match="in the store already"):
        remote.create_run(RunInfo(id="r1"))
    assert [info.id for info in remote.list_runs()] == ["r1"]
    assert remote.key() == remote.key()
