"""Who kills: in a thread of its own, each time that a run has journaled so much more."""

import random
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from tests.chaos.processes import (
    SUPERVISOR,
    WAIT_SECONDS,
    await_ends,
    hosts,
    journal_bytes,
    supervisors,
    wait_until,
)


@dataclass(frozen=True)
class Strike:
    """One process that is killed."""

    after: int
    """Bytes that the run journals before, counted from the strike before."""
    what: str
    """Name of a host, `supervisor`, or empty for any host."""
    number: int = signal.SIGKILL
    """The signal."""


@dataclass
class Killer:
    """Strikes while it is entered; whoever leaves it knows that all was done.

    Args:
        run: Directory of the run.
        strikes: What is done, in order.
        seed: Which host it is where any will do.
        root: Whose children are hosts.
    """

    run: Path
    strikes: list[Strike]
    seed: int
    root: psutil.Process = field(default_factory=psutil.Process)
    struck: list[str] = field(default_factory=list)
    """What was done so far."""
    problem: BaseException | None = None

    def __post_init__(self) -> None:
        """Make ready."""
        self._random = random.Random(self.seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="killer", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        sys.stdout.write(f"chaos seed {self.seed}: {self.strikes}\n")
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let the run's end be the end of it."""
        self._over.set()
        self._thread.join(WAIT_SECONDS)
        sys.stdout.write(f"struck: {self.struck}\n")

    def check(self) -> None:
        """Make sure that everything happened while the run went on."""
        assert self.problem is None, self.problem
        assert len(self.struck) == len(self.strikes), "the run ended before all was done to it"

    def _work(self) -> None:
        try:
            for strike in self.strikes:
                self._strike(strike)
        except BaseException as error:  # noqa: BLE001 - raised where it is asked for
            self.problem = error

    def _strike(self, strike: Strike) -> None:
        enough = journal_bytes(self.run) + strike.after
        self._wait(lambda: journal_bytes(self.run) >= enough, f"{strike.after} bytes more")
        found: list[tuple[str, psutil.Process]] = []

        def look() -> bool:
            found[:] = self._victims(strike.what)
            return bool(found)

        self._wait(look, f"a process of {strike.what or 'any host'}")
        if not found:
            return
        name, process = self._random.choice(sorted(found, key=lambda each: each[0]))
        process.send_signal(strike.number)
        self.struck.append(f"{name} ({process.pid})")
        if strike.number == signal.SIGKILL:
            await_ends([process])  # or it might be found once more

    def _wait(self, holds: Callable[[], object], what: str) -> None:
        wait_until(lambda: self._over.is_set() or holds(), what)

    def _victims(self, what: str) -> list[tuple[str, psutil.Process]]:
        if what == SUPERVISOR:
            return [(SUPERVISOR, process) for process in supervisors(self.root)]
        every = hosts(self.root, self.run)
        return [(name, process) for name, process in every if not what or name == what]
