"""A script on a Ray that runs already: it joins it, and leaves it as it was."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.fabric.scripts import Script

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]


@pytest.mark.usefixtures("local_ray")
def test_a_script_that_fails_says_where(tmp_path: Path) -> None:
    """The traceback of the other process is under the caller's own."""
    import ray

    address = ray.get_runtime_context().gcs_address
    with closing(Script(tmp_path, "fail", RAY_ADDRESS=address)) as script:
        code, _, errors = script.finish()

    assert code == 1
    assert 'raise ValueError("nobody knows")' in errors
    assert "desk.py" in errors
    named = ray.util.list_named_actors(all_namespaces=True)
    assert [each for each in named if each["namespace"] == "agentmesh/desk"] == []
    assert ray.cluster_resources()["CPU"] == 2
