"""A run that goes on is kept small by a process of its own."""

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agentmesh.journal.compaction import pending_of
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh import housekeeping
from agentmesh.mesh.housekeeping import Housekeeping
from tests.journal.test_compaction import going_on, names_of
from tests.journal.test_segments import everything, opened

WAIT_SECONDS = 60.0


def test_logs_are_sealed_while_the_run_goes_on(tmp_path: Path) -> None:
    """As soon as there are enough of them."""
    directory = going_on(tmp_path, 3)
    with opened(directory) as run:
        before = everything(run)
    until = time.monotonic() + WAIT_SECONDS
    tick = threading.Event()
    with Housekeeping(directory, look_seconds=0.01, least=3):
        while pending_of(directory.path) and time.monotonic() < until:
            tick.wait(0.05)

    assert names_of(directory) == ["h-0..2.parquet", "h-3.log"]
    with opened(directory) as run:
        assert everything(run) == before


def test_a_short_run_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing it at its end is enough."""
    directory = going_on(tmp_path, 3)
    looks = threading.Semaphore(0)

    def looking(run: str) -> int:
        looks.release()
        return pending_of(run)

    monkeypatch.setattr(housekeeping, "pending_of", looking)
    with Housekeeping(directory, look_seconds=0.01):
        for _ in range(3):
            assert looks.acquire(timeout=WAIT_SECONDS)

    assert len(names_of(directory)) == 4


def test_a_process_at_work_ends_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run seals the rest itself, and waits for nobody."""
    directory = going_on(tmp_path, 3)
    ended: list[int | None] = []
    began = threading.Event()
    end = housekeeping._end

    def ending(process: subprocess.Popen[bytes]) -> None:
        end(process)
        ended.append(process.returncode)

    begin = subprocess.Popen

    def beginning(*arguments: Any, **named: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = begin(*arguments, **named)
        began.set()
        return process

    monkeypatch.setattr(housekeeping, "_end", ending)
    monkeypatch.setattr(subprocess, "Popen", beginning)
    with Housekeeping(directory, look_seconds=0.01, least=1):
        assert began.wait(WAIT_SECONDS)

    assert len(ended) == 1
    assert ended[0] is not None
    assert not [name for name in names_of(directory) if name.endswith(".part")]
    with opened(directory) as run:
        run.seal()
        assert run.sealed


def test_what_can_not_be_sealed_is_left_to_the_end_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts become rarer; the run goes on all the same."""
    directory = going_on(tmp_path, 2)
    for name in ("h-0.log", "h-1.log"):
        path = Path(directory.path, "events", name)
        data = bytearray(path.read_bytes())
        data[-80] ^= 0xFF
        path.write_bytes(data)
    attempts = threading.Semaphore(0)
    work = Housekeeping._work

    def working(self: Housekeeping, run: str) -> None:
        work(self, run)
        attempts.release()

    monkeypatch.setattr(Housekeeping, "_work", working)
    with Housekeeping(directory, look_seconds=0.01, least=1):
        for _ in range(2):
            assert attempts.acquire(timeout=WAIT_SECONDS)

    assert names_of(directory) == ["h-0.log", "h-1.log", "h-2.log"]


def test_a_run_whose_store_is_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """Its closed logs are in the store, and not on this machine."""
    from pyarrow import fs

    remote = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    store = Store("store", filesystem=remote, spool=tmp_path / "spool")
    directory = store.create_run(RunInfo(id="r1"))
    with Housekeeping(directory, look_seconds=0.0):
        assert not [one for one in threading.enumerate() if "housekeeping" in one.name]
