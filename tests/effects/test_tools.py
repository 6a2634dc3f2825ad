"""`@tool`: recorded in a handler, plain elsewhere; arguments, results and errors."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from agentmesh.effects.tool_scope import tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import (
    EffectError,
    EscapeError,
    RemoteError,
    ToolArgumentsError,
    UsageError,
)
from agentmesh.sdk.workflow import workflow
from tests.effects.harness import run, run_and_replay

RAN: list[object] = []


class Hit(BaseModel):
    title: str
    score: float


@tool
async def search(query: str, limit: int = 3) -> list[str]:
    """Search the shelves.

    Args:
        query: What to look for.
        limit: How many hits
            at most.
    """
    RAN.append(query)
    await asyncio.sleep(0)
    return [f"{query} {n}" for n in range(limit)]


@tool
def read_blocking(name: str) -> str:
    """Read something slowly."""
    RAN.append(threading.current_thread().name)
    return name.upper()


@tool
async def find(query: str) -> Hit:
    return Hit(title=query, score=0.5)


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


def test_an_async_tool_is_recorded_and_replayed_without_running():
    """The common case: one call, its result is in the journal."""

    @workflow
    async def asks() -> list[str]:
        return await search("tea", limit=2)

    ended = run(asks)

    assert ended.result == ["tea 0", "tea 1"]
    assert ended.requests == [{"tool": "search", "arguments": {"query": "tea", "limit": 2}}]
    assert [(e.kind, e.name) for e in ended.effects] == [("tool", "search")]
    assert ended.replay() == 1
    assert RAN == ["tea"]


def test_a_sync_tool_runs_in_a_thread():
    """Blocking code must not stop the host's loop."""

    @workflow
    async def reads() -> str:
        return await read_blocking("abc")

    assert run_and_replay(reads) == "ABC"
    assert RAN == ["agentmesh-read_blocking"]


def test_a_model_comes_back_as_a_model():
    """The return annotation says how the recorded JSON is read."""

    @workflow
    async def finds() -> str:
        hit = await find("tea")
        assert isinstance(hit, Hit)
        return hit.title

    assert run_and_replay(finds) == "tea"


def test_tools_run_in_parallel_under_gather():
    """Three blocking tools that wait for each other can only end if they run at once."""
    barrier = threading.Barrier(3, timeout=10)

    @tool
    def meet(n: int) -> int:
        barrier.wait()
        return n

    @workflow
    async def gathers() -> list[int]:
        return list(await asyncio.gather(*(meet(n) for n in range(3))))

    assert run_and_replay(gathers) == [0, 1, 2]


def test_equal_calls_in_one_turn_have_keys_of_their_own():
    """Otherwise a fork could not tell the second from the first."""

    @workflow
    async def twice() -> None:
        await asyncio.gather(search("x"), search("x"))

    ended = run(twice)
    first, second = ended.effects

    assert first.request == second.request
    assert first.key != second.key


def test_arguments_are_validated_before_anything_happens():
    """A wrong type is the caller's mistake: no effect is issued."""

    @workflow
    async def wrong() -> str:
        try:
            await search(query=["tea"])  # type: ignore[arg-type]
        except ToolArgumentsError as error:
            return str(error)
        return ""

    ended = run(wrong)

    assert "Tool search(query, limit)" in ended.result
    assert "query: Input should be a valid string (got ['tea'])" in ended.result
    assert ended.effects == []
    ended.replay()


def test_defaults_and_coercion_are_part_of_the_request():
    """`search("x")` and `search("x", 3)` are the same call, in any process."""

    @workflow
    async def calls() -> None:
        await search("x")
        await search(limit=3, query="x")
        await search("x", "3")  # type: ignore[arg-type]

    ended = run(calls)

    assert len({effect.request for effect in ended.effects}) == 1


def test_a_tool_that_raises_keeps_its_builtin_type_and_says_what_failed():
    """`except ValueError` must work in the handler, live and in a replay."""

    @tool
    async def picky(n: int) -> int:
        raise ValueError(f"no {n} here")

    @workflow
    async def handles() -> str:
        try:
            return str(await picky(7))
        except ValueError as error:
            return f"{isinstance(error, RemoteError)}: {error}"

    assert run_and_replay(handles) == "True: Tool picky(n=7) failed: ValueError: no 7 here"


