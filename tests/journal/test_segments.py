"""Sealed logs of a run that goes on: whoever reads the run can't tell them from logs."""

import contextlib
import shutil
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError
from agentmesh.journal import segment_writer, segments
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import LocalFiles
from agentmesh.journal.lineage import Life
from agentmesh.journal.log import LogWriter
from agentmesh.journal.parts import sealed_of
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.segment_writer import merge_sealed, seal_logs
from agentmesh.journal.segments import SealedLogs
from agentmesh.journal.sources import LogSource
from agentmesh.journal.store import Store
from agentmesh.kernel.events import Started
from tests.journal.helpers import PLAIN, delivered, histories

quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def new_run(folder: Path) -> RunDirectory:
    """Make a run in a store of its own."""
    number = len(list(folder.iterdir()))
    return Store(folder / str(number)).create_run(RunInfo(id="r1"))


def opened(directory: RunDirectory) -> Run:
    """Open a run for reading."""
    return Run(directory.files, directory.path, directory.info)


def everything(run: Run) -> str:
    """Return all that a run can say; as text, since NaN is not equal to itself."""
    return repr(
        {
            "steps": {address: list(run.steps(address)) for address in run.addresses()},
            "entries": list(run.entries()),
            "counts": run.counts(),
            "table": run.table().to_pylist(),
            "sql": run.sql("SELECT kind, count(*) FROM events GROUP BY 1 ORDER BY 1").to_pylist(),
        }
    )


def roll(log: LogWriter) -> None:
    """Close the file and go on in a new one, as a snapshot would."""
    number = log.header.number + 1
    log.roll(log.path.with_name(f"{log.header.host}-{number}.log"), number)


def seal(folder: Path, names: Iterable[str], to: str, limits: dict[str, int] | None = None) -> None:
    """Seal some logs into one file; they stay."""
    with LocalFiles().building(str(folder / to)) as made:
        sources = {}
        for name in names:
            limit = (limits or {}).get(name)
            file = (folder / name).open("rb")
            sources[name] = (LogSource(file, str(folder / name), limit), limit)
        seal_logs(made, sources)
    for source, _ in sources.values():
        source.close()


def merge(folder: Path, names: Iterable[str], to: str) -> None:
    """Merge some files of sealed logs into one; they stay."""
    with contextlib.ExitStack() as opened:
        sources = sealed_of(LocalFiles(), str(folder), names, opened)
        with LocalFiles().building(str(folder / to)) as made:
            merge_sealed(made, sources)


def write_rolling(directory: RunDirectory, history, data: st.DataObject) -> Path:
    """Write what happened to some agents on two hosts, and roll their logs anywhere."""
    logs = [directory.log_writer(host, PLAIN) for host in ("one", "two")]
    rolls = st.integers(0, 9).map(lambda drawn: drawn > 6)
    for place, (address, steps) in enumerate(history.items()):
        log = logs[place % 2]
        for number, (event, issued) in enumerate(steps):
            log.event(address, number, event)
            if data.draw(rolls):
                roll(log)  # between an event and its commands: it was held for somebody
            if issued is not None:
                log.commands(address, number, issued)
            if data.draw(rolls):
                roll(log)
    for log in logs:
        log.close()
    return Path(directory.path) / "events"


@quick
@given(histories, st.data())
def test_any_logs_sealed_at_any_time_change_nothing_that_is_read(
    tmp_path: Path, history, data: st.DataObject
) -> None:
    """Some are in one file, some in several, some are merged, and some were left behind."""
    directory = new_run(tmp_path)
    folder = write_rolling(directory, history, data)
    with opened(directory) as run:
        before = everything(run)
    logs = sorted(path.name for path in folder.iterdir())
    parts = data.draw(st.lists(st.sets(st.sampled_from(logs), min_size=1), max_size=4))
    for number, names in enumerate(parts):
        seal(folder, sorted(names), f"p-{number}.parquet")
    files = [f"p-{number}.parquet" for number in range(len(parts))]
    merged = data.draw(st.sets(st.sampled_from(files)) if files else st.just(set()))
    if merged:
        merge(folder, sorted(merged), "p-m.parquet")
    left = {*data.draw(st.sets(st.sampled_from(logs)))}
    for name in set().union(*parts) - left:
        (folder / name).unlink()
    for name in data.draw(st.sets(st.sampled_from(sorted(merged))) if merged else st.just(set())):
        (folder / name).unlink()
    with opened(directory) as run:
        assert everything(run) == before
        assert not run.sealed
        run.seal()
        assert everything(run) == before
        assert run.sealed
    assert list(folder.iterdir()) == []


