"""Keeps a run that goes on small: lets a process seal the logs that no recovery needs any more.

The work is done by a process of its own, at the lowest priority (`journal.compaction`), and not by
a thread: a thread would take the interpreter's lock from the run, and a thread of low priority
that holds it would keep the run waiting for as long as it does not get the processor. Here
is only the thread that looks now and then whether there is enough to do. Most runs are over
before there is, and never start that process.

Nothing depends on it: what was not sealed when the run ends is sealed then. A run whose
store is elsewhere is left alone.
"""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from agentmesh.journal.compaction import FAN_IN, pending_of
from agentmesh.journal.directory import RunDirectory

LOOK_SECONDS = 5.0
"""How often is looked whether there is something to do."""

_PATIENCE_MAX = 64
"""After attempts that have changed nothing, up to so many looks are left out."""
_POLL_SECONDS = 0.2
_END_SECONDS = 10.0


class Housekeeping:
    """Seals logs of a run, until the `with` statement ends.

    Args:
        directory: The run.
        look_seconds: How often is looked; `LOOK_SECONDS` for None.
        least: How many logs are enough to begin.
    """

    def __init__(
        self, directory: RunDirectory, look_seconds: float | None = None, least: int = FAN_IN
    ) -> None:
        self._run = directory.path if directory.spool is None else None
        self._look_seconds = LOOK_SECONDS if look_seconds is None else look_seconds
        self._least = least
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to look."""
        if self._run is not None:
            arguments = (self._run,)
            self._thread = threading.Thread(
                target=self._watch, args=arguments, name="agentmesh-housekeeping", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; what is half done is as if it had not begun."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, run: str) -> None:
        patience = 1
        while not self._over.wait(self._look_seconds * patience):
            # A store that can't be read just now is a matter for the run itself.
            with contextlib.suppress(OSError):
                pending = pending_of(run)
                if pending < self._least:
                    patience = 1
                    continue
                self._work(run)
                done = self._over.is_set() or pending_of(run) < pending
                patience = 1 if done else min(2 * patience, _PATIENCE_MAX)

    def _work(self, run: str) -> None:
        """Let a process do what there is to do, and wait for it."""
        module = "agentmesh.journal.compaction"
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
            [sys.executable, "-P", "-m", module, run, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _import_path()},
            start_new_session=True,  # Ctrl-C is for the run; this ends with it
        )
        try:
            while process.poll() is None and not self._over.wait(_POLL_SECONDS):
                pass
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process; one that does not end in time is killed, which harms nothing."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _import_path() -> str:
    """Return where another process finds this agentmesh first."""
    root = str(Path(__file__).parents[2])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
