"""A host stands still for so long that it is taken for dead, and then it goes on."""

import contextlib
import random
import sys
import threading
from collections.abc import Callable

import psutil
import pytest

from agentmesh.fabric.options import SILENT_VARIABLE
from tests.chaos.processes import hosts, journal_bytes, wait_until
from tests.chaos.runs import Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


class Sleeper:
    """Stops a host, waits until another process has its place, and wakes it up.

    Args:
        run: The run.
        name: The host.
        after: Bytes that the run journals before.
    """

    def __init__(self, run: Chaos, name: str, after: int) -> None:
        self._run = run
        self._name = name
        self._after = after
        self._root = psutil.Process()
        self.ended_by = ""
        """How it ended that was woken up."""
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="sleeper", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until all of that was done."""
        self._thread.join(120.0)
        assert not self._thread.is_alive()
        assert self.problem is None, self.problem

    def _hosts(self) -> list[psutil.Process]:
        found = hosts(self._root, self._run.folder)
        return [process for name, process in found if name == self._name]

    def _work(self) -> None:
        try:
            wait_until(lambda: journal_bytes(self._run.folder) > self._after, "bytes")
            wait_until(self._hosts, self._name)
            self._stop()
        except BaseException as error:  # noqa: BLE001 - raised where it is asked for
            self.problem = error

    def _stop(self) -> None:
        stopped = self._hosts()[0]
        stopped.suspend()
        wait_until(lambda: any(each != stopped for each in self._hosts()), "a successor")
        self.ended_by = "its supervisor"
        with contextlib.suppress(psutil.NoSuchProcess):
            if stopped.status() != psutil.STATUS_ZOMBIE:
                self.ended_by = "itself"
            stopped.resume()
        wait_until(lambda: not stopped.is_running(), "the end of the old one")


def test_a_host_that_was_stopped_does_nothing_more_when_it_wakes_up(
    chaos: Callable[..., Chaos], monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    """Its successor has all that it had journaled; the old one ends."""
    monkeypatch.setenv(SILENT_VARIABLE, "1.5")
    times = 20 if large else 1
    run = chaos("ring", 100 * times, 8)
    name = random.SystemRandom().choice(["Station.2", "Terminus", "ring"])
    sleeper = Sleeper(run, name, 40_000 * times)
    outcome = run.run()
    sleeper.wait()
    sys.stdout.write(f"{name} was ended by {sleeper.ended_by}\n")
    run.check(outcome)
