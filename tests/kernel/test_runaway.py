"""Turns that keep the loop busy without ever waiting are ended, and the host goes on."""

import asyncio
import contextlib

import pytest

from agentmesh.kernel import commands, lifecycle, loop, outbox
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from tests.kernel.helpers import (
    ask,
    cell_of,
    ends,
    failure,
    logged,
    nothing,
    result,
    say,
    start,
    tell,
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that gives up early."""
    monkeypatch.setattr(loop, "DRAIN_STEPS_MAX", 500)
    monkeypatch.setattr(outbox, "COMMANDS_MAX", 50)


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_never_waits_fails() -> None:
    """It polls with `sleep(0)`; its `finally` still runs, and the agent goes on."""

    async def handler(cell: Cell) -> None:
        try:
            while cell.sent == 0:  # noqa: ASYNC110 - that is the mistake
                await asyncio.sleep(0)
        finally:
            say(cell, "finally")

    cell = cell_of(handlers={"h": handler, "fine": nothing})
    issued = cell.handle(ask(1))

    assert logged(issued) == ["finally"]
    assert failure(issued)["type"] == "agentmesh.errors.RunawayTurnError"
    assert "ran 500 callbacks for one event" in failure(issued)["what"]
    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert ends(cell.handle(tell(2, "fine"))) == [("C/y#2", commands.DONE)]


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_will_not_end_stops_the_agent() -> None:
    """It swallows the cancellation and goes on; nothing it touched can be trusted."""

    async def handler(_cell: Cell) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    cell = cell_of(handler)
    issued = cell.handle(ask(1))

    assert failure(issued)["type"] == "agentmesh.errors.RunawayTurnError"
    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert cell.state == lifecycle.STOPPED
    assert ends(cell.handle(tell(2))) == [("C/y#2", commands.DEAD)]


@pytest.mark.usefixtures("impatient")
def test_a_task_that_runs_away_after_its_turn_is_ended() -> None:
    """It was cancelled with the turn and does not care."""

    async def forever() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    async def handler(_cell: Cell) -> str:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return f"left {task.get_name()}"

    cell = cell_of(handlers={"h": handler, "fine": nothing})
    issued = cell.handle(ask(1))

    assert result(issued) == "left Task-1"
    assert ends(issued) == [("C/y#1", commands.DONE)]
    assert cell.idle


def sends(cell: Cell) -> None:
    cell.send("B/z", kinds.TELL, turn=cell.current())


def yields(cell: Cell) -> None:
    cell.send_chunk(cell.current(), "", b"")


def sets_timers(cell: Cell) -> None:
    asyncio.get_running_loop().call_later(1, print)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("issues", [sends, yields, sets_timers, start, lambda cell: say(cell, "")])
def test_a_turn_that_issues_without_end_fails(issues) -> None:
    """A host would hold all of it in memory."""

    async def handler(cell: Cell) -> None:
        while True:
            issues(cell)

    cell = cell_of(handler)
    issued = cell.handle(ask(1))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert "issued 50 commands for one event" in failure(issued)["what"]
    assert len(issued) < 150
    assert cell.idle
