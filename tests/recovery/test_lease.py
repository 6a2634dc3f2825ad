"""Who may drive a run: one process, whoever else believes so at the same moment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agentmesh.errors import ResumeError, StoreError
from agentmesh.journal import lease
from agentmesh.journal.lease import DEAD_SECONDS, Holder, Lease, driver_of
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import RunDirectory, Store

_TAKES = """
import sys
from agentmesh.errors import ResumeError
from agentmesh.journal.lease import Lease
from agentmesh.journal.store import Store

directory = Store(sys.argv[1]).attach("one")
sys.stdout.write("here\\n")
sys.stdout.flush()
sys.stdin.readline()
try:
    with Lease(directory):
        sys.stdout.write("held\\n")
        sys.stdout.flush()
        sys.stdin.readline()
except ResumeError as error:
    sys.stdout.write(f"refused {error.what}\\n")
    sys.stdout.flush()
"""

TIMEOUT_SECONDS = 60


class Other:
    """Another process that takes the lease when it is told to, and keeps it."""

    def __init__(self, store: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKES, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == "here"

    def answer(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it take the lease, or give it back."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_SECONDS)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that nobody drives."""
    return Store(tmp_path).create_run(RunInfo(id="one"))


@pytest.fixture
def another(tmp_path: Path, directory: RunDirectory):
    """Make processes; killed at the end."""
    made: list[Other] = []

    def make() -> Other:
        made.append(Other(tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()


def holder(**changes: object) -> Holder:
    """Return this process as a holder, with changes."""
    me = os.getpid()
    here = Holder(
        machine=socket.gethostname(),
        pid=me,
        started=lease._start_of(me),
        token="other",
        beat_ns=time.time_ns(),
        system=lease._system(),
    )
    return msgspec.structs.replace(here, **changes)


def leave(directory: RunDirectory, held: Holder) -> None:
    """Let somebody have taken the lease."""
    Path(directory.path, "driver.json").write_bytes(msgspec.json.encode(held))


def test_a_lease_is_given_back(directory: RunDirectory) -> None:
    """Nothing of it stays in the run's directory."""
    before = sorted(Path(directory.path).iterdir())
    with Lease(directory):
        found = driver_of(directory.files, directory.path)
        assert found is not None
        assert found.pid == os.getpid()
        assert not found.is_dead

    assert sorted(Path(directory.path).iterdir()) == before


def test_a_lease_that_another_process_holds_is_refused(
    directory: RunDirectory, another: Callable[[], Other]
) -> None:
    """With who holds it; as soon as that process is dead, the lease is free."""
    other = another()
    other.go_on()
    assert other.answer() == "held"

    with pytest.raises(ResumeError, match=f"driven by process {other.process.pid} on "):
        Lease(directory).__enter__()
    other.close()
    with Lease(directory):
        pass


@pytest.mark.parametrize("dead", [False, True])
def test_of_many_at_the_same_moment_one_gets_the_lease(
    directory: RunDirectory, another: Callable[[], Other], *, dead: bool
) -> None:
    """Also where all of them find the same dead driver's."""
    for _ in range(3):
        if dead:
            leave(directory, holder(started="1"))
        others = [another() for _ in range(4)]
        for each in others:
            each.go_on()
        answers = sorted(each.answer() for each in others)

        assert [answer.split()[0] for answer in answers] == ["held", *["refused"] * 3]
        for each in others:
            each.close()


_LONG = DEAD_SECONDS + 5
_NOBODY = 2**22 + 1
"""More than the number of any process."""

DEAD = {
    "its process has ended": (0, {"pid": _NOBODY}),
    "its number belongs to another process now": (0, {"started": "1"}),
    "another machine, long ago": (_LONG, {"machine": "far"}),
    "this machine before it was started again, long ago": (_LONG, {"system": "earlier boot"}),
}
ALIVE = {
    "this process": (0, {}),
    "this process, stopped for long": (_LONG, {}),
    "another machine, just now": (0, {"machine": "far", "pid": _NOBODY}),
    "a container of the same name, just now": (0, {"system": "another", "pid": _NOBODY}),
    "a clock that is ahead": (-1000, {"machine": "far"}),
}
"""How many seconds ago it was heard of, and who it was."""


@pytest.mark.parametrize(("age", "changes"), DEAD.values(), ids=DEAD.keys())
def test_a_dead_drivers_lease_is_taken(
    directory: RunDirectory, age: float, changes: dict[str, object]
) -> None:
    """It could not give it back."""
    left = holder(beat_ns=time.time_ns() - int(age * 1e9), **changes)
    leave(directory, left)
    with Lease(directory):
        found = driver_of(directory.files, directory.path)
        assert found is not None
        assert found.token != left.token


@pytest.mark.parametrize(("age", "changes"), ALIVE.values(), ids=ALIVE.keys())
def test_a_driver_that_may_be_alive_keeps_its_lease(
    directory: RunDirectory, age: float, changes: dict[str, object]
) -> None:
    """In doubt, nobody takes it."""
    leave(directory, holder(beat_ns=time.time_ns() - int(age * 1e9), **changes))
    with pytest.raises(ResumeError, match="is driven by process") as caught:
        Lease(directory).__enter__()

    assert caught.value.cause
    assert "Wait for it, or end that process" in caught.value.fix


def test_a_lease_that_was_taken_over_is_not_given_back(directory: RunDirectory) -> None:
    """A driver that was stopped for long wakes up: the lease is somebody else's."""
    with Lease(directory):
        leave(directory, holder(token="successor"))
    found = driver_of(directory.files, directory.path)

    assert found is not None
    assert found.token == "successor"


def test_a_lease_says_that_its_holder_lives(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Now and then, so that other machines know."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
    with Lease(directory):
        first = driver_of(directory.files, directory.path)
        assert first is not None
        until = time.monotonic() + TIMEOUT_SECONDS
        beats = {first.beat_ns}
        while len(beats) < 3 and time.monotonic() < until:
            again = driver_of(directory.files, directory.path)
            beats |= {again.beat_ns} if again is not None else set()
    assert len(beats) >= 3


def test_a_lease_that_cannot_be_written_is_an_error_of_the_store(directory: RunDirectory) -> None:
    """A folder stands where its file should be: root can't write there either."""
    Path(directory.path, "driver.json").mkdir()
    with pytest.raises(StoreError, match=r"driver\.json can't be written"):
        Lease(directory).__enter__()


def test_a_file_that_says_nothing_is_nobodys(directory: RunDirectory) -> None:
    """Its driver died while a disk was full, say."""
    Path(directory.path, "driver.json").write_bytes(b'{"machine": "h')
    with Lease(directory):
        pass


def test_a_lock_that_is_never_released_is_named(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped while it took the lease."""
    monkeypatch.setattr(lease, "LOCK_SECONDS", 0.1)
    stopped, waiting = Lease(directory), Lease(directory)
    with (
        stopped._locked(),
        pytest.raises(ResumeError, match="was locked for"),
    ):
        waiting.__enter__()
