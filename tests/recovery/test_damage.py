"""Files of an interrupted run that are damaged or missing: recovered from others, or refused."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentmesh.errors import JournalDamagedError, JournalVersionError, ResumeError
from agentmesh.host import checkpoints
from agentmesh.journal import snapshots
from agentmesh.journal.lineage import number_of
from agentmesh.journal.snapshots import CellImage, FlightImage, read_snapshot, write_snapshot
from agentmesh.mesh.auditing import audit_run
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import drive_on, flip, interrupted, logs_of, record, resumed


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A run with several logs and a snapshot, cut in the last log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SEGMENT_BYTES", 3000)
        run, expected = record(tmp_path_factory.mktemp("rolled"))
    last = logs_of(run)[-1]
    assert len(logs_of(run)) > 2
    cut = run.parent / "cut" / "whole"
    cut_copy(run, cut, last.name, records_of(last)[:5])
    return cut, expected


@pytest.fixture
def run(rolled: tuple[Path, bytes], tmp_path: Path) -> Path:
    """A copy of that run, for one test alone."""
    copied = tmp_path / "whole"
    shutil.copytree(rolled[0], copied)
    return copied


def snapshot_of(run: Path) -> Path:
    """Return the only snapshot of a run."""
    (found,) = (run / "snapshots").iterdir()
    return found


def cut_short(path: Path) -> None:
    """Remove the end of a file, as a copy that broke off."""
    path.write_bytes(path.read_bytes()[:-3])


def cut_in_half(path: Path) -> None:
    """Remove more of it."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path) -> None:
    """Leave only the name, as a machine that lost its power."""
    path.write_bytes(b"")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "its first byte": lambda path: flip(path, 0),
    "its header": lambda path: flip(path, 0.02),
    "its middle": lambda path: flip(path, 0.5),
    "its end frame": lambda path: flip(path, 1),
    "cut short": cut_short,
    "cut in half": cut_in_half,
    "empty": empty,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_snapshot_costs_time_and_nothing_else(
    run: Path, rolled: tuple[Path, bytes], damage: Callable[[Path], None]
) -> None:
    """All logs are there: the host is restored from its beginning."""
    damage(snapshot_of(run))
    outcome = resumed(run)

    assert outcome.error is None
    assert outcome.result_json == rolled[1]
    assert audit_run("whole", store=str(run.parent)).clean


def test_a_damaged_snapshot_is_told(run: Path) -> None:
    """Somebody should look after that disk."""
    flip(snapshot_of(run), 0.5)
    with capture_logs() as logs:
        resumed(run)

    told = [log for log in logs if "a snapshot is damaged" in log["event"]]
    assert "checksum" in told[0]["problem"]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_snapshot_whose_logs_are_not_all_there_is_refused(
    run: Path, damage: Callable[[Path], None], which: int
) -> None:
    """What it stood for is nowhere else: going on would lose agents without a word."""
    missing = logs_of(run)[which]
    missing.unlink()
    damage(snapshot_of(run))
    error = resumed(run).error

    assert isinstance(error, JournalDamagedError)
    assert f"{missing.name} is missing" in error.what
    assert error.cause
    assert error.fix


def test_old_logs_are_not_needed_where_there_is_a_snapshot(
    run: Path, rolled: tuple[Path, bytes]
) -> None:
    """Recovery reads what is after it; the rest is for readers, who say what is missing."""
    logs_of(run)[0].unlink()
    outcome = resumed(run)

    assert outcome.result_json == rolled[1]


def test_logs_that_are_all_gone_are_missed(run: Path) -> None:
    """Beginning again would do everything twice."""
    for log in logs_of(run):
        log.unlink()
    error = resumed(run).error

    assert isinstance(error, JournalDamagedError)
    assert "local-0.log is missing" in error.what


def nothing(run: Path) -> None:
    """Leave a run as it is made."""
    shutil.rmtree(run / "events")


def half_a_header(run: Path) -> None:
    """Leave what one write too few leaves."""
    (log,) = logs_of(run)
    log.write_bytes(log.read_bytes()[:20])


@pytest.mark.parametrize("left", [nothing, half_a_header])
def test_a_run_that_was_killed_at_its_very_start_begins(
    tmp_path: Path, left: Callable[[Path], None]
) -> None:
    """It had its directory, and no record yet."""
    run, expected = interrupted(tmp_path, records=0)
    left(run)

    assert resumed(run).result_json == expected
    assert audit_run("whole", store=str(run.parent)).clean


@pytest.mark.parametrize("seed", range(12))
def test_a_byte_that_flipped_in_a_needed_log_is_named(tmp_path: Path, seed: int) -> None:
    """Nothing before its last frame is ever skipped: the run stays as it is."""
    run, _ = interrupted(tmp_path, records=60)
    log = logs_of(run)[-1]
    flip(log, random.Random(seed).uniform(0, 0.9))
    before = log.read_bytes()
    error = resumed(run).error

    assert isinstance(error, JournalDamagedError)
    assert str(log) in error.what
    assert "is damaged at byte" in error.what
    assert log.read_bytes() == before
    assert [each.name for each in logs_of(run)] == [log.name]


