"""Runs that can't be gone on with: each is refused with why, before anything is written."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs
from structlog.testing import capture_logs

from agentmesh.errors import ResumeError, RunExistsError, StoreError, UnknownRunError
from agentmesh.journal.lease import Lease
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh import environment
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.resuming import check_spool, plan_again, resume
from tests.recovery import programs
from tests.recovery.recorded import change, interrupted, record, resumed

OTHER_SEED = {"hash_seed": "12345", "hash_fingerprint": "0"}

FOREIGN: dict[str, tuple[dict[str, Any], str, str]] = {
    "another python": ({"python": "3.99.1"}, "under Python 3.99.1; this is", "Python 3.99"),
    "other rules": (
        {"rules": 99, "agentmesh": "9.9"},
        "scheduling rules 99, of agentmesh 9.9",
        "agentmesh==9.9",
    ),
    "a hash seed": (OTHER_SEED, "the hash seed 12345", "PYTHONHASHSEED=12345"),
    "another workflow": (
        {"workflow": "nothing"},
        "'nothing' of the run whole is not in",
        "--program FILE",
    ),
    "no such file": (
        {"entry": {"module": "nowhere.at_all", "file": "/nowhere/all.py", "qualname": "x"}},
        "/nowhere/all.py, can't be imported",
        "--program FILE",
    ),
    "no such module": (
        {"entry": {"module": "nowhere.at_all", "file": "", "qualname": "x"}},
        "nowhere.at_all, can't be imported",
        "--program FILE",
    ),
    "changed sources": (
        {
            "sources": {"tests.recovery.programs": "0" * 64},
            "code": {"commit": "abc", "dirty": True},
        },
        "tests.recovery.programs changed since",
        "commit abc, with changes",
    ),
}


def everything_in(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder with their content."""
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize(("fields", "what", "fix"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_run_is_refused(
    tmp_path: Path, fields: dict[str, Any], what: str, fix: str
) -> None:
    """Another program, interpreter or version would do something else."""
    run, _ = interrupted(tmp_path)
    change(run, **fields)
    before = everything_in(run)
    with pytest.raises(ResumeError) as caught:
        resumed(run)

    error = caught.value
    assert what in error.what
    assert error.cause
    assert fix in error.fix
    assert everything_in(run) == before


def test_a_program_that_fails_to_import_is_refused(tmp_path: Path) -> None:
    """With what it says itself."""
    run, _ = interrupted(tmp_path)
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_that_exists\n", encoding="utf-8")
    change(run, entry={"module": "__main__", "file": str(broken), "qualname": "everything"})

    with pytest.raises(ResumeError, match="No module named 'nothing_that_exists'"):
        resumed(run)


def test_other_packages_are_a_warning(tmp_path: Path) -> None:
    """Most versions do the same; if one does not, recovery sees it."""
    run, expected = interrupted(tmp_path)
    packages = {**environment.packages(), "pydantic": "1.0", "gone": "3"}
    change(run, packages=packages)
    with capture_logs() as logs:
        outcome = resumed(run)

    assert outcome.result_json == expected
    assert any("gone 3 -> none" in str(log.get("changed")) for log in logs)
    assert any("pydantic 1.0 -> " in str(log.get("changed")) for log in logs)


def test_a_hash_seed_that_nobody_knows_is_a_warning(tmp_path: Path) -> None:
    """`python app.py` was killed: its seed can't be had again."""
    run, expected = interrupted(tmp_path)
    change(run, hash_seed=None, hash_fingerprint="0")
    with capture_logs() as logs:
        outcome = resumed(run)

    assert outcome.result_json == expected
    assert any("the hash seed" in str(log.get("changed")) for log in logs)


def test_a_finished_run_is_refused(tmp_path: Path) -> None:
    """Sealed, or not sealed yet."""
    run, expected = interrupted(tmp_path)
    assert resumed(run).result_json == expected
    with pytest.raises(ResumeError, match="The run whole has ended: done") as caught:
        resumed(run)

    assert caught.value.cause
    assert "agentmesh show whole" in caught.value.fix


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_whose_workflow_has_answered_is_refused(tmp_path: Path, status: str) -> None:
    """It failed for good, or was cancelled; that it could not be sealed changes nothing."""
    run, _ = record(tmp_path)
    change(run, status=status, ended_at_ns=time.time_ns())

    with pytest.raises(ResumeError, match=f"has ended: {status}"):
        resumed(run)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_broke_off_goes_on(tmp_path: Path, status: str) -> None:
    """Its disk was full, or somebody pressed Ctrl-C and the journal does not say so."""
    run, expected = interrupted(tmp_path)
    change(run, status=status, error={"what": "no room"}, ended_at_ns=time.time_ns())
    outcome = resumed(run)

    assert outcome.result_json == expected
    assert change(run)["status"] == "done"
    assert change(run)["error"] is None


def test_a_run_whose_time_is_over_is_refused(tmp_path: Path) -> None:
    """A deadline counts whether anybody drives the run or not."""
    run, _ = interrupted(tmp_path)
    change(run, created_at_ns=time.time_ns() - 200 * 10**9)
    with pytest.raises(ResumeError, match="it had 120 s, which ended 80 s ago") as caught:
        resumed(run)

    assert caught.value.cause
    assert "longer deadline" in caught.value.fix


def test_a_run_of_ray_is_not_resumed_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local driver knows one host only, and would begin again."""
    run, _ = interrupted(tmp_path)
    change(run, driver="ray")
    monkeypatch.setenv("AGENTMESH_LOCAL", "1")

    with pytest.raises(ResumeError, match="AGENTMESH_LOCAL is set"):
        resumed(run)


def test_a_run_that_is_nowhere_is_unknown(tmp_path: Path) -> None:
    """As for every command that names a run."""
    run, _ = interrupted(tmp_path)

    with pytest.raises(UnknownRunError, match="no run 'hole'"):
        resume("hole", store=str(run.parent))
    with pytest.raises(StoreError, match="There is no store"):
        resume("whole", store=str(tmp_path / "none"))


def test_a_run_can_be_named_by_its_directory(tmp_path: Path) -> None:
    """Its store is where it is, whatever the usual one is."""
    run, _ = interrupted(tmp_path)
    value = resume(run, quiet=True)

    assert value == programs.Total(**change(run)["result"])


def test_a_run_that_another_driver_ends_meanwhile_is_refused(tmp_path: Path) -> None:
    """It was looked at while it was interrupted; its lease was free again when it had ended."""
    run, expected = interrupted(tmp_path)
    options = RunOptions(local=True, store=str(run.parent), quiet=True)
    plan, workflow = plan_again("whole", options)
    late = Execution(plan, workflow, options, resumes=True)
    assert resumed(run).result_json == expected
    before = everything_in(run)
    with pytest.raises(ResumeError, match="has ended: done"):
        late.run()

    assert everything_in(run) == before


def test_a_second_run_of_an_id_is_told_who_drives_the_first(tmp_path: Path) -> None:
    """Two drivers on one run, as a script that was started twice."""
    store = Store(tmp_path)
    directory = store.create_run(RunInfo(id="one"))
    with Lease(directory), pytest.raises(RunExistsError) as caught:
        store.create_run(RunInfo(id="one"))

    assert f"driven by process {os.getpid()} on " in caught.value.what
    assert "agentmesh resume one" in caught.value.fix


OBSTACLES: dict[str, Callable[[Path], object]] = {
    "the lease": lambda run: (run / "driver.json").mkdir(),
    "the lock": lambda run: (run / "driver.lock").mkdir(),
    "fences": lambda run: (run / "fences").write_text("", encoding="utf-8"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES.keys())
def test_a_run_that_cannot_be_written_is_an_error_of_its_store(
    tmp_path: Path, obstacle: Callable[[Path], object]
) -> None:
    """Something stands where a file or folder must be made: not even root gets past it."""
    run, expected = interrupted(tmp_path)
    obstacle(run)
    try:
        error: BaseException | None = resumed(run).error
    except StoreError as raised:
        error = raised

    assert isinstance(error, StoreError)
    assert error.cause
    assert error.fix
    for name in ("driver.json", "driver.lock"):
        if (run / name).is_dir():
            (run / name).rmdir()
    if (run / "fences").is_file():
        (run / "fences").unlink()
    assert resumed(run).result_json == expected


def test_a_run_whose_end_is_in_another_machines_spool_is_refused(tmp_path: Path) -> None:
    """A store that can't be appended to has only what was closed."""
    (tmp_path / "far").mkdir()
    files = fs.SubTreeFileSystem(str(tmp_path / "far"), fs.LocalFileSystem())
    store = Store("runs", filesystem=files, spool=tmp_path / "spool")
    store.create_run(RunInfo(id="one"))

    with pytest.raises(ResumeError, match="is not on this machine") as caught:
        check_spool(store.attach("one"))
    assert str(tmp_path / "spool") in caught.value.what
    assert "mount" in caught.value.fix
