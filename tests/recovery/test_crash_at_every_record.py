"""A run is cut short after each record of its journal, one by one, and resumed each time."""

from collections import Counter
from pathlib import Path

import pytest

from agentmesh.host import checkpoints
from agentmesh.mesh.auditing import audit_run
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.resuming import execute_again
from tests.recovery import programs
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import drive_on, logs_of, record


def test_a_run_cut_after_any_record_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """Nothing lost, nothing counted twice, and no effect under another key."""
    programs.PERFORMED.clear()
    run, expected = record(tmp_path / "recorded")
    effects = Counter(programs.PERFORMED)
    assert set(effects.values()) == {1}
    records = records_of(run / "events" / "local-0.log")
    for count in range(len(records) + 1):
        programs.PERFORMED.clear()
        store = tmp_path / "cut"
        cut_copy(run, store / "whole", "local-0.log", records[:count])
        outcome = execute_again("whole", RunOptions(store=str(store), quiet=True))
        assert outcome.error is None, count
        assert outcome.result_json == expected, count
        assert set(programs.PERFORMED) <= set(effects), count
        report = audit_run("whole", store=str(store))
        assert report.clean, (count, report)


@pytest.mark.parametrize("segment_bytes", [1, 1500, 6000])
def test_a_run_with_snapshots_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment_bytes: int
) -> None:
    """A cut anywhere in the last log, behind a snapshot taken at rest or in the middle of turns."""
    monkeypatch.setattr(checkpoints, "SEGMENT_BYTES", segment_bytes)
    run, expected = record(tmp_path / "recorded")
    logs = logs_of(run)
    assert len(logs) > 1
    assert len(list((run / "snapshots").iterdir())) == 1
    records = records_of(logs[-1])
    for count in range(0, len(records) + 1, max(1, len(records) // 20)):
        store = tmp_path / "cut"
        cut_copy(run, store / "whole", logs[-1].name, records[:count])
        outcome = execute_again("whole", RunOptions(store=str(store), quiet=True))
        assert outcome.result_json == expected, count
        assert audit_run("whole", store=str(store)).clean, count
    store = tmp_path / "rolled"
    cut_copy(run, store / "whole", logs[-1].name, [])
    (store / "whole" / "events" / logs[-1].name).unlink()  # killed before the new log was made
    outcome = execute_again("whole", RunOptions(store=str(store), quiet=True))
    assert outcome.result_json == expected
    assert audit_run("whole", store=str(store)).clean


@pytest.mark.parametrize("lives", [2, 5])
def test_a_resumed_run_can_be_cut_and_resumed_again(tmp_path: Path, lives: int) -> None:
    """Each life starts from the snapshot of the one before."""
    run, expected = record(tmp_path / "recorded")
    name, keep = "local-0.log", 30
    for life in range(1, lives):
        records = records_of(run / "events" / name)
        store = tmp_path / f"cut{life}"
        cut_copy(run, store / "whole", name, records[:keep])
        run = store / "whole"
        drive_on(run)
        name = max((run / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns).name
        keep = 7
    last = tmp_path / "last"
    cut_copy(run, last / "whole", name, records_of(run / "events" / name)[:keep])
    outcome = execute_again("whole", RunOptions(store=str(last), quiet=True))
    assert outcome.result_json == expected
    assert audit_run("whole", store=str(last)).clean
