"""Samples made on several processes, and handed out in the order of their numbers.

The processes are forked: what an arm is, functions included, is there without travelling, and
whoever is told a number answers with plain values. What comes first does not matter: samples
are asked for ahead of time, kept until it is their turn, and dropped if they are not wanted any
more. So the same experiment comes to the same result on any number of processes.

A process that dies, or takes too long for a sample, ends the experiment: a sample left out because
it was hard would make everything that is said of the others wrong.
"""

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from agentmesh.errors import AgentMeshError, UsageError, describe, rebuild

Made = dict[str, dict[str, Any]]
"""By arm, a sample as plain values."""
Make = Callable[[int, Sequence[str]], Made]
"""Makes sample number so-and-so of some arms."""

SAMPLE_SECONDS = 600.0
"""How long one number may take, all arms together."""
AHEAD = 2
"""Numbers that each process is asked for before the one before is wanted."""
_END_SECONDS = 5.0
_ORPHAN_SECONDS = 5.0
"""How often a process looks whether anybody is there to ask it."""


class Crew:
    """Makes samples.

    Args:
        make: Makes one number.
        processes: How many; 1 for this one alone.
        sample_seconds: How long one number may take on a process of its own.
    """

    def __init__(self, make: Make, processes: int, sample_seconds: float = SAMPLE_SECONDS) -> None:
        self._make = make
        self._seconds = sample_seconds
        self._hands = [_Hand(make) for _ in range(processes if processes > 1 else 0)]
        self._kept: dict[int, tuple[Made, bytes]] = {}
        self._next = 0

    def sample(self, number: int, arms: Sequence[str], until: int) -> Made:
        """Return samples of that number.

        Args:
            number: Counted from 0, each asked for once and in order.
            arms: Of which arms.
            until: The number before which samples are certainly wanted, as far as is known.

        Raises:
            AgentMeshError: What making them raised, or a process died.
        """
        if not self._hands:
            return self._make(number, arms)
        end = time.monotonic() + self._seconds
        while number not in self._kept:
            self._ask(arms, until)
            busy = {hand.connection: hand for hand in self._hands if hand.asked}
            for ready in wait(list(busy), timeout=max(0.0, end - time.monotonic())):
                self._take(busy[ready])  # type: ignore[index]  # a connection, as it was given
            if time.monotonic() >= end and number not in self._kept:
                raise AgentMeshError(
                    f"Sample {number} has not come to an end within {self._seconds:g} s.",
                    cause="Usually an agent waits for something that does not answer.",
                    fix="Give the workflow a shorter deadline, or the experiment more time: "
                    "sample_seconds=3600.",
                )
        made, error = self._kept.pop(number)
        if error:
            raise rebuild(error)
        return made

    def _ask(self, arms: Sequence[str], until: int) -> None:
        for depth in range(AHEAD):
            for hand in self._hands:
                if self._next < until and len(hand.asked) == depth:
                    hand.ask(self._next, arms)
                    self._next += 1

    def _take(self, hand: "_Hand") -> None:
        try:
            number, made, error = hand.connection.recv()
        except (EOFError, OSError):
            raise AgentMeshError(
                f"A process died while it made sample {hand.asked[0]}.",
                cause="Usually it ran out of memory, was killed, or the program ended it.",
                fix="Run the samples in this process to see why: processes=1.",
            ) from None
        hand.asked.remove(number)
        self._kept[number] = (made, error)  # an error counts when it is its turn, if it comes to it

    def close(self) -> None:
        """End the processes."""
        for hand in self._hands:
            hand.close()


class _Hand:
    """One process."""

    def __init__(self, make: Make) -> None:
        self.asked: list[int] = []
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(make, theirs), daemon=True)
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Newer Pythons warn of other threads, which may hold locks: ours touch none of
            # what a sample needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()

    def ask(self, number: int, arms: Sequence[str]) -> None:
        """Ask for a number."""
        self.asked.append(number)
        self.connection.send((number, tuple(arms)))

    def close(self) -> None:
        """End it."""
        self.connection.close()
        self._process.kill()  # it holds nothing that must be written
        self._process.join(_END_SECONDS)


def _work(make: Make, connection: Connection) -> None:
    """Make samples until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    parent = os.getppid()
    while True:
        try:
            while not connection.poll(_ORPHAN_SECONDS):
                if os.getppid() != parent:
                    return
            number, arms = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (number, make(number, arms), b"")
        except BaseException as error:  # noqa: BLE001 - travels home
            answer = (number, {}, describe(error))
        try:
            connection.send(answer)
        except OSError:
            return


def processes_for(wanted: int, samples: int) -> int:
    """Return how many processes to use.

    Args:
        wanted: By the user; 0 for as many as there are processors.
        samples: How many numbers there may be.

    Raises:
        UsageError: The number is negative.
    """
    if wanted < 0:
        raise UsageError(f"{wanted} processes can't be.", fix="Give 0 for as many as fit, or more.")
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    many = wanted or len(os.sched_getaffinity(0))
    return max(1, min(many, samples))
