"""The sealed file: one payload once, readable by others, and honest about damage."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from agentmesh.errors import JournalDamagedError, JournalVersionError
from agentmesh.journal import sealed_writer
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn, StartEffect
from tests.journal.helpers import PLAIN, delivered


def written(folder: Path, agents: int = 3, steps: int = 4, text: str = "hi") -> Run:
    """Return a run with some agents."""
    directory = Store(folder).create_run(RunInfo(id="r1"))
    log = directory.log_writer("one", PLAIN)
    for step in range(steps):
        for agent in range(agents):
            log.event(f"B/{agent}", step, delivered(step, text))
            log.commands(f"B/{agent}", step, [])
    log.close()
    return Run(directory.files, directory.path, directory.info)


def test_a_payload_is_stored_once(tmp_path: Path) -> None:
    """In the column that people query, and not again in the record."""
    run = written(tmp_path, text="a text that is easy to find")
    run.seal()
    stored = pq.read_table(tmp_path / "r1" / "events.parquet")

    assert all("easy to find" in text for text in stored["payload"].to_pylist())
    assert not any(b"easy to find" in record for record in stored["record"].to_pylist())


def test_the_file_is_sorted_and_says_its_version(tmp_path: Path) -> None:
    """Readers find an agent without reading all."""
    run = written(tmp_path)
    run.seal()
    stored = pq.read_table(tmp_path / "r1" / "events.parquet")
    order = list(
        zip(*(stored[name].to_pylist() for name in ("agent", "step", "index")), strict=True)
    )

    assert order == sorted(order)
    assert stored.schema.metadata[b"agentmesh.journal_version"] == b"1"


def test_agents_are_read_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent starts in one group and ends three groups later."""
    monkeypatch.setattr(sealed_writer, "GROUP_ROWS", 10)
    monkeypatch.setattr("agentmesh.journal.table.BATCH_ROWS", 5)
    run = written(tmp_path, agents=3, steps=37)
    before = {address: list(run.steps(address)) for address in run.addresses()}
    entries = list(run.entries())
    run.seal()

    assert pq.ParquetFile(tmp_path / "r1" / "events.parquet").num_row_groups > 5
    assert {address: list(run.steps(address)) for address in run.addresses()} == before
    assert list(run.entries()) == entries
    assert run.payload_of("A/1#1") == b'{"text":"hi"}'


def test_another_version_is_named(tmp_path: Path) -> None:
    """A newer agentmesh sealed the run."""
    written(tmp_path).seal()
    path = tmp_path / "r1" / "events.parquet"
    stored = pq.read_table(path)
    stored = stored.replace_schema_metadata({b"agentmesh.journal_version": b"99"})
    pq.write_table(stored, path)

    with pytest.raises(JournalVersionError, match="version 99"):
        Store(tmp_path).open_run("r1").addresses()


def test_a_flipped_byte_is_never_read_as_something_else(tmp_path: Path) -> None:
    """The disk changes a byte, at every place: what is read is right, or an error."""
    run = written(tmp_path, agents=2, steps=3)
    run.seal()
    path = tmp_path / "r1" / "events.parquet"
    data = path.read_bytes()
    entries, rows = list(run.entries()), run.table().to_pylist()
    found = 0
    for at in range(0, len(data), 11):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        damaged = Run(run._files, run.path, run.info)
        try:
            assert list(damaged.entries()) == entries
            assert damaged.table().to_pylist() == rows
        except (JournalDamagedError, JournalVersionError) as error:
            found += "events.parquet" in str(error)
        damaged.close()

    assert found > len(data) / 11 / 4


@pytest.mark.parametrize("size", [0, 3, 100])
def test_a_file_that_was_cut_is_named(tmp_path: Path, size: int) -> None:
    """The copy ended too early."""
    written(tmp_path).seal()
    path = tmp_path / "r1" / "events.parquet"
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(JournalDamagedError, match=r"events\.parquet is damaged"):
        Store(tmp_path).open_run("r1").addresses()


def test_a_file_of_an_earlier_release_reads_without_its_later_columns(tmp_path: Path) -> None:
    """Columns are added at the end: what they would say follows from the record."""
    directory = Store(tmp_path).create_run(RunInfo(id="r1"))
    log = directory.log_writer("one", PLAIN)
    log.event("B/0", 0, delivered(1, "hi"))
    log.commands("B/0", 0, [StartEffect(0, 1, "tool", "t", "k", b"{}"), FinishTurn(0, "", "done")])
    log.close()
    run = Run(directory.files, directory.path, directory.info)
    before = [list(run.steps("B/0")), list(run.entries()), run.table().to_pylist()]
    query = "SELECT kind, origin, idempotent FROM events ORDER BY step, index"
    asked = run.sql(query).to_pylist()
    run.seal()
    path = tmp_path / "r1" / "events.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["origin", "idempotent"]), path)
    with Store(tmp_path).open_run("r1") as old:
        assert [list(old.steps("B/0")), list(old.entries()), old.table().to_pylist()] == before
        assert old.sql(query).to_pylist() == asked
        assert old.counts()["start_effect"] == 1
        assert asked[1] == {"kind": "start_effect", "origin": None, "idempotent": True}


def test_a_file_that_lacks_a_column_it_always_had_is_damaged(tmp_path: Path) -> None:
    """Somebody rewrote it with another tool."""
    written(tmp_path).seal()
    path = tmp_path / "r1" / "events.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["peer"]), path)

    with pytest.raises(JournalDamagedError, match="its column peer is missing"):
        Store(tmp_path).open_run("r1").addresses()


def test_other_tools_read_it(tmp_path: Path) -> None:
    """DuckDB alone, without agentmesh."""
    written(tmp_path).seal()
    code = (
        "import duckdb; print(duckdb.sql(\"SELECT count(payload->>'$.text') "
        f"FROM '{tmp_path}/r1/events.parquet'\").fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60, text=True
    )

    assert done.stdout.strip() == "[(12,)]"
