"""Random agent programs, run on real Ray over several hosts, replay identically elsewhere."""

from pathlib import Path
from random import Random

import pytest

import agentmesh as am
from tests.replay import random_programs
from tests.replay.conftest import OtherProcess
from tests.replay.program_strategies import some_operations

PROGRAMS = 150


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_hundreds_of_programs_run_on_ray_replay_without_divergence(
    seed: int, tmp_path: Path, other_process: OtherProcess
) -> None:
    """Messages race between hosts; whatever order they came in is the order of the record."""
    source = Random(seed)
    programs = [some_operations(source) for _ in range(PROGRAMS)]

    seen = am.run(
        random_programs.many,
        random_programs.Batch(programs=programs),
        store=str(tmp_path),
        run_id="on-ray",
        quiet=True,
    )
    found = other_process.replay(tmp_path, "on-ray")

    assert len(seen) == PROGRAMS
    assert found.get("error") is None, found
    assert found["divergences"] == [], found["divergences"][0]["text"]
    assert found["turns"] > PROGRAMS
