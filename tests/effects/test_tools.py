"""`@tool`: recorded in a handler, plain elsewhere; validation, timeouts, retries, errors."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from agentmesh.effects.tool_scope import tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import (
    DeadlineExceededError,
    DefinitionError,
    EffectError,
    EscapeError,
    RemoteError,
    ToolArgumentsError,
    UsageError,
)
from agentmesh.kernel.events import EffectStreamed
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
    assert RAN == ["agentmesh-_blocking"]


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
    """The key is what an API wants as idempotency key: it is the effect's own."""
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


def test_what_models_are_told_of_a_tool():
    """Name, description and parameters come from the function."""
    assert search.name == "search"
    assert search.schema == {
        "name": "search",
        "description": "Search the shelves.",
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "required": ["query"],
            "properties": {
                "query": {"type": "string", "description": "What to look for."},
                "limit": {"type": "integer", "default": 3, "description": "How many hits at most."},
            },
        },
    }


def test_a_field_describes_and_limits_a_parameter():
    """`Annotated` and pydantic's `Field` work as everywhere."""

    @tool(name="roll")
    async def roll_dice(sides: Annotated[int, Field(ge=2, description="Sides.")]) -> int:
        return sides

    assert roll_dice.schema["parameters"]["properties"]["sides"] == {
        "type": "integer",
        "minimum": 2,
        "description": "Sides.",
    }
    assert roll_dice.name == "roll"


def test_a_tool_that_is_not_idempotent_says_so_in_its_record():
    """Recovery must not repeat it on its own."""

    @tool(idempotent=False)
    async def pays(amount: int) -> None: ...

    @workflow
    async def buys() -> None:
        await pays(3)

    assert run(buys).requests[0]["idempotent"] is False


def _unannotated(query) -> str:
    raise NotImplementedError


def _untold(query: str):
    raise NotImplementedError


def _starred(*queries: str) -> str:
    raise NotImplementedError


def _doubled(**options: str) -> str:
    raise NotImplementedError


def _positional(a: int, /) -> str:
    raise NotImplementedError


def _opaque(lock: threading.Lock) -> str:
    raise NotImplementedError


def _gives_lock() -> threading.Lock:
    raise NotImplementedError


def _generates() -> Any:
    yield 1


def _bad_default(n: int = 0) -> str:
    raise NotImplementedError


_bad_default.__defaults__ = (None,)  # what `n: int = None` makes


class _WithMethod:
    def method(self, query: str) -> str:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "what", "fix"),
    [
        (_unannotated, "'query' of Tool _unannotated", "Write `query: str`"),
        (_untold, "does not say what it returns", "Add `-> list[str]`"),
        (_starred, "takes `*queries: str`", "queries: list[str]"),
        (_doubled, "takes `**options: str`", "Name each parameter"),
        (_positional, "takes `a: int`", "Name each parameter"),
        (_opaque, "'lock' of Tool _opaque", "keep clients and connections out"),
        (_gives_lock, "return type of Tool _gives_lock", "keep clients and connections out"),
        (_generates, "yields", "Return a list"),
        (_bad_default, "has the default None, which is not int", "Write `int | None`"),
        (_WithMethod.method, "'self' of Tool method", "plain function"),
        (print, "instead of a function", "Write a plain function"),
    ],
)
def test_signatures_that_cannot_work_fail_at_import_with_the_fix(function, what, fix):
    """The error is there before any run, and shows what to write."""
    with pytest.raises(DefinitionError) as caught:
        tool(function)

    assert what in str(caught.value)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"retries": -1}, "retries=-1"),
        ({"retries": 1, "idempotent": False}, "not idempotent"),
        ({"name": "a b"}, "can't be a tool's name"),
        ({"timeout": "soon"}, "'soon' is not a timeout"),
    ],
)
def test_options_that_cannot_work_fail_at_import(options, what):
    """As signatures do."""
    with pytest.raises((DefinitionError, UsageError), match=what):
        tool(**options)(find.function)
