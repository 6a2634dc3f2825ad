"""Every bug of the zoo is found, made small, and not found in its twin."""

import pytest

from agentmesh.simulation.hunting import Strategy
from tests.zoo.bugs import Bug
from tests.zoo.every import BUGS

SCHEDULES = 60
STRATEGIES: tuple[Strategy, ...] = ("random", "pct", "all")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_bug_is_found_and_takes_few_deviations_to_repeat(bug: Bug, strategy: Strategy) -> None:
    """Each bug shows in some schedules only, or in each."""
    found = bug.hunt(strategy, SCHEDULES, seed="zoo").found

    assert found is not None
    assert len(found.case.held) <= bug.depth


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_corrected_twin_raises_no_alarm(bug: Bug) -> None:
    """The same program without the bug, in every schedule that differs, or in many."""
    assert bug.hunt("all", 200, fixed=True).found is None
    assert bug.hunt("mixed", 20, fixed=True, seed="twin").found is None


def test_the_zoo_is_large_enough() -> None:
    """What is claimed of it is claimed of at least twenty bugs with different names."""
    assert len({bug.name for bug in BUGS}) >= 20
