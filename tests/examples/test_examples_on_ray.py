"""Examples on the Ray that runs already: only the environment says so."""

from pathlib import Path

import pytest

from tests.examples.running import assert_as_expected, replay_elsewhere, run_example

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.mark.usefixtures("local_ray")
def test_the_same_file_runs_on_ray(tmp_path: Path):
    """Without AGENTMESH_LOCAL nothing else changes: output, journal and replay are alike."""
    import ray

    address = ray.get_runtime_context().gcs_address
    ran = run_example("hello.py", store=tmp_path, AGENTMESH_LOCAL="0", RAY_ADDRESS=address)

    assert ran.code == 0, ran.err
    assert_as_expected("hello.py", ran.out)
    replayed = replay_elsewhere(ran)
    assert (replayed["agents"], replayed["divergences"]) == (3, [])
