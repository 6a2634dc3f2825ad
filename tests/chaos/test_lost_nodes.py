"""Whole nodes of a cluster are lost, with all that runs there."""

import secrets
from pathlib import Path

import pytest

from agentmesh.fabric.options import SILENT_VARIABLE
from tests.chaos.drivers import Subprocess
from tests.chaos.runs import Chaos, program

pytestmark = [
    pytest.mark.ray,
    pytest.mark.own_ray,
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


def test_a_run_whose_nodes_are_lost_goes_on_where_there_is_another(
    tmp_path: Path, *, large: bool
) -> None:
    """Agents that only some nodes can have move to a node that can have them."""
    n, lost = (5_000, 3) if large else (600, 1)
    run = Chaos(tmp_path / "runs", program("outposts", n, 2))
    environment = {"RAY_AUTH_TOKEN": secrets.token_hex(32), SILENT_VARIABLE: "3"}
    arguments = (str(run.store), str(n), str(lost))
    with Subprocess("tests.chaos.nodes", *arguments, environment=environment) as nodes:
        result = nodes.result()
    run.check_result(result)