def test_a_result_that_does_not_fit_the_annotation_is_an_error():
    """What is journaled is what the type says, or nothing."""

    @tool
    async def lies() -> int:
        return "seven"  # type: ignore[return-value]

    @workflow
    async def believes() -> int:
        return await lies()

    ended = run(believes)

    with pytest.raises(EffectError, match="Tool lies returned str, but declares `-> int`"):
        _ = ended.result
    ended.replay()


def test_a_tool_knows_its_key_attempt_and_deadline():
    """The key is the effect's own: the same in a replay."""
    seen: list[Any] = []

    @tool
    def looks() -> None:
        seen.append(tool_context())

    @workflow
    async def calls() -> None:
        await looks()

    ended = run(calls)

    assert seen[0].key == ended.effects[0].key
    assert (seen[0].attempt, seen[0].run_id, seen[0].agent) == (1, "r1", "calls/root")
    assert seen[0].deadline is not None


def test_tool_context_is_only_for_tools():
    """A handler has `context()`."""
    with pytest.raises(UsageError, match="where no tool runs"):
        tool_context()


def test_outside_a_run_a_tool_just_runs():
    """A plain unit test calls it and awaits the result, of sync ones too."""

    @tool(retries=3)
    async def once() -> str:
        RAN.append(tool_context().key)
        raise KeyError("k")

    assert asyncio.run(search("a", 1)) == ["a 0"]
    assert asyncio.run(read_blocking("a")) == "A"
    with pytest.raises(KeyError, match="k"):
        asyncio.run(once())
    assert len(RAN) == 3  # no retries either


def test_a_tool_inside_a_tool_just_runs():
    """The outer call is what is recorded."""

    @tool
    async def outer() -> list[str]:
        return await search("inner", 1)

    @workflow
    async def nests() -> list[str]:
        return await outer()

    ended = run(nests)

    assert ended.result == ["inner 0"]
    assert [effect.name for effect in ended.effects] == ["outer"]


def test_tools_see_the_real_world():
    """Threads, files and clocks are refused or logical in a handler, real in a tool."""

    @tool
    def reads_itself() -> bool:
        return Path(__file__).exists() and bool(Path(__file__).read_bytes())

    @workflow
    async def calls() -> bool:
        with pytest.raises(EscapeError):
            Path("notes.txt").write_text("x")  # noqa: ASYNC240 - what is refused
        return await reads_itself()

    assert run_and_replay(calls) is True


def test_secrets_in_arguments_are_not_recorded():
    """The tool gets the secret, the journal a placeholder, the replay an equal request."""

    @tool
    async def logs_in(password: SecretStr) -> int:
        RAN.append(password.get_secret_value())
        return len(password.get_secret_value())

    @workflow
    async def uses() -> int:
        return await logs_in(SecretStr("correct horse"))

    ended = run(uses)

    assert ended.result == 13
    assert RAN == ["correct horse"]
    assert "correct horse" not in ended.text()
    ended.replay()


def test_sets_are_written_in_one_order():
    """Their own order depends on the process's hash seed."""

    @tool
    async def takes(names: set[str], hits: list[frozenset[int]]) -> set[str]:
        return names

    @workflow
    async def gives() -> int:
        return len(await takes({"b", "c", "a"}, [frozenset({3, 1, 2})]))

    ended = run(gives)

    assert ended.requests[0]["arguments"] == {"names": ["a", "b", "c"], "hits": [[1, 2, 3]]}


def test_texts_that_are_not_utf8_survive():
    """Lone surrogates occur in what models write."""

    @tool
    async def echo(text: str) -> str:
        return text

    @workflow
    async def says() -> bool:
        return await echo("a\ud800b") == "a\ud800b"

    assert run_and_replay(says) is True


def test_a_tool_that_is_not_idempotent_says_so_in_its_record():
    """Recovery must not repeat it on its own."""

    @tool(idempotent=False)
    async def pays(amount: int) -> None: ...

    @workflow
    async def buys() -> None:
        await pays(3)

    assert run(buys).requests[0]["idempotent"] is False
