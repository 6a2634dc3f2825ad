"""The processes of one run, found among the children of a process by what they have open.

A host has its log open, so that it is found by the run's directory and its own name, and
nobody else's process can be mistaken for it. All are ended by their ids.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ACTORS = ("ray::HostActor", "ray::SupervisorActor")
SUPERVISOR = "supervisor"
"""How the process of a run's supervisor is called here."""
WAIT_SECONDS = 90.0
"""How long something that must happen may take on a busy machine."""

_LOG = re.compile(r"(.*)-\d+\.log")
_PAUSE_SECONDS = 0.02


def wait_until(holds: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds that nobody tells of, such as the size of a file.

    Raises:
        AssertionError: It did not come about in time.
    """
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(_PAUSE_SECONDS)


def journal_bytes(run: Path) -> int:
    """Return how much the hosts of a run have journaled."""
    return sum(_size(path) for path in _names(run / "events"))


def _names(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def actors(root: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the processes of hosts and supervisors among a process's children."""
    for process in root.children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(ACTORS):
                yield process
        except psutil.Error:
            continue


def hosts(root: psutil.Process, run: Path) -> list[tuple[str, psutil.Process]]:
    """Return the names and processes of a run's hosts; two of one name, if one was replaced.

    Args:
        root: Whose children are looked at.
        run: The run's directory.
    """
    found = []
    for process in actors(root):
        try:
            paths = [Path(each.path) for each in process.open_files()]
        except psutil.Error:
            continue
        for path in paths:
            name = _LOG.fullmatch(path.name)
            if name is not None and path.parent == run / "events":
                found.append((name[1], process))
    return found


def supervisors(root: psutil.Process) -> list[psutil.Process]:
    """Return the processes of supervisors among a process's children."""
    found = []
    for process in actors(root):
        try:
            if " ".join(process.cmdline()).startswith("ray::SupervisorActor"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def await_ends(processes: list[psutil.Process], seconds: float = 20.0) -> None:
    """Wait until processes have ended.

    Raises:
        AssertionError: Some go on.
    """
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert alive == []
