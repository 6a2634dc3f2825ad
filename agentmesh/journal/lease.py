"""Who drives a run: at most one process at a time, on any machine that sees the store.

The driver holds `driver.json` in the run's directory while it drives, and touches it now
and then. A file whose process is known to be gone, or that nobody has touched for too
long, is a dead driver's, and the next one replaces it. Reading the file and changing it is
one step for others, since it is done under a lock: two that find a dead driver's file at
the same moment can't both take its place.

A driver that was taken for dead and is not can do no harm: the fences of `journal.lineage`
keep what it writes out of the run.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from agentmesh.errors import ResumeError
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import Files, join
from agentmesh.journal.places import DRIVER, LOCK, unusable

BEAT_SECONDS = 5.0
"""How often a driver says that it lives."""
DEAD_SECONDS = 60.0
"""After so long without a word a driver on another machine is taken for dead."""
LOCK_SECONDS = 10.0
"""How long the lock is waited for: it is held for as long as a small file takes to write."""

_POLL_SECONDS = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lease."""

    machine: str
    """Its name, for people."""
    pid: int
    started: str
    """When the process started, as its machine counts; empty where that is unknown."""
    token: str
    beat_ns: int
    """When it last said that it lives."""
    system: str = ""
    """In which system, since which boot, the process number means something."""

    @property
    def shown(self) -> str:
        """Name it for people."""
        age = max(0.0, (time.time_ns() - self.beat_ns) / 1e9)
        return f"process {self.pid} on {self.machine} (heard of {age:.0f} s ago)"

    @property
    def is_dead(self) -> bool:
        """Whether it can be taken for dead."""
        if self.started and self.machine == socket.gethostname() and self.system == _system():
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
        self._folder = directory.path
        self._path = join(directory.path, DRIVER)
        self._lock_path = join(directory.path, LOCK)
        self._run = directory.id
        self._token = secrets.token_hex(8)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Take the lease, and keep it alive."""
        try:
            with self._locked():
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
        """Give the lease back, unless somebody has taken it meanwhile.

        One that can't be given back is a dead driver's as soon as this process has ended.
        """
        self._over.set()
        with contextlib.suppress(OSError, ResumeError), self._locked():
            if self._is_mine():
                self._files.remove(self._path)
                self._files.remove(self._lock_path)

    def _take(self) -> None:
        holder = driver_of(self._files, self._folder)
        if holder is not None and not holder.is_dead:
            raise held(self._run, holder)
        self._files.remove(self._path)
        try:
            self._files.create(self._path, self._said())
        except FileExistsError:  # where there are no locks, somebody was quicker
            holder = driver_of(self._files, self._folder)
            if holder is not None:
                raise held(self._run, holder) from None
            raise

    def _is_mine(self) -> bool:
        holder = driver_of(self._files, self._folder)
        return holder is not None and holder.token == self._token

    def _said(self) -> bytes:
        me, here = os.getpid(), socket.gethostname()
        holder = Holder(here, me, _start_of(me), self._token, time.time_ns(), _system())
        return msgspec.json.encode(holder)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            # The store may come back; the run's own writes will complain.
            with contextlib.suppress(OSError, ResumeError), self._locked():
                if not self._over.is_set() and self._is_mine():
                    self._files.write(self._path, self._said())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else change the lease; ends with the process, if it dies in between."""
        if not self._files.local:
            yield
            return
        number = self._lock()
        try:
            yield
        finally:
            os.close(number)

    def _lock(self) -> int:
        """Return the lock's descriptor as soon as nobody else has it."""
        until = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < until:
            number = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if _try_lock(number) and _is_at(number, self._lock_path):
                    return number
            except BaseException:
                os.close(number)
                raise
            os.close(number)
            time.sleep(_POLL_SECONDS)
        raise _locked_out(self._run)


def _try_lock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _is_at(number: int, path: str) -> bool:
    """Tell whether an open file is still the one that has this name."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))  # noqa: PTH116 - no object needed
    except FileNotFoundError:
        return False


def driver_of(files: Files, folder: str) -> Holder | None:
    """Return who holds a run, dead or alive; None if nobody does.

    Args:
        files: Where the store is.
        folder: The run's directory there.

    Raises:
        OSError: The file is there and can't be read.
    """
    path = join(folder, DRIVER)
    try:
        return holder_of(files.read(path)) if files.exists(path) else None
    except FileNotFoundError:  # given back just now
        return None


def holder_of(data: bytes) -> Holder | None:
    """Return who holds a lease; None if the file says nothing that can be read."""
    try:
        return msgspec.json.decode(data, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def held(run: str, holder: Holder) -> ResumeError:
    """Return the error for a run that somebody drives."""
    return ResumeError(
        f"The run {run} is driven by {holder.shown}.",
        cause="It goes on there; two drivers would do everything twice.",
        fix=f"Wait for it, or end that process first. A driver on another machine that is not "
        f"heard of for {DEAD_SECONDS:.0f} s is taken for dead.",
        run=run,
    )


def _locked_out(run: str) -> ResumeError:
    return ResumeError(
        f"The lease of the run {run} was locked for {LOCK_SECONDS:.0f} s.",
        cause="Usually a process that was about to drive it has been stopped, or its store hangs.",
        fix=f"Look for that process (`fuser` on the run's {LOCK}), and try again.",
        run=run,
    )


def _system() -> str:
    """Return what tells apart machines, boots and containers that have the same name."""
    found = []
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123 - not a file of anybody's
        found.append(file.read().strip())
    with contextlib.suppress(OSError):
        found.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - as above
    return " ".join(found)


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
