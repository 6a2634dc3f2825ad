"""Replay on several processes: cells are independent, so each process takes some agents.

Every process opens the run and imports the program once, then takes small groups of
agents from a common queue until none is left: who has big agents takes fewer groups.
Processes are spawned, never forked: they inherit the environment, and with it the
hash seed, and nothing else.
"""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_longlong
from typing import Any, TypeVar

from agentmesh.errors import AgentMeshError
from agentmesh.replay.driver import Progress, Replayer, Report

Open = Callable[[], Replayer]
"""Opens the run in a process of its own: a function that can be pickled."""

GROUPS_PER_PROCESS = 8
"""More groups spread uneven agents better, and each costs a message or two."""

Part = TypeVar("Part")
Opened = TypeVar("Opened")
Work = Callable[[Opened, list[str], Progress], Part]
"""What a process does with a group of agents: a function that can be pickled."""

_TOLD_SECONDS = 0.25
_COUNT, _STOP = 0, 1


def replay_in_processes(
    opens: Open,
    addresses: Sequence[str],
    processes: int,
    on_progress: Progress | None = None,
) -> Report:
    """Replay agents on several processes.

    Args:
        opens: Opens the run; called once in each process.
        addresses: Which agents.
        processes: How many processes, at most.
        on_progress: Called now and then with the number of events replayed by all.

    Returns:
        What all of them replayed together.

    Raises:
        AgentMeshError: What opening the run or replaying raised, or a process died.
    """
    report = Report(run_id="")
    for part in in_processes(opens, _replayed, addresses, processes, on_progress):
        report.run_id = part.run_id
        report.merge(part)
    return report


def in_processes(
    opens: Callable[[], Opened],
    work: Work[Opened, Part],
    addresses: Sequence[str],
    processes: int,
    on_progress: Progress | None = None,
) -> list[Part]:
    """Do some work on groups of agents, on several processes.

    Args:
        opens: Opens the run; called once in each process, whose work is given what it returns.
        work: What is done with each group.
        addresses: Which agents, or whatever else names a piece of work.
        processes: How many processes, at most.
        on_progress: Called now and then with the number of events replayed by all.

    Returns:
        What became of each group, in the order in which they were ready.

    Raises:
        AgentMeshError: What opening the run or the work raised, or a process died.
    """
    context = multiprocessing.get_context("spawn")
    shared = context.Array(c_longlong, 2)
    groups = grouped(addresses, processes * GROUPS_PER_PROCESS)
    workers = max(1, min(processes, len(groups)))
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(shared,)
    ) as pool:
        try:
            futures = [pool.submit(_do, opens, work, group) for group in groups]
            return _merged(futures, lambda: _tell(shared, on_progress))
        except BrokenProcessPool as error:
            raise AgentMeshError(
                "A process that replayed some of the agents died.",
                cause="Usually it ran out of memory, or was killed.",
                fix="Replay with --processes 1, or some agents at a time with --agent.",
            ) from error
        except BaseException:
            shared[_STOP] = 1
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def grouped(addresses: Sequence[str], count: int) -> list[list[str]]:
    """Deal agents out into at most so many groups, one after the other; none is empty."""
    groups = [list(addresses[start::count]) for start in range(min(count, len(addresses)))]
    return [group for group in groups if group]


def _tell(shared: Any, on_progress: Progress | None) -> None:
    if on_progress is not None:
        on_progress(shared[_COUNT])


def _merged(futures: list[Future[Part]], on_wait: Callable[[], None]) -> list[Part]:
    parts: list[Part] = []
    waiting = {*futures}
    while waiting:
        done, waiting = wait(waiting, timeout=_TOLD_SECONDS, return_when=FIRST_COMPLETED)
        # In the order of their making, whichever was first.
        parts += [future.result() for future in futures if future in done]
        on_wait()
    return parts


class _Process:
    """What one process keeps between two groups."""

    shared: Any = None
    opened: Any = None


def _begin(shared: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and stops us
    _Process.shared = shared


def _replayed(replayer: Replayer, addresses: list[str], tell: Progress) -> Report:
    report = replayer.replay(addresses, tell)
    tell(report.events)
    return report


def _do(opens: Callable[[], Opened], work: Work[Opened, Part], addresses: list[str]) -> Part:
    """Work on one group; the first one opens the run, so that its errors travel home."""
    if _Process.opened is None:
        _Process.opened = opens()
    shared, told = _Process.shared, 0

    def tell(events: int) -> None:
        nonlocal told
        if shared[_STOP]:
            raise KeyboardInterrupt
        with shared.get_lock():
            shared[_COUNT] += events - told
        told = events

    return work(_Process.opened, addresses, tell)
