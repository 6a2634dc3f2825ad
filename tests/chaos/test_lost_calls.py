"""Ray loses calls between processes: the request, the reply, or either while it is under way."""

import json
from pathlib import Path

import pytest

from tests.chaos.drivers import Driver
from tests.chaos.runs import Chaos, program

pytestmark = [
    pytest.mark.ray,
    pytest.mark.own_ray,
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

PUSH = "CoreWorkerService.grpc_client.PushTask"
VARIABLE = "RAY_testing_rpc_failure"
"""Ray's own fault injection; read when Ray is started."""


def losing(requests: int, replies: int, in_flight: int) -> dict[str, str]:
    """Return the environment of a Ray that loses so many in a hundred calls of actors."""
    chances = {
        "num_failures": -1,
        "req_failure_prob": requests,
        "resp_failure_prob": replies,
        "in_flight_failure_prob": in_flight,
    }
    # Ray waits so long for news of an actor's death before it says that a call was lost.
    return {VARIABLE: json.dumps({PUSH: chances}), "RAY_timeout_ms_task_wait_for_death_info": "50"}


def test_a_run_whose_calls_are_lost_comes_to_its_result(tmp_path: Path, *, large: bool) -> None:
    """Each call may not arrive, or arrive without anybody being told."""
    run = Chaos(tmp_path / "runs", program("counters", 5_000 if large else 100, 2))
    with Driver(run, losing(10, 10, 5)) as driver:
        result = driver.result()
    run.check_result(result)
