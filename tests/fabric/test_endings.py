"""Runs that end badly: hosts that die, disks that are full, users who lose patience."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable

import pytest

import agentmesh as am
from agentmesh.fabric.options import RayOptions
from agentmesh.fabric.supervisor import namespace_of
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn
from tests.fabric import ending_programs
from tests.fabric.conftest import OnRay

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]


def outcomes(run: Run) -> Counter[str]:
    """Count how messages ended."""
    return Counter(
        command.outcome
        for address in run.addresses()
        for step in run.steps(address)
        for command in step.commands
        if isinstance(command, FinishTurn)
    )


def interrupt_when(run: Callable[[], Run], address: str) -> Callable[[int], None]:
    """Interrupt, as Ctrl-C does, once an agent has got its message."""

    def look(_events: int) -> None:
        if address in run().addresses():
            raise KeyboardInterrupt

    return look


def test_a_host_that_dies_each_time_ends_the_run_with_a_clear_error(on_ray: OnRay) -> None:
    """Nobody waits for ever; what was open stays open, so that the run can be resumed."""
    with pytest.raises(am.FabricError, match=r"host Doomed .* has died") as caught:
        on_ray(ending_programs.a_host_dies)

    assert "memory runs out" in str(caught.value)
    assert "agentmesh resume" in str(caught.value)
    with on_ray.open() as run:
        assert run.addresses() == ["Doomed/main", "a_host_dies/root"]
        assert outcomes(run) == {}


def test_a_full_disk_ends_the_run_with_the_file_and_what_is_safe(on_ray: OnRay) -> None:
    """The host can't write its journal: nothing leaves it any more."""
    with pytest.raises(am.JournalError, match=r"Doomed-\d+\.log can't be written") as caught:
        on_ray(ending_programs.a_disk_is_full)

    assert "safe" in str(caught.value)
    with on_ray.open() as run:
        assert "Doomed/main" in run.addresses()


def test_an_interrupted_run_is_journaled_to_its_end_within_two_seconds(on_ray: OnRay) -> None:
    """Ctrl-C: open work is cancelled on every host, and the caller gets its interrupt."""
    interrupted: list[float] = []
    look = interrupt_when(on_ray.open, "Sleeper/main")

    def impatient(events: int) -> None:
        try:
            look(events)
        except KeyboardInterrupt:
            interrupted.append(time.monotonic())
            raise

    with pytest.raises(KeyboardInterrupt):
        on_ray(ending_programs.never_returns, on_progress=impatient)
    took = time.monotonic() - interrupted[0]

    with on_ray.open() as run:
        assert outcomes(run) == {"cancelled": 2}
        assert run.torn == {}
    assert took < 2.0 + SLACK_SECONDS


SLACK_SECONDS = 2.0
"""The machine may be busy with other things."""


def test_a_host_whose_loop_is_blocked_does_not_hold_up_the_end(on_ray: OnRay) -> None:
    """It is killed in the middle of its computation; its journal is readable up to there."""
    with pytest.raises(KeyboardInterrupt):
        on_ray(
            ending_programs.a_loop_is_blocked,
            on_progress=interrupt_when(on_ray.open, "Blocked/main"),
        )

    with on_ray.open() as run:
        assert "Blocked/main" in run.addresses()


def test_a_program_that_is_not_on_the_worker_is_named_with_the_way_to_bring_it(
    on_ray: OnRay,
) -> None:
    """A node of the cluster without the script."""
    with pytest.raises(am.FabricError, match=r"app\.py' is not on this machine") as caught:
        on_ray(ending_programs.never_returns, file="/nowhere/app.py")

    assert "working-dir" in str(caught.value)


def test_another_cluster_than_the_one_this_process_is_in_is_refused(on_ray: OnRay) -> None:
    """A process is connected to one Ray; a run elsewhere would silently be a run here."""
    with pytest.raises(am.FabricError, match=r"not to 192\.0\.2\.1:6379"):
        on_ray(ending_programs.never_returns, options=RayOptions(address="192.0.2.1:6379"))


def test_a_run_whose_supervisors_die_again_and_again_gives_up(on_ray: OnRay) -> None:
    """Each is replaced, but not for ever; the run can be resumed."""
    import ray

    namespace = namespace_of("run-0")

    def kill(_events: int) -> None:
        for each in ray.util.list_named_actors(all_namespaces=True):
            if each["namespace"] == namespace and str(each["name"]).startswith("supervisor"):
                with contextlib.suppress(ValueError):  # it has died meanwhile
                    ray.kill(ray.get_actor(str(each["name"]), namespace=namespace))

    with pytest.raises(am.FabricError, match=r"supervisor has died \d+ times") as caught:
        on_ray(ending_programs.never_returns, on_progress=kill)
    assert "agentmesh resume" in str(caught.value)
