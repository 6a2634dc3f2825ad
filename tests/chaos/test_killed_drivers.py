"""Whoever drives a run is killed, and somebody else goes on with it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.drivers import Driver
from tests.chaos.processes import journal_bytes, wait_until
from tests.chaos.runs import Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


def kill_after(run: Chaos, more: int, **chosen: Any) -> None:
    """Drive a run in a process that is killed when so many bytes more are journaled."""
    import ray

    enough = journal_bytes(run.folder) + more
    address = ray.get_runtime_context().gcs_address
    with Driver(run, address=address, **chosen) as driver:
        wait_until(
            lambda: journal_bytes(run.folder) >= enough or driver.process.poll() is not None,
            f"{more} bytes more",
        )
        assert driver.process.poll() is None, driver.process.communicate()
        driver.kill()


def test_a_run_whose_drivers_are_killed_comes_to_its_result(
    chaos: Callable[..., Chaos], *, large: bool
) -> None:
    """The first, and perhaps the one that resumed it, while its cluster and hosts live on."""
    times = 20 if large else 1
    run = chaos("bank", 120 * times, 3)
    kill_after(run, 15_000 * times)
    if large:
        kill_after(run, 40_000 * times, resume=True)
    run.check(run.resume())
