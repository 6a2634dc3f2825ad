"""One Ray for the runs of this folder that need none of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentmesh.fabric.cluster import connected
from agentmesh.fabric.options import RayOptions
from tests.chaos.runs import Chaos, program

HASH_SEED = "7"


@pytest.fixture(scope="session")
def large(request: pytest.FixtureRequest) -> bool:
    """Whether much is done: tens of thousands of messages a run, and more faults."""
    return bool(request.config.getoption("--chaos") == "large")


@pytest.fixture(scope="session")
def own_ray() -> Iterator[None]:
    """A fresh Ray with two CPUs."""
    with connected(RayOptions(address="local", num_cpus=2, log_to_driver=False), HASH_SEED):
        yield


@pytest.fixture
def chaos(own_ray: None, tmp_path: Path) -> Callable[..., Chaos]:
    """Make a run in a store of its own."""

    def make(name: str, n: int, width: int, place: str = "") -> Chaos:
        return Chaos(tmp_path / "runs", program(name, n, width, place))

    return make