def lived_twice(folder: Path) -> tuple[RunDirectory, dict[str, int]]:
    """Return a run whose host died, and how much of its first life's logs counts."""
    directory = new_run(folder)
    first = directory.log_writer("h", PLAIN)
    first.event("A/1", 0, Started(1, "A/1", "s", 1))
    first.commands("A/1", 0, [])
    roll(first)
    first.event("A/1", 1, delivered(2, "counts", n=1))
    first.commit()
    after = {"h-0.log": first.path.with_name("h-0.log").stat().st_size, "h-1.log": first.size}
    first.event("A/1", 2, delivered(3, "comes too late", n=2))
    first.commit()
    first.abandon()
    second = directory.log_writer("h", PLAIN, life=Life(incarnation=2, after=after))
    second.commands("A/1", 1, [])
    second.event("A/1", 2, delivered(4, "instead", n=3))
    second.close()
    return directory, after


@pytest.mark.parametrize(
    "sealed",
    [["h-0.log"], ["h-1.log"], ["h-2.log"], ["h-0.log", "h-1.log", "h-2.log"]],
    ids=["first", "cut", "next life", "all"],
)
def test_a_sealed_log_counts_as_far_as_the_log_did(tmp_path: Path, sealed: list[str]) -> None:
    """A host that was given up wrote on; its successor says what counts, also when sealed."""
    directory, after = lived_twice(tmp_path)
    folder = Path(directory.path) / "events"
    with opened(directory) as run:
        before = everything(run)
        assert "instead" in before
        assert "too late" not in before
    seal(folder, sealed, "h-x.parquet", {"h-1.log": after["h-1.log"]})
    for name in sealed:
        (folder / name).unlink()
    with opened(directory) as run:
        assert everything(run) == before
        run.seal()
        assert everything(run) == before


def test_a_sealed_log_that_a_later_life_has_not_seen_does_not_count(tmp_path: Path) -> None:
    """As the log itself would not."""
    directory, _ = lived_twice(tmp_path)
    folder = Path(directory.path) / "events"
    third = directory.log_writer("h", PLAIN, life=Life(incarnation=3, after={}))
    third.event("B/1", 0, Started(9, "B/1", "s", 1))
    third.close()
    seal(folder, ["h-0.log", "h-2.log"], "h-x.parquet")
    for name in ("h-0.log", "h-2.log"):
        (folder / name).unlink()
    with opened(directory) as run:
        assert run.addresses() == ["B/1"]
        run.seal()
        assert run.addresses() == ["B/1"]


def test_a_log_of_which_a_part_counts_and_more_was_sealed_is_named(tmp_path: Path) -> None:
    """Nothing of agentmesh does that: reading half of it would be a guess."""
    directory, _ = lived_twice(tmp_path)
    folder = Path(directory.path) / "events"
    seal(folder, ["h-1.log"], "h-1.parquet")
    (folder / "h-1.log").unlink()
    with (
        opened(directory) as run,
        pytest.raises(JournalDamagedError, match=r"h-1\.log count, and it was sealed with"),
    ):
        run.addresses()


