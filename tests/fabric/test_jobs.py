"""The same file as a job on a cluster that somebody else started, with dashboard and token."""

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from tests.fabric.ray_cluster import JOB_SECONDS, RayCluster
from tests.fabric.scripts import DESK

pytestmark = [pytest.mark.ray, pytest.mark.own_ray, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A cluster, started by hand."""
    cluster = RayCluster(token="s" * 32)
    try:
        cluster.wait_until_up()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory to submit."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "desk.py").write_text(
        DESK.replace(
            'pathlib.Path(__file__).with_name("ready")',
            f"pathlib.Path({str(tmp_path / 'ready')!r})",
        ),
        encoding="utf-8",
    )
    return folder


def the_run(store: Path) -> Run:
    """Open the only run there is."""
    return Store(store).open_run("desk")


def test_a_job_runs_and_its_run_is_in_the_store(
    cluster: RayCluster, project: Path, tmp_path: Path
) -> None:
    """`ray job submit --working-dir . -- python desk.py`: nothing in the file knows of it."""
    store = tmp_path / "store"
    code, output = cluster.submit(
        "job-good", project, sys.executable, "desk.py", "hello", AGENTMESH_STORE=str(store)
    )

    assert code == 0, output
    assert "1: HELLO" in output
    assert "deleted" not in output
    with the_run(store) as run:
        assert (run.info.status, run.info.submission_id) == ("done", "job-good")
        assert run.addresses() == ["Clerk/main", "desk/root", "shout/main"]
    assert not list(project.rglob(".agentmesh"))


def test_a_job_whose_workflow_fails_has_failed(
    cluster: RayCluster, project: Path, tmp_path: Path
) -> None:
    """The exit code mirrors the workflow, and the job's log has the remote traceback."""
    code, output = cluster.submit(
        "job-bad", project, sys.executable, "desk.py", "fail", AGENTMESH_STORE=str(tmp_path / "s")
    )

    assert code == 1, output
    assert 'raise ValueError("nobody knows")' in output
    with the_run(tmp_path / "s") as run:
        assert run.info.status == "failed"


def test_a_job_that_is_stopped_flushes_its_journal_and_leaves_no_actor(
    cluster: RayCluster, project: Path, tmp_path: Path
) -> None:
    """Ray gives three seconds; open work is journaled as cancelled by then."""
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    arguments = (sys.executable, "desk.py", "wait")
    cluster.submit("job-stop", project, *arguments, wait=False, AGENTMESH_STORE=str(tmp_path / "s"))
    assert select.select([ready], [], [], JOB_SECONDS)[0], cluster.command("logs", "job-stop")
    os.close(ready)
    code, output = cluster.command("stop", "job-stop")

    assert code == 0, output
    with the_run(tmp_path / "s") as run:
        ends = [each.body.outcome for each in run.entries() if isinstance(each.body, FinishTurn)]
        assert run.info.status == "failed"
        assert ends == ["cancelled", "cancelled"]
    assert cluster.actors("agentmesh/") == []
