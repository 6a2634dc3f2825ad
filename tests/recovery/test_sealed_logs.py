"""Recovery of runs whose past logs were sealed while they went on."""

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, WorkCancelledError
from agentmesh.host import checkpoints
from agentmesh.journal import snapshots
from agentmesh.journal.compaction import compact
from agentmesh.journal.lineage import number_of
from agentmesh.journal.store import Store
from agentmesh.mesh.auditing import audit_run
from tests.recovery import test_random_programs as random_runs
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import drive_on, flip, record, resumed
from tests.replay import program_strategies as strategies
from tests.replay.random_programs import Operation

_serial = itertools.count()


def last_log(run: Path) -> Path:
    """Return the log that a local run was writing."""
    logs = (run / "events").glob("*.log")
    return max(logs, key=lambda log: number_of(log.name, "local") or 0)


def cut(run: Path, copy: Path, count: int) -> Path:
    """Return a copy of a run whose last log ends after some records, and whose past is sealed."""
    last = last_log(run)
    cut_copy(run, copy, last.name, records_of(last)[:count])
    compact(str(copy))
    return copy


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A run with several logs and a snapshot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SEGMENT_BYTES", 3000)
        return record(tmp_path_factory.mktemp("rolled"))


def test_a_run_goes_on_after_any_record_of_its_last_log(
    rolled: tuple[Path, bytes], tmp_path: Path
) -> None:
    """The same result, and a clean audit, with all the past in Parquet."""
    run, expected = rolled
    count = len(records_of(last_log(run)))
    for number in range(0, count + 1, max(1, count // 12)):
        copy = cut(run, tmp_path / str(number) / "whole", number)
        assert len(list((copy / "events").iterdir())) == 2
        outcome = resumed(copy)

        assert outcome.result_json == expected, number
        assert audit_run("whole", store=str(copy.parent)).clean, number
        assert not (copy / "events").exists() or not list((copy / "events").iterdir())


def test_a_damaged_snapshot_costs_time_and_nothing_else(
    rolled: tuple[Path, bytes], tmp_path: Path
) -> None:
    """What the sealed logs have is handled again."""
    copy = cut(rolled[0], tmp_path / "whole", 4)
    (snapshot,) = (copy / "snapshots").iterdir()
    flip(snapshot, 0.5)

    assert resumed(copy).result_json == rolled[1]
    assert audit_run("whole", store=str(tmp_path)).clean


def test_a_damaged_snapshot_whose_sealed_logs_are_gone_is_refused(
    rolled: tuple[Path, bytes], tmp_path: Path
) -> None:
    """What it stood for is nowhere else."""
    copy = cut(rolled[0], tmp_path / "whole", 4)
    (snapshot,) = (copy / "snapshots").iterdir()
    flip(snapshot, 0.5)
    for sealed in (copy / "events").glob("*.parquet"):
        sealed.unlink()
    error = resumed(copy).error

    assert isinstance(error, JournalDamagedError)
    assert "local-0.log is missing" in error.what


def test_logs_that_are_sealed_while_a_successor_reads_are_found(
    rolled: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that seals outlives its driver for a moment."""
    run, expected = rolled
    last = last_log(run)
    copy = tmp_path / "whole"
    cut_copy(run, copy, last.name, records_of(last)[:4])
    read_header = snapshots.read_header
    began, sealed = False, 0

    def sealing(path: Path) -> object:
        nonlocal began, sealed
        if not began:
            began = True
            sealed = compact(str(copy))
        return read_header(path)

    monkeypatch.setattr("agentmesh.journal.succession.read_header", sealing)
    outcome = resumed(copy)

    assert sealed
    assert outcome.result_json == expected
    assert audit_run("whole", store=str(tmp_path)).clean


@settings(
    max_examples=5,  # each makes several lives of a run; others are drawn each time
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    programs=st.lists(strategies.operations(), min_size=1, max_size=3),
    segment_bytes=st.sampled_from([1, 400, 2000]),
    cuts=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_any_program_goes_on_and_replays_with_its_past_sealed(
    programs: list[list[Operation]], segment_bytes: int, cuts: list[float], tmp_path: Path
) -> None:
    """Each life is cut short, and what is past is sealed between any two of them."""
    store = tmp_path / str(next(_serial))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SEGMENT_BYTES", segment_bytes)
        run = random_runs.record(store, programs)
        for number, where in enumerate(cuts):
            count = round(where * len(records_of(last_log(run))))
            before = told(cut_only(run, store / f"{number}-logs" / run.name, count))
            run = cut(run, store / f"{number}" / run.name, count)
            assert told(run) == before
            if number < len(cuts) - 1:
                run = drive_on(run)
        outcome = resumed(run)

    assert outcome.error is None or isinstance(outcome.error, WorkCancelledError), outcome.error
    report = audit_run(run.name, store=str(run.parent))
    assert report.clean, [str(each) for each in report.findings]
    assert report.settled
    shutil.rmtree(store)


def cut_only(run: Path, copy: Path, count: int) -> Path:
    """Return a copy of a run whose last log ends after some records."""
    last = last_log(run)
    cut_copy(run, copy, last.name, records_of(last)[:count])
    return copy


def told(path: Path) -> str:
    """Return all that a run says."""
    with Store(path.parent).open_run(path.name) as run:
        steps = {address: list(run.steps(address)) for address in run.addresses()}
        return repr([steps, list(run.entries()), run.table().to_pylist()])
