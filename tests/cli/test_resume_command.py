"""`agentmesh resume`: processes are killed for real, and others go on with their runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import (
    PROGRAMS,
    TIMEOUT_SECONDS,
    Done,
    command,
    console_script,
    environment,
    line_with,
    started,
)

FERRY = PROGRAMS / "ferry.py"
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "river", "last"]
CARGO = json.dumps({"words": WORDS})
GO = {"GO": "1"}


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run `trip` whose process was killed in the middle of a tool."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copy(FERRY, folder / "ferry.py")
    words = ("run", "ferry.py:travel", "--local", "--run-id", "trip", "--input", CARGO)
    with started(*words, cwd=folder) as process:
        line_with(process.stderr, "ready")
        process.kill()
        process.wait(TIMEOUT_SECONDS)
    return folder


@pytest.fixture
def trip(killed: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for one test alone; the program is where it ran."""
    shutil.copytree(killed / ".agentmesh", tmp_path / ".agentmesh")
    return tmp_path


def limited(kilobytes: int, *words: str | Path, cwd: Path) -> Done:
    """Run `agentmesh` where no file can grow beyond a size: also for root, a disk is full."""
    limit = f'ulimit -f {kilobytes}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limit, "bash", console_script(), *map(str, words)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_killed_run_goes_on_to_its_result(trip: Path) -> None:
    """Under the recorded hash seed: a set iterates after the crash as it did before."""
    done = command("resume", "trip", cwd=trip, env=GO)

    assert done.code == 0, done.err
    assert done.json["words"] == [word.upper() for word in WORDS]
    assert done.json["before"] == done.json["after"]
    assert "agentmesh replay trip" in done.err
    assert command("audit", "trip", cwd=trip).code == 0


def test_a_resumed_run_is_json_on_demand(trip: Path) -> None:
    """As `agentmesh run --json` prints it."""
    done = command("resume", "--json", cwd=trip, env=GO)

    assert done.json["run"] == "trip"
    assert done.json["status"] == "done"
    assert done.json["result"]["words"][-1] == "LAST"


def test_a_killed_run_is_shown_as_interrupted(trip: Path) -> None:
    """With the command that goes on with it."""
    listed, shown = (command(word, cwd=trip) for word in ("runs", "show"))

    assert listed.out.splitlines()[1].split()[:2] == ["trip", "interrupted"]
    assert "agentmesh resume trip" in listed.err
    assert "drove it and is gone" in shown.out
    assert "agentmesh resume trip" in shown.err
    about = command("show", "--json", cwd=trip).json["run"]
    assert (about["status"], about["can_resume"], about["driven_by"]) == ("interrupted", True, None)


def test_following_the_log_of_a_killed_run_ends(trip: Path) -> None:
    """Nothing more can come."""
    assert "cross" in command("log", "--follow", cwd=trip).out


def test_a_run_that_has_ended_is_not_resumed(trip: Path) -> None:
    """The second time."""
    command("resume", "trip", cwd=trip, env=GO)
    done = command("resume", "trip", cwd=trip, env=GO)

    assert done.code == 2
    assert done.out == ""
    assert "The run trip has ended: done." in done.err
    assert "agentmesh show trip" in done.err


def test_a_run_that_goes_on_says_who_drives_it(tmp_path: Path) -> None:
    """And nobody else can."""
    words = ("run", f"{FERRY}:travel", "--local", "--run-id", "live", "--input", CARGO)
    with started(*words, cwd=tmp_path) as process:
        line_with(process.stderr, "ready")
        listed, shown = (command(word, cwd=tmp_path) for word in ("runs", "show"))
        refused = command("resume", "live", cwd=tmp_path)

    driver = f"driven by process {process.pid} on "
    assert driver in listed.out
    assert f"It goes on, {driver}" in shown.out
    assert "agentmesh resume" not in listed.err + shown.err
    assert refused.code == 2
    assert f"The run live is {driver}" in refused.err


