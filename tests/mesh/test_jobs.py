"""What the front door decides when `ray job submit` started the program."""

import json
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.fabric.jobs import CONFIG_VARIABLE
from agentmesh.mesh.options import store_location
from agentmesh.mesh.replaying import entry_from
from tests.mesh import programs

JOB = json.dumps({"metadata": {"job_submission_id": "raysubmit_abc"}})


def test_a_job_gives_its_run_its_own_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows the job finds the run."""
    monkeypatch.setenv(CONFIG_VARIABLE, JOB)

    for _ in range(2):
        am.run(programs.ask_once, programs.Question(), local=True, store=str(tmp_path), quiet=True)

    ids = [info.id for info in am.runs(store=str(tmp_path))]
    assert all(one.startswith("raysubmit_abc") for one in ids)
    assert len(set(ids)) == len(ids)
    assert am.open_run(ids[0], store=str(tmp_path)).info.submission_id == "raysubmit_abc"


def test_a_job_keeps_its_runs_outside_the_unpacked_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray deletes the copy that the job works in."""
    copy = tmp_path / "working_dir_files" / "_ray_pkg_1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)

    assert not Path(store_location()).is_relative_to(copy)
    assert store_location(str(tmp_path / "kept")) == str(tmp_path / "kept")


def test_a_replay_finds_the_program_of_a_job_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is gone; the original is here."""
    am.run(
        programs.ask_once,
        programs.Question(),
        local=True,
        store=str(tmp_path),
        run_id="r",
        quiet=True,
    )
    info = am.open_run("r", store=str(tmp_path)).info
    gone = info.entry.__class__(module="__main__", file="/gone/_ray_pkg_1/desk/app.py")
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "app.py").write_text("")
    monkeypatch.chdir(tmp_path)

    found = entry_from(info.__class__(id="r", workflow="w", entry=gone))

    assert found.file == str(tmp_path / "desk" / "app.py")
