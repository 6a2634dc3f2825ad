"""The supervisor of a run is killed: its hosts end with it, and another one brings them back."""

import random
from collections.abc import Callable

import pytest

from tests.chaos.killing import Strike
from tests.chaos.processes import SUPERVISOR
from tests.chaos.runs import Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_run_whose_supervisors_and_hosts_are_killed_comes_to_its_result(
    chaos: Callable[..., Chaos],
    *,
    large: bool,
) -> None:
    """A supervisor, a host while its successor is being restored, and another supervisor."""
    seed = random.SystemRandom().randrange(10**6)
    times = 20 if large else 1
    strikes = [Strike(15_000 * times, SUPERVISOR), Strike(10_000 * times, "")]
    if large:
        strikes.append(Strike(10_000 * times, SUPERVISOR))
    run = chaos("bank", 60 * times, 3)
    run.check(run.struck(strikes, seed))
