"""durability="disk": what left the process is on the disk, at one wait for the disk a step."""

import asyncio
import os
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.journal import log as log_module
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.resuming import execute_again
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import change, logs_of, record

STEPS = 20
ON_DISK: dict[int, int] = {}
"""Bytes that were waited for, by the file's inode."""
BEHIND: list[int] = []
"""At each effect: bytes of logs that a loss of the machine would have taken."""


class Steps(am.Message):
    count: int
    folder: str


@am.tool
async def look(folder: str) -> int:
    """Look at the run's own journal, as anything outside could."""
    BEHIND.append(behind(Path(folder)))
    return len(BEHIND)


def behind(folder: Path) -> int:
    """Count the bytes in logs that nobody has waited for."""
    logs = [path.stat() for path in folder.iterdir()]
    return sum(log.st_size - ON_DISK.get(log.st_ino, 0) for log in logs)


@am.agent
class Looker:
    @am.handler
    async def look(self, steps: Steps) -> int:
        """Let a tool look."""
        return await look(steps.folder)


@am.workflow(deadline="1m")
async def in_sequence(steps: Steps) -> int:
    """Make one step after the other."""
    for _ in range(steps.count):
        await look(steps.folder)
    return steps.count


@am.workflow(deadline="1m")
async def at_once(steps: Steps) -> int:
    """Make each step in a turn of its own."""
    lookers = [am.ref(Looker, f"l{number}") for number in range(steps.count)]
    return len(await asyncio.gather(*(looker.look(steps) for looker in lookers)))


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note what is waited for."""
    waited: list[int] = []
    fdatasync = os.fdatasync

    def noted(number: int) -> None:
        fdatasync(number)
        status = os.fstat(number)
        ON_DISK[status.st_ino] = status.st_size
        waited.append(status.st_ino)

    monkeypatch.setattr(os, "fdatasync", noted)
    ON_DISK.clear()
    BEHIND.clear()
    return waited


def run(workflow, store: Path) -> None:
    """Run a program that looks at its own journal."""
    am.run(
        workflow,
        Steps(count=STEPS, folder=str(store / "r" / "events")),
        local=True,
        store=str(store),
        run_id="r",
        durability="disk",
        quiet=True,
    )


@pytest.mark.parametrize("bytes_written_early", [100, log_module.COMMIT_BYTES])
@pytest.mark.parametrize("workflow", [in_sequence, at_once])
def test_no_effect_starts_before_the_journal_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syncs, workflow, bytes_written_early: int
) -> None:
    """Whatever the journal says at that moment would be there after a loss of power."""
    monkeypatch.setattr(log_module, "COMMIT_BYTES", bytes_written_early)
    run(workflow, tmp_path)
    assert [0] * STEPS == BEHIND


def test_a_step_waits_for_the_disk_once(tmp_path: Path, syncs) -> None:
    """Besides the start and the end of the run."""
    run(in_sequence, tmp_path)
    assert len(syncs) <= STEPS + 5


def test_steps_at_once_wait_together(tmp_path: Path, syncs) -> None:
    """Their turns go on in one tick."""
    run(at_once, tmp_path)
    assert len(syncs) <= 8


def test_a_successor_waits_for_what_it_read(tmp_path: Path, syncs) -> None:
    """The process died after it had written and before the disk had it; now the machine may die."""
    whole, _ = record(tmp_path / "recorded")
    last = logs_of(whole)[-1]
    copy = tmp_path / "cut" / "whole"
    cut_copy(whole, copy, last.name, records_of(last)[:20])
    change(copy, durability="disk")
    left = (copy / "events" / last.name).stat().st_ino
    outcome = execute_again("whole", RunOptions(store=str(copy.parent), quiet=True))
    assert outcome.error is None
    assert syncs[0] == left
