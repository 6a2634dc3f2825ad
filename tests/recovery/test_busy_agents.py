"""Agents that always have something to do: what a successor needs of them stays small."""

from pathlib import Path

import pytest

from agentmesh.host import checkpoints
from agentmesh.journal.snapshots import CellImage, read_snapshot
from agentmesh.mesh.auditing import audit_run
from agentmesh.mesh.runs import open_run
from agentmesh.replay.recorded import recorded_rests
from agentmesh.replay.travel import ReplayTimeline
from tests.recovery import programs
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import logs_of, record, resumed

SEGMENT_BYTES = 12_000
MESSAGES = programs.Number(value=300)


def image_of(run: Path) -> CellImage:
    """Return what the latest snapshot has of the busy agent."""
    (snapshot,) = (run / "snapshots").iterdir()
    images = [each for each in read_snapshot(snapshot) if isinstance(each, CellImage)]
    return next(each for each in images if each.address == "Counter/one")


@pytest.fixture
def flooded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, bytes]:
    """A run with many snapshots, and its result; one agent was never without a message."""
    monkeypatch.setattr(checkpoints, "SEGMENT_BYTES", SEGMENT_BYTES)
    return record(tmp_path / "recorded", programs.flood, MESSAGES)


def test_a_busy_agent_is_kept_as_it_was_between_two_turns(flooded: tuple[Path, bytes]) -> None:
    """Its state and its mailbox, and only what has happened since that."""
    run, _ = flooded
    image = image_of(run)
    logs = sum(each.stat().st_size for each in run.rglob("*") if each.is_file())

    assert image.rest is not None
    assert image.waiting
    assert image.steps > 2 * len(image.carried)
    assert sum(map(len, image.carried)) < SEGMENT_BYTES / 2 < logs / 4


@pytest.mark.parametrize("part", [0, 0.3, 0.7, 1])
def test_it_goes_on_from_there(flooded: tuple[Path, bytes], tmp_path: Path, part: float) -> None:
    """To the same end, with nothing done twice; the successor takes such snapshots, too."""
    run, expected = flooded
    last = logs_of(run)[-1]
    records = records_of(last)
    cut = tmp_path / "cut" / "whole"
    cut_copy(run, cut, last.name, records[: int(len(records) * part)])

    outcome = resumed(cut)

    assert outcome.error is None
    assert outcome.result_json == expected
    assert audit_run("whole", store=str(cut.parent)).clean


def test_a_debugger_begins_there_too(flooded: tuple[Path, bytes]) -> None:
    """What it comes to is what a replay from the beginning comes to."""
    run, _ = flooded
    image = image_of(run)
    with open_run(run) as opened:
        replayer = opened.timelines().replayer
        known = recorded_rests(opened, "Counter/one", replayer.today)
        near = ReplayTimeline(replayer, "Counter/one", known=known)
        far = ReplayTimeline(replayer, "Counter/one")
        for step in (image.steps - 1, image.steps + 20):
            cells = near.goto(step), far.goto(step)
            totals = [each.instance.total for each in cells]  # type: ignore[attr-defined]
            assert totals[0] == totals[1] > 0
            assert cells[0].mailbox == cells[1].mailbox
            assert near.issued == far.issued
        assert near.replayed < far.replayed / 2
