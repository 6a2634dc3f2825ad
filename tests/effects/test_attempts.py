"""Attempts of a tool: timeouts, retries with backoff, deadlines, cancellation."""

import asyncio
import json
import threading
import time

import pytest

from agentmesh.effects.tool_scope import tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import (
    DeadlineExceededError,
)
from agentmesh.kernel.events import EffectStreamed
from agentmesh.sdk.workflow import workflow
from tests.effects.harness import run, run_and_replay


def test_a_failed_tool_is_tried_again_with_backoff():
    """Each attempt but the last is in the journal, with its error."""
    attempts: list[int] = []

    @tool(retries=2)
    async def flaky() -> str:
        attempts.append(tool_context().attempt)
        if len(attempts) < 3:
            raise ConnectionError(f"try {len(attempts)}")
        return "done"

    @workflow
    async def retries() -> str:
        return await flaky()

    ended = run(retries)
    noted = [json.loads(event.chunk) for event in ended.of(EffectStreamed)]

    assert ended.result == "done"
    assert attempts == [1, 2, 3]
    assert [note["attempt"] for note in noted] == [1, 2]
    assert noted[0]["error"] == {"type": "builtins.ConnectionError", "what": "try 1"}
    assert ended.replay() == 1
    assert attempts == [1, 2, 3]


def test_retries_print_nothing(capfd):
    """stdout belongs to the program: a library's default hooks must not write there."""

    @tool(retries=1)
    async def failing() -> str:
        raise OSError("gone")

    @workflow
    async def fails() -> str:
        return await failing()

    ended = run(fails)

    with pytest.raises(OSError, match="failed after 2 attempts: OSError: gone"):
        _ = ended.result
    assert capfd.readouterr() == ("", "")


def test_an_attempt_that_takes_too_long_ends_as_a_timeout():
    """Asynchronous tools are cancelled; the handler gets a TimeoutError."""
    cancelled: list[bool] = []

    @tool(timeout=0.05)
    async def stuck() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return ""

    @workflow
    async def waits() -> str:
        try:
            return await stuck()
        except TimeoutError as error:
            return str(error)

    text = run_and_replay(waits)

    assert text == (
        "Tool stuck() failed: TimeoutError: an attempt took longer than the timeout of 0.05 s"
    )
    assert cancelled == [True]


def test_a_blocking_tool_that_hangs_is_left_behind():
    """Nobody can stop a thread, but nobody has to wait for it either."""
    release = threading.Event()

    @tool(timeout="50ms", retries=1)
    def hangs() -> str:
        release.wait(30)
        return "late"

    @workflow
    async def waits() -> str:
        with pytest.raises(TimeoutError, match="after 2 attempts"):
            await hangs()
        return "went on"

    assert run_and_replay(waits) == "went on"
    release.set()


def test_the_turns_deadline_ends_a_tool_without_timeout():
    """Deadlines are inherited: a tool can't outlive the workflow."""

    @tool
    async def endless() -> str:
        await asyncio.sleep(60)
        return ""

    @workflow
    async def waits() -> str:
        return await endless()

    started = time.monotonic()
    ended = run(waits, deadline_seconds=0.3)

    with pytest.raises(DeadlineExceededError):
        _ = ended.result
    assert time.monotonic() - started < 10
    ended.replay()


def test_cancelling_the_waiting_task_cancels_the_tool():
    """`asyncio.timeout` in the handler reaches the tool on the host's loop."""
    ends: list[str] = []

    @tool
    async def long() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return ""

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.05):
                return await long()
        except TimeoutError:
            return "gave up"

    assert run_and_replay(gives_up) == "gave up"
    assert ends == ["cancelled"]
