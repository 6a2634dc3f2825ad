"""Who drives a run: at most one process at a time, on any machine that sees the store.

The driver holds `driver.json` in the run's directory while it drives, and touches it now
and then. A file whose process is known to be gone, or that nobody has touched for too
long, is a dead driver's: the next one takes it away first, which only one can do, and then
makes its own, which only one can do.
"""

import os
import secrets
import socket
import threading
import time
from types import TracebackType
from typing import Self

import msgspec

from agentmesh.errors import ResumeError
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import join
from agentmesh.journal.places import DRIVER, unusable

BEAT_SECONDS = 5.0
"""How often a driver says that it lives."""
DEAD_SECONDS = 60.0
"""After so long without a word a driver on another machine is taken for dead."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lease."""

    machine: str
    pid: int
    started: str
    """When the process started, as its machine counts; empty where that is unknown."""
    token: str
    beat_ns: int
    """When it last said that it lives."""

    @property
    def shown(self) -> str:
        """Name it for people."""
        age = max(0.0, (time.time_ns() - self.beat_ns) / 1e9)
        return f"process {self.pid} on {self.machine} (heard of {age:.0f} s ago)"

    @property
    def is_dead(self) -> bool:
        """Whether it can be taken for dead."""
        if self.machine == socket.gethostname() and self.started:
            return _start_of(self.pid) != self.started
        return time.time_ns() - self.beat_ns > DEAD_SECONDS * 1e9


class Lease:
    """The right to drive a run; a context manager.

    Args:
        directory: The run.

    Raises:
        ResumeError: Somebody else drives it.
        StoreError: The store can't be written.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._files = directory.files
        self._path = join(directory.path, DRIVER)
        self._run = directory.id
        self._token = secrets.token_hex(8)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Take the lease, and keep it alive."""
        try:
            self._take()
        except OSError as error:
            raise unusable(self._path, "can't be written", error) from error
        threading.Thread(target=self._beat, name="agentmesh-lease", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lease back, unless somebody has taken it meanwhile."""
        self._over.set()
        holder = holder_of(self._files.read(self._path)) if self._exists() else None
        if holder is not None and holder.token == self._token:
            self._files.remove(self._path)

    def _take(self) -> None:
        if self._exists():
            holder = holder_of(self._files.read(self._path))
            if holder is not None and not holder.is_dead:
                raise _held(self._run, holder)
            self._files.remove(self._path)
        try:
            self._files.create(self._path, self._said())
        except FileExistsError:
            holder = holder_of(self._files.read(self._path))
            if holder is not None:
                raise _held(self._run, holder) from None
            raise

    def _exists(self) -> bool:
        return self._files.exists(self._path)

    def _said(self) -> bytes:
        me = os.getpid()
        holder = Holder(socket.gethostname(), me, _start_of(me), self._token, time.time_ns())
        return msgspec.json.encode(holder)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                holder = holder_of(self._files.read(self._path))
                if holder is None or holder.token != self._token:
                    return
                self._files.write(self._path, self._said())
            except OSError:
                continue  # the store may come back; the run's own writes will complain


def holder_of(data: bytes) -> Holder | None:
    """Return who holds a lease; None if the file says nothing that can be read."""
    try:
        return msgspec.json.decode(data, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _held(run: str, holder: Holder) -> ResumeError:
    return ResumeError(
        f"The run {run} is driven by {holder.shown}.",
        cause="It goes on there; two drivers would do everything twice.",
        fix=f"Wait for it, or end that process first. A driver that is gone for "
        f"{DEAD_SECONDS:.0f} s is taken for dead.",
        run=run,
    )


def _start_of(pid: int) -> str:
    """Return when a process of this machine started; empty if it is gone or unknown."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - not a file of anybody's
            words = file.read().rpartition(b")")[2].split()
    except OSError:
        return _without_proc(pid)
    return "" if words[0] in (b"Z", b"X") else words[19].decode()


def _without_proc(pid: int) -> str:
    if os.path.exists("/proc/self/stat"):  # noqa: PTH110 - as above
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