def test_a_run_that_was_damaged_goes_on_with_the_whole_file(tmp_path: Path) -> None:
    """As the error says: get the file again."""
    run, expected = interrupted(tmp_path)
    log = logs_of(run)[-1]
    whole = log.read_bytes()
    flip(log, 0.5)
    assert resumed(run).error is not None
    log.write_bytes(whole)

    assert resumed(run).result_json == expected


def rewrite(run: Path, change: Callable[[CellImage], None]) -> None:
    """Change the images of agents at rest in a run's snapshot."""
    path = snapshot_of(run)
    header = snapshots.read_header(path)
    assert header is not None
    images = list(read_snapshot(path))
    changed = 0
    for image in images:
        if not isinstance(image, FlightImage) and image.rest is not None:
            change(image)
            changed += 1
    assert changed
    write_snapshot(path, header, images)


def test_a_snapshot_under_other_rules_is_refused(run: Path) -> None:
    """Another version of agentmesh took it."""
    from msgspec.structs import replace

    def change(image: CellImage) -> None:
        assert image.rest is not None
        image.rest = replace(image.rest, rules=99)

    rewrite(run, change)
    error = resumed(run).error

    assert isinstance(error, ResumeError)
    assert "scheduling rules 99" in error.what
    assert isinstance(error.__cause__, JournalVersionError)
    assert error.cause
    assert error.fix


def test_a_snapshot_whose_state_no_longer_fits_is_refused(run: Path) -> None:
    """The class of a value was changed in a module that defines no agents."""
    from msgspec.structs import replace

    def change(image: CellImage) -> None:
        assert image.rest is not None
        image.rest = replace(image.rest, state=b'{"renamed": 1}')

    rewrite(run, change)
    error = resumed(run).error

    assert isinstance(error, ResumeError)
    assert "can't go on from its snapshot" in error.what
    assert "renamed" in error.what
    assert "with the code" in error.fix


def test_a_snapshot_that_could_not_be_finished_hides_no_later_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new log can't be made: the old one goes on, and the snapshot must not count."""
    monkeypatch.setattr(checkpoints, "SEGMENT_BYTES", 3000)
    blocked = 0

    def block(keeper: checkpoints.Checkpoints) -> int:
        """Let a folder stand where the second new log must be made."""
        nonlocal blocked
        number = keeper._directory.next_number("local")
        if number >= 2:
            blocked += 1
            (keeper._folder / "events" / f"local-{number}.log").mkdir(exist_ok=True)
        return number

    monkeypatch.setattr(checkpoints.Checkpoints, "_next_number", block)
    run, expected = record(tmp_path)
    monkeypatch.undo()
    assert blocked
    for folder in [each for each in (run / "events").iterdir() if each.is_dir()]:
        folder.rmdir()
    last = logs_of(run)[-1]
    snapshot = snapshot_of(run)
    assert number_of(snapshot.name, "local") == number_of(last.name, "local")
    records = records_of(last)
    for count in range(0, len(records), max(1, len(records) // 6)):
        cut = tmp_path / "cut" / "whole"
        cut_copy(run, cut, last.name, records[:count])
        outcome = resumed(cut)

        assert outcome.result_json == expected, count
        assert audit_run("whole", store=str(cut.parent)).clean, count


def test_a_snapshot_that_comes_late_has_what_was_before_the_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the recovery itself can't be written, a later one can: turns are open in both."""
    first, expected = interrupted(tmp_path, records=40)
    take = checkpoints.Checkpoints.take
    taken: list[bool] = []

    def blocked_once(keeper: checkpoints.Checkpoints, *args: Any) -> bool:
        """Let a file stand in the place of the folder, the first time."""
        place = keeper._folder / "snapshots"
        if not taken:
            place.write_text("", encoding="utf-8")
        taken.append(take(keeper, *args))
        if place.is_file():
            place.unlink()
        return taken[-1]

    monkeypatch.setattr(checkpoints, "SEGMENT_BYTES", 100)
    monkeypatch.setattr(checkpoints.Checkpoints, "take", blocked_once)
    run = drive_on(first)
    monkeypatch.undo()
    assert taken[:2] == [False, True]
    last = logs_of(run)[-1]
    records = records_of(last)
    for count in range(0, len(records) + 1, max(1, len(records) // 6)):
        cut = tmp_path / "again" / "whole"
        cut_copy(run, cut, last.name, records[:count])
        outcome = resumed(cut)

        assert outcome.result_json == expected, count
        assert audit_run("whole", store=str(cut.parent)).clean, count
