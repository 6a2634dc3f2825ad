"""A driver that vanishes without a word must not leave its run's processes on the cluster."""

import signal
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agentmesh.fabric.options import SILENT_VARIABLE
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from agentmesh.mesh.condition import INTERRUPTED, condition_of
from tests.fabric.scripts import Script

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(200)]

SILENT_SECONDS = 8.0
ACTORS = ("ray::HostActor", "ray::SupervisorActor")


def actor_processes() -> list[psutil.Process]:
    """Return the processes of this Ray that belong to runs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if title.startswith(ACTORS):
            found.append(process)
    return found


@pytest.mark.usefixtures("local_ray")
def test_a_run_whose_driver_was_killed_is_left_to_be_resumed(tmp_path: Path) -> None:
    """Nobody asks the supervisor any more: it closes the journal and goes; open work stays open."""
    import ray

    address = ray.get_runtime_context().gcs_address
    silence = {SILENT_VARIABLE: str(SILENT_SECONDS)}
    with closing(Script(tmp_path, "wait", RAY_ADDRESS=address, **silence)) as script:
        script.wait_until_ready()
        actors = actor_processes()
        script.process.send_signal(signal.SIGKILL)
        script.finish()
        gone, alive = psutil.wait_procs(actors, timeout=SILENT_SECONDS + 60.0)

    assert len(gone) >= 3  # the supervisor and two hosts
    assert alive == []
    named = ray.util.list_named_actors(all_namespaces=True)
    assert [each for each in named if each["namespace"] == "agentmesh/desk"] == []
    with Store(tmp_path / ".agentmesh" / "runs").open_run("desk") as run:
        assert not any(isinstance(entry.body, FinishTurn) for entry in run.entries())
        assert run.torn == {}
        condition = condition_of(run)
        assert (condition.status, condition.can_resume) == (INTERRUPTED, True)