def test_two_that_resume_at_once_are_one_too_many(trip: Path) -> None:
    """Exactly one goes on; the other is told who does, or that it has ended by now."""
    with (
        started("resume", "trip", cwd=trip) as one,
        started("resume", "trip", cwd=trip) as other,
    ):
        assert one.stderr is not None
        assert other.stderr is not None
        first = {one: one.stderr.readline(), other: other.stderr.readline()}
    said = sorted(first.values())

    assert said[0].startswith("Error: The run trip is driven by process ")
    assert said[1] == "ready\n"


def test_a_program_that_was_changed_is_refused(killed: Path, tmp_path: Path) -> None:
    """Open turns would not do again what they did."""
    folder = tmp_path / "changed"
    shutil.copytree(killed, folder)
    file = folder / "ferry.py"
    file.write_text(FERRY.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    done = command("resume", "trip", "--program", file, cwd=folder, env=GO)

    assert done.code == 2
    assert "began with other code: __main__ changed since" in done.err


def test_a_program_that_is_elsewhere_now_can_be_named(trip: Path) -> None:
    """Another machine; the same text."""
    info = trip / ".agentmesh" / "runs" / "trip" / "run.json"
    text = info.read_text(encoding="utf-8")
    gone = json.loads(text)["entry"]["file"]
    info.write_text(text.replace(gone, "/nowhere/app.py"), encoding="utf-8")
    lost = command("resume", "trip", cwd=trip, env=GO)
    found = command("resume", "trip", "--program", FERRY, cwd=trip, env=GO)

    assert lost.code == 2
    assert "/nowhere/app.py, can't be imported" in lost.err
    assert "--program FILE" in lost.err
    assert found.code == 0, found.err


def test_a_run_whose_disk_is_full_can_be_resumed(tmp_path: Path) -> None:
    """It fails for now, and says how it goes on."""
    words = ("run", f"{FERRY}:talk", "--local", "--run-id", "long", "--input", CARGO)
    failed = limited(64, *words, cwd=tmp_path)
    listed, shown = (command(word, cwd=tmp_path) for word in ("runs", "show"))
    resumed = command("resume", "long", cwd=tmp_path)

    assert failed.code == 1
    assert "can't be written" in failed.err
    assert failed.err.splitlines()[-1].strip() == "agentmesh resume long"
    assert listed.out.splitlines()[1].split()[:2] == ["long", "failed"]
    assert "agentmesh resume long" in listed.err
    assert "agentmesh resume long" in shown.err
    assert (resumed.code, resumed.out) == (0, f"{len(WORDS)}\n")
    assert command("audit", "long", cwd=tmp_path).code == 0


def test_a_workflow_that_failed_offers_no_way_on(tmp_path: Path) -> None:
    """It has answered: there is nothing to resume."""
    shop = (f"{PROGRAMS / 'shop.py'}:fail", "--local", "--input", '{"item": "lamp"}')
    failed = command("run", *shop, cwd=tmp_path)

    assert "agentmesh show" in failed.err.splitlines()[-1]
    assert "agentmesh resume" not in command("runs", cwd=tmp_path).err


def test_a_store_that_cannot_be_written_is_named(trip: Path) -> None:
    """Nothing is lost, and nothing begins."""
    done = limited(0, "resume", "trip", cwd=trip)

    assert done.code == 1
    assert "driver.json can't be written" in done.err
    assert "--store" in done.err
    assert command("resume", "trip", cwd=trip, env=GO).code == 0


def test_a_store_that_is_gone_is_named(tmp_path: Path) -> None:
    """A path where nothing is, or where a file is."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    gone = command("resume", "trip", "--store", tmp_path / "none", cwd=tmp_path)
    file = command("resume", "trip", "--store", tmp_path / "file", cwd=tmp_path)

    assert "There is no store at" in gone.err
    assert gone.code == 1
    assert "There is no run 'trip'" in file.err
    assert file.code == 2


def test_another_hash_seed_that_python_insists_on_is_refused(trip: Path) -> None:
    """`python -I` ignores the environment, so the recorded seed can't be had."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "agentmesh", "resume", "trip"],
        cwd=trip,
        env=environment(**GO),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert done.returncode == 2
    assert "began under the hash seed" in done.stderr
    assert "PYTHONHASHSEED=" in done.stderr
