"""Streamed answers, and requests that are given up: pieces, breaks, cancellation, deadlines."""

import asyncio
import json
import time

import openai as sdk
import pytest

from agentmesh.effects import clients
from agentmesh.errors import DeadlineExceededError
from agentmesh.kernel.commands import CancelEffect
from agentmesh.kernel.events import EffectFinished, EffectStreamed
from agentmesh.sdk.workflow import workflow
from tests.effects.model_server import chat


def test_a_stream_arrives_piece_by_piece(go):
    """The handler sees tokens as they come, and so does the replay."""

    @workflow
    async def streams() -> list[str]:
        stream = await clients.openai().chat.completions.create(**chat("count", stream=True))
        return [part.choices[0].delta.content or "" async for part in stream if part.choices]

    ended = go(streams)
    pieces = ended.of(EffectStreamed)

    assert "".join(ended.result) == "one two three four"
    assert len(ended.result) > 3
    assert json.loads(pieces[0].chunk)["status"] == 200
    assert b"data: " in pieces[1].chunk


def test_the_tokens_of_a_stream_are_in_the_journal(go):
    """Whoever counts them need not put the pieces together."""

    @workflow
    async def streams() -> int:
        options = chat("count", stream=True, stream_options={"include_usage": True})
        stream = await clients.openai().chat.completions.create(**options)
        return len([part async for part in stream])

    ended = go(streams)
    summary = json.loads(ended.of(EffectFinished)[0].result)

    assert summary["streamed_bytes"] > 100
    assert summary["usage"]["total_tokens"] > 0


def test_a_stream_that_breaks_off_says_so_after_its_last_piece(go):
    """What came before is kept."""

    @workflow
    async def breaks_off() -> list[str]:
        got = []
        stream = await clients.openai().chat.completions.create(
            **chat("truncate and count", stream=True)
        )
        try:
            async for part in stream:
                got += [part.choices[0].delta.content or ""]
        except sdk.APIConnectionError as error:
            got.append(type(error.__cause__).__name__)
        return got

    ended = go(breaks_off)

    assert len(ended.result) > 1
    assert ended.result[-1] in ("RemoteProtocolError", "ReadError")


def test_a_stream_left_early_is_cancelled(go):
    """Breaking out of the loop closes the response, which ends the effect on the host."""

    @workflow
    async def leaves() -> str:
        client = clients.openai()
        stream = await client.chat.completions.create(**chat("slowly count", stream=True))
        async with stream:
            async for part in stream:
                return str(part.id)[:4]
        return ""

    started = time.monotonic()
    ended = go(leaves)

    assert ended.result == "chat"
    assert time.monotonic() - started < 20
    assert len(ended.of(CancelEffect)) == 1


def test_a_stream_nobody_closes_ends_with_its_turn(go):
    """The usual slip: `break` without closing."""

    @workflow
    async def forgets() -> str:
        stream = await clients.openai().chat.completions.create(**chat("count", stream=True))
        async for part in stream:
            return str(part.id)[:4]
        return ""

    assert go(forgets).result == "chat"


def test_a_timeout_in_the_handler_cancels_the_request(go, server):
    """The server sees the client go away."""

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.2):
                await clients.openai().chat.completions.create(**chat("stall, I say"))
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up)

    assert ended.result == "gave up"
    assert len(ended.of(CancelEffect)) == 1


def test_the_deadline_of_the_run_ends_a_model_that_never_answers(go):
    """Ten minutes of the SDK's patience do not count."""

    @workflow
    async def waits() -> None:
        await clients.openai().chat.completions.create(**chat("stall"))

    started = time.monotonic()
    ended = go(waits, deadline_seconds=0.5)

    with pytest.raises(DeadlineExceededError):
        _ = ended.result
    assert time.monotonic() - started < 10
