"""Machines whose clock is set, whose disk is slow, and whose disk is full."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentmesh.errors import JournalError
from agentmesh.journal.store import Store
from agentmesh.mesh.condition import condition_of
from tests.chaos import bad_machines
from tests.chaos.programs import Size
from tests.chaos.runs import RUN, Chaos, Program

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def suffering(own_ray: None, tmp_path: Path, *, large: bool) -> Callable[..., Chaos]:
    """Make a run on bad machines."""

    def make(workflow: Callable[..., object], n: int, rounds: int) -> Chaos:
        size = Size(n=n * 10 if large else n)
        chosen = Program(workflow, size, bad_machines.expected(size, rounds))
        return Chaos(tmp_path / "runs", chosen)

    return make


def test_setting_the_clock_of_a_machine_changes_nothing(suffering: Callable[..., Chaos]) -> None:
    """No deadline strikes, no timer waits for hours, and no agent's time goes back."""
    run = suffering(bad_machines.set_clocks, 100, 3)
    began = time.monotonic()
    run.check(run.run())
    assert time.monotonic() - began < 600


def test_a_slow_disk_makes_a_run_slow_and_nothing_else(suffering: Callable[..., Chaos]) -> None:
    """Everything has its end before the run has, however long that takes."""
    run = suffering(bad_machines.slow_disk, 100, 2)
    run.check(run.run(durability="disk"))


def test_a_run_whose_disk_is_full_goes_on_when_there_is_room(
    suffering: Callable[..., Chaos],
) -> None:
    """The run stops and says why; whoever resumes it finds all that was written."""
    run = suffering(bad_machines.full_disk, 400, 2)
    outcome = run.run()
    assert isinstance(outcome.error, JournalError)
    run.check_nothing_lives()
    with Store(run.store).open_run(RUN) as opened:
        assert condition_of(opened).can_resume
    run.check(run.resume())
