"""Hosts are killed with SIGKILL, whenever their run has journaled so much more."""

import random
from collections.abc import Callable

import pytest

from tests.chaos.killing import Strike
from tests.chaos.runs import Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("name", "n", "width", "kills"),
    [("counters", 300, 2, 2), ("bank", 100, 3, 2), ("ring", 60, 8, 2), ("word_count", 60, 3, 2)],
)
def test_a_run_whose_hosts_are_killed_comes_to_its_result(
    chaos: Callable[..., Chaos], *, large: bool, name: str, n: int, width: int, kills: int
) -> None:
    """Any host, the root's as well, in the middle of anything."""
    seed = random.SystemRandom().randrange(10**6)
    times = 20 if large else 1
    strikes = [Strike(20_000 * times, "") for _ in range(kills)]
    run = chaos(name, n * times, width)
    run.check(run.struck(strikes, seed))
