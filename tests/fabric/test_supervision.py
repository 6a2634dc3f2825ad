"""Supervision on real Ray: each agent on a host of its own."""

import pytest

import agentmesh as am
from agentmesh.cli.facts import gather
from agentmesh.kernel.events import TimerFired
from tests.fabric import supervised_programs as programs
from tests.fabric.conftest import OnRay

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]


def test_a_restarted_agent_goes_on_with_its_last_good_state(on_ray: OnRay) -> None:
    """A poison message is tried twice, after a rest; then it is a dead letter."""
    finished = on_ray(programs.counts)

    assert finished.value == ["1", "3", "PoisonMessageError", "7"]
    (letter,) = gather(finished.run).dead_letters
    assert (letter.sender, letter.agent) == ("counts/root", "Counter/main")
    assert [attempt["turn"] for attempt in letter.history] == [3, 4]
    steps = finished.run.steps("Counter/main")
    assert sum(isinstance(step.event, TimerFired) for step in steps) == 2


def test_monitors_and_escalations_cross_hosts(on_ray: OnRay) -> None:
    """The team hears of its worker's failure, the workflow of both ends."""
    finished = on_ray(programs.loses_a_worker)

    assert finished.value == ["Worker/w escalated LookupError", "EscalatedError", "Team/t asked"]


def test_a_workflow_fails_with_an_agent_that_nobody_spawned(on_ray: OnRay) -> None:
    """Whatever it waits for."""
    finished = on_ray(programs.fails_with_its_worker)

    with pytest.raises(am.EscalatedError, match="Worker/alone failed") as caught:
        _ = finished.value
    assert isinstance(caught.value.original, LookupError)