def test_agents_are_read_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and agents are cut anywhere by the groups of the file."""
    monkeypatch.setattr(segment_writer, "GROUP_ROWS", 7)
    monkeypatch.setattr(segments, "_WINDOW_ROWS", 3)
    monkeypatch.setattr("agentmesh.journal.table.BATCH_ROWS", 5)
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(40):
        for agent in range(3):
            log.event(f"B/{agent}", step, delivered(step, str(step), n=3 * step + agent))
            log.commands(f"B/{agent}", step, [])
        if step % 10 == 9:
            roll(log)
    log.close()
    folder = Path(directory.path) / "events"
    with opened(directory) as run:
        before = everything(run)
    seal(folder, ["h-0.log", "h-1.log"], "h-0..1.parquet")
    seal(folder, ["h-2.log"], "h-2.parquet")
    merge(folder, ["h-0..1.parquet", "h-2.parquet"], "h-0..2.parquet")
    for name in ("h-0.log", "h-1.log", "h-2.log", "h-0..1.parquet", "h-2.parquet"):
        (folder / name).unlink()

    assert pq.ParquetFile(folder / "h-0..2.parquet").num_row_groups > 5
    with opened(directory) as run:
        assert everything(run) == before
        assert run.payload_of("A/1#7") == b'{"text":"2"}'
        run.seal()
        assert everything(run) == before


def test_what_is_simply_continued_is_copied_and_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last sealing of a long run is no rewrite of all its records."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(6):
        log.event("B/1", step, delivered(step))
        log.commands("B/1", step, [])
        roll(log)
    log.event("B/1", 6, delivered(6))
    log.close()
    folder = Path(directory.path) / "events"
    logs = [f"h-{number}.log" for number in range(6)]
    seal(folder, logs, "h-0..5.parquet")
    for name in logs:
        (folder / name).unlink()
    with opened(directory) as run:
        before = everything(run)

    def refuse(*_: object) -> None:
        raise AssertionError("a sealed record was decoded")

    with opened(directory) as run:
        monkeypatch.setattr(SealedLogs, "body", refuse)
        run.seal()
        monkeypatch.undo()
        assert everything(run) == before


def test_files_that_vanish_while_a_run_is_opened_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody seals logs just then."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(3):
        log.event("B/1", step, delivered(step))
        log.commands("B/1", step, [])
        roll(log)
    log.close()
    folder = Path(directory.path) / "events"
    with opened(directory) as run:
        before = everything(run)
    shown = LocalFiles.names
    looks = 0

    def names(self: LocalFiles, path: str) -> list[str]:
        nonlocal looks
        found, looks = shown(self, path), looks + 1
        if looks <= 3:
            seal(folder, [f"h-{looks - 1}.log"], f"h-{looks - 1}.parquet")
            (folder / f"h-{looks - 1}.log").unlink()
        return found

    monkeypatch.setattr(LocalFiles, "names", names)
    with opened(directory) as run:
        assert everything(run) == before
    assert looks == 4


def test_a_file_of_sealed_logs_that_is_damaged_is_named(tmp_path: Path) -> None:
    """At every place: what is read is right, or an error."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(3):
        log.event("B/1", step, delivered(step))
        log.commands("B/1", step, [])
    roll(log)
    log.close()
    folder = Path(directory.path) / "events"
    with opened(directory) as run:
        before = everything(run)
    seal(folder, ["h-0.log"], "h-0.parquet")
    (folder / "h-0.log").unlink()
    data = (folder / "h-0.parquet").read_bytes()
    found = 0
    for at in range(0, len(data), 101):
        (folder / "h-0.parquet").write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        with opened(directory) as run:
            try:
                assert everything(run) == before
            except JournalDamagedError as error:
                found += "h-0.parquet" in str(error) or "missing" in str(error)

    assert found > len(data) / 101 / 4
    shutil.rmtree(folder)


def test_a_gap_between_sealed_logs_is_named(tmp_path: Path) -> None:
    """A part of the run was not copied."""
    directory = new_run(tmp_path)
    log = directory.log_writer("h", PLAIN)
    for step in range(3):
        log.event("B/1", step, delivered(step))
        log.commands("B/1", step, [])
        roll(log)
    log.close()
    folder = Path(directory.path) / "events"
    for number, _ in pairwise(range(4)):
        seal(folder, [f"h-{number}.log"], f"h-{number}.parquet")
        (folder / f"h-{number}.log").unlink()
    (folder / "h-1.parquet").unlink()
    with opened(directory) as run, pytest.raises(JournalDamagedError, match="step 1 of B/1"):
        run.seal()
