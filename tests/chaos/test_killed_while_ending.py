"""What is killed after the workflow has returned, while what it left is being done."""

import random
from collections.abc import Callable

import pytest

from agentmesh.journal.store import Store
from agentmesh.kernel.commands import DONE, FinishTurn
from tests.chaos.killing import Strike
from tests.chaos.processes import SUPERVISOR
from tests.chaos.runs import RUN, Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill either where there is time for it."""
    large = metafunc.config.getoption("--chaos") == "large"
    every = ["Straggler.1", SUPERVISOR]
    metafunc.parametrize("what", every if large else [random.SystemRandom().choice(every)])


def test_work_that_goes_on_after_the_result_is_done_all_the_same(
    chaos: Callable[..., Chaos], what: str
) -> None:
    """Its host is restored; or another supervisor brings all hosts back, and ends the run."""
    run = chaos("leaves_work", 50, 2)
    run.check(run.struck([Strike(30_000, what)], 0))
    with Store(run.store).open_run(RUN) as opened:
        bodies = [entry.body for entry in opened.entries() if isinstance(entry.body, FinishTurn)]
    assert [body.outcome for body in bodies] == [DONE] * 101
