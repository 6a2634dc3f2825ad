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


VICTIMS = ["Straggler.1", SUPERVISOR]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill each where there is time for it, and otherwise one of them."""
    large = metafunc.config.getoption("--chaos") == "large"
    metafunc.parametrize("victims", [[each] for each in VICTIMS] if large else [VICTIMS])


def test_work_that_goes_on_after_the_result_is_done_all_the_same(
    chaos: Callable[..., Chaos], victims: list[str]
) -> None:
    """Its host is restored; or another supervisor brings all hosts back, and ends the run."""
    what = random.choice(victims)
    run = chaos("leaves_work", 50, 2)
    run.check(run.struck([Strike(30_000, what)], 0))
    with Store(run.store).open_run(RUN) as opened:
        bodies = [entry.body for entry in opened.entries() if isinstance(entry.body, FinishTurn)]
    assert [body.outcome for body in bodies] == [DONE] * 101
