"""Any program of effects replays: tools, functions and models, in parallel, failing, cancelled."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.effects import clients
from agentmesh.effects import settings as effect_settings
from agentmesh.effects.call import effect
from agentmesh.effects.tools import tool
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    DroppedConnection,
    Fixed,
    Latency,
    ModelServer,
    RateLimited,
    Rule,
    TruncatedStream,
)
from tests.effects.harness import run
from tests.effects.model_server import chat

RULES = [
    Rule(contains="drop", answer=DroppedConnection(), probability=0.5),
    Rule(contains="limit", answer=RateLimited(retry_after_seconds=0.001), probability=0.5),
    Rule(contains="cut", answer=TruncatedStream(after_tokens=1)),
]


@tool(retries=1)
async def waits(milliseconds: int, fails: bool) -> int:  # noqa: FBT001 - drawn, not written
    await asyncio.sleep(milliseconds / 1e3)
    if fails:
        raise ValueError(milliseconds)
    return milliseconds


@tool(timeout=0.5)
def blocks(text: str) -> str:
    return text * 2


def plain(number: int) -> list[int]:
    return [number, number]


async def asks(text: str) -> str | None:
    done = await clients.openai(max_retries=1).chat.completions.create(**chat(text))
    return str(done.choices[0].message.content)


async def streams(text: str) -> str:
    stream = await clients.openai(max_retries=0).chat.completions.create(**chat(text, stream=True))
    return "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])


WORDS = st.sampled_from(["hello", "drop", "limit", "cut"])
LEAVES = st.one_of(
    st.tuples(st.just("waits"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("blocks"), st.text(max_size=3)),
    st.tuples(st.just("plain"), st.integers(0, 9)),
    st.tuples(st.just("asks"), WORDS),
    st.tuples(st.just("streams"), WORDS),
    st.tuples(st.just("sleeps"), st.integers(0, 3)),
)
PROGRAMS: Any = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("gather"), st.lists(inner, min_size=1, max_size=4)),
        st.tuples(st.just("limited"), st.integers(0, 20), inner),
        st.tuples(st.just("first"), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


async def execute(program: Any) -> Any:
    """Run a drawn program; whatever it raises is part of its result."""
    try:
        return await _execute(program)
    except Exception as error:  # noqa: BLE001 - any will do, if it is the same in the replay
        return f"{type(error).__name__}: {error}"


async def _execute(program: Any) -> Any:
    name, *rest = program
    if name == "gather":
        return list(await asyncio.gather(*(execute(each) for each in rest[0])))
    if name == "limited":
        async with asyncio.timeout(rest[0] / 1e3):
            return await _execute(rest[1])
    if name == "first":
        tasks = [asyncio.create_task(execute(each)) for each in rest[0]]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        return [task.result() for task in done]
    if name == "sleeps":
        return await asyncio.sleep(rest[0] / 1e3)
    if name == "plain":
        return await effect(plain, rest[0])
    functions: dict[str, Any] = {
        "waits": waits,
        "blocks": blocks,
        "asks": asks,
        "streams": streams,
    }
    return await functions[name](*rest)


@pytest.fixture(scope="module")
def url():
    latency = Latency(first_token=Fixed(seconds=0.002))
    with ModelServer(rules=RULES, latency=latency) as running:
        yield running.base_url


@given(st.lists(PROGRAMS, min_size=1, max_size=3))
@settings(max_examples=25)
def test_any_program_of_effects_replays(url, programs):
    """Real time, real threads, real HTTP: only the journal decides what the replay does."""

    @workflow
    async def anything() -> str:
        return repr([await execute(each) for each in programs])

    ended = run(anything, settings=effect_settings.simulated(url))
    ended.replay()

    assert ended.result
