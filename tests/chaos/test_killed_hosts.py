"""Hosts are killed with SIGKILL, whenever their run has journaled so much more."""

import random
from collections.abc import Callable

import pytest

from tests.chaos.killing import Strike
from tests.chaos.runs import Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

CASES = [("word_count", 60, 3), ("counters", 300, 2), ("bank", 100, 3), ("ring", 60, 8)]
"""Programs, and how much they do; the others are killed elsewhere in this folder, too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take all programs where there is time for it."""
    large = metafunc.config.getoption("--chaos") == "large"
    metafunc.parametrize(("name", "n", "width"), CASES if large else CASES[:1])


def test_a_run_whose_hosts_are_killed_comes_to_its_result(
    chaos: Callable[..., Chaos], *, large: bool, name: str, n: int, width: int
) -> None:
    """Any host, the root's as well, in the middle of anything."""
    seed = random.SystemRandom().randrange(10**6)
    times = 20 if large else 1
    strikes = [Strike(20_000 * times, "") for _ in range(2)]
    run = chaos(name, n * times, width)
    run.check(run.struck(strikes, seed))
