"""What a type checker understands of tools and effects: checked by mypy, run for good measure.

`assert_type` fails the type check, not the test, where an inferred type is another.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, assert_type

from agentmesh.effects.call import effect
from agentmesh.effects.tools import tool


@tool
async def bare(query: str) -> list[str]:
    return [query]


@tool(timeout=20, retries=2)
async def with_options(query: str) -> list[str]:
    return [query]


@tool
def blocking(number: int, *, times: int = 2) -> int:
    return number * times


@tool(name="other")
def blocking_with_options(number: int) -> int:
    return number


async def fetch(url: str) -> bytes:
    return url.encode()


def count(text: str) -> int:
    return len(text)


async def uses() -> None:
    unawaited = assert_type(bare("x"), Coroutine[Any, Any, list[str]])
    await unawaited
    assert_type(await bare("x"), list[str])
    assert_type(await with_options(query="x"), list[str])
    assert_type(await blocking(2, times=3), int)
    assert_type(await blocking_with_options(2), int)
    assert_type(await effect(fetch, "u"), bytes)
    assert_type(await effect(count, text="abc"), int)
    assert_type(bare.name, str)


async def misuses() -> None:
    await bare(7)  # type: ignore[arg-type]
    await blocking("7")  # type: ignore[arg-type]
    await effect(count, 7)  # type: ignore[call-overload]


def test_what_is_typed_also_runs():
    """The types above describe what happens."""
    asyncio.run(uses())
