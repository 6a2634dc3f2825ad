"""A driver that vanishes without a word must not leave its run on the cluster forever."""

import signal
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agentmesh.fabric.supervisor import LEASE_SECONDS
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from tests.fabric.scripts import Script

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(200)]

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
def test_a_run_whose_driver_was_killed_ends_by_itself(tmp_path: Path) -> None:
    """Nobody asks the supervisor any more: it ends open work, closes the journal, and goes."""
    import ray

    address = ray.get_runtime_context().gcs_address
    with closing(Script(tmp_path, "wait", RAY_ADDRESS=address)) as script:
        script.wait_until_ready()
        actors = actor_processes()
        script.process.send_signal(signal.SIGKILL)
        script.finish()
        gone, alive = psutil.wait_procs(actors, timeout=LEASE_SECONDS + 30.0)

    assert len(gone) >= 3  # the supervisor and two hosts
    assert alive == []
    named = ray.util.list_named_actors(all_namespaces=True)
    assert [each for each in named if each["namespace"] == "agentmesh/desk"] == []
    with Store(tmp_path / ".agentmesh" / "runs").open_run("desk") as run:
        bodies = [entry.body for entry in run.entries()]
        ends = [body.outcome for body in bodies if isinstance(body, FinishTurn)]
        assert ends == ["cancelled", "cancelled"]
        assert run.torn == {}
