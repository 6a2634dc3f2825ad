"""`effect(fn, ...)`: any named function, recorded without a decorator."""

import asyncio
import functools
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentmesh.effects.call import effect
from agentmesh.effects.tools import tool
from agentmesh.errors import DefinitionError, EffectError, ToolArgumentsError
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.workflow import workflow
from tests.effects.harness import run, run_and_replay


class Point(BaseModel):
    x: int


@dataclass
class Pair:
    a: int
    b: str


async def fetch(url: str, tries: int = 1) -> dict[str, int]:
    await asyncio.sleep(0)
    return {url: tries}


def pid() -> int:
    return os.getpid()


def plain(a, b=2):
    return {"sum": a + b, "list": [a, None, 1.5]}


def moved(point: Point) -> Point:
    return Point(x=point.x + 1)


@workflow
async def calls_many() -> list[Any]:
    return [
        await effect(fetch, "u", tries=2),
        await effect(plain, 1),
        (await effect(moved, Point(x=1))).x,
        await effect(functools.partial(fetch, "p")),
        await effect(os.path.basename, "a/b"),
    ]


def test_any_function_is_recorded_by_name_and_arguments():
    """Asynchronous, blocking, typed, partial and of the standard library."""
    ended = run(calls_many)

    assert ended.result == [{"u": 2}, {"sum": 3, "list": [1, None, 1.5]}, 2, {"p": 1}, "b"]
    assert ended.requests == [
        {"function": "fetch", "arguments": {"url": "u", "tries": 2}},
        {"function": "plain", "arguments": {"a": 1}},
        {"function": "moved", "arguments": {"point": {"x": 1}}},
        {"function": "fetch", "arguments": {"url": "p"}},
        {"function": "basename", "arguments": {"p": "a/b"}},
    ]
    assert {effect_.kind for effect_ in ended.effects} == {"call"}
    assert ended.replay() == 5


def test_what_is_nondeterministic_comes_back_from_the_record():
    """The point of it: a process id differs in the replaying process."""

    @workflow
    async def asks_pid() -> int:
        return await effect(pid)

    ended = run(asks_pid)

    assert ended.result == os.getpid()
    ended.replay()


def test_an_error_keeps_its_type_and_names_the_call():
    """Builtin exceptions can be caught in the handler by their class."""

    @workflow
    async def reads() -> str:
        try:
            return await effect(Path.read_text, Path("no-such-file"))
        except FileNotFoundError as error:
            return str(error)

    text = run_and_replay(reads)

    assert text.startswith("Function Path.read_text(self='no-such-file'")
    assert "FileNotFoundError: [Errno 2]" in text


def test_a_tool_given_to_effect_records_itself():
    """It knows more of itself than its name."""

    @tool
    async def add(a: int, b: int) -> int:
        return a + b

    @workflow
    async def adds() -> int:
        return await effect(add, 1, b=2)

    ended = run(adds)

    assert ended.result == 3
    assert [each.kind for each in ended.effects] == ["tool"]


def test_a_lambda_is_refused_with_the_fix():
    """It has no name a record could tell it by."""

    @workflow
    async def lambdas() -> int:
        return await effect(lambda: 1)

    with pytest.raises(DefinitionError, match="Write `def` with a name"):
        _ = run(lambdas).result


def test_arguments_that_are_no_json_are_refused_with_the_fix():
    """A connection can't be recorded, and a replay could not rebuild it."""

    def uses(lock: Any) -> int:
        return 1

    @workflow
    async def passes_lock() -> int:
        return await effect(uses, threading.Lock())

    with pytest.raises(ToolArgumentsError, match=r"got lock for 'lock'.*inside the function"):
        _ = run(passes_lock).result


def test_a_call_that_does_not_fit_is_refused_at_once():
    """As Python would, but with the name of the function."""

    @workflow
    async def misfits() -> int:
        return await effect(pid, 1)  # type: ignore[call-overload,no-any-return]

    ended = run(misfits)

    with pytest.raises(ToolArgumentsError, match=r"am.effect\(pid, ...\) got arguments"):
        _ = ended.result
    assert ended.effects == []


def _gives_pair():
    return Pair(a=1, b="x")


def _gives_date() -> datetime:
    return datetime(2026, 1, 2, tzinfo=UTC)


def _gives_wrong() -> int:
    return "x"  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("function", "what"),
    [(_gives_pair, "without an annotation Pair"), (_gives_wrong, "declares `-> int`")],
)
def test_a_result_that_would_not_come_back_is_refused(function, what):
    """Live and replay must see the same value."""

    @workflow
    async def gets() -> str:
        return str(await effect(function))

    with pytest.raises(EffectError, match=what):
        _ = run(gets).result


def test_an_annotation_brings_a_result_back_as_it_was():
    """A datetime is text in the journal and a datetime in the handler."""

    @workflow
    async def gets_date() -> int:
        return (await effect(_gives_date)).year

    assert run_and_replay(gets_date) == 2026


class Go(Message):
    n: int = 1


@agent
class Keeper:
    kept: int = 0

    def change(self) -> None:
        self.kept += 1

    @handler
    async def go(self, go: Go) -> str:
        await effect(self.change)
        return "changed"


def test_the_agents_own_method_is_refused():
    """In a thread it would change state behind the recorder's back."""

    @workflow
    async def asks() -> str:
        return str(await ref(Keeper, "k").go(Go()))

    with pytest.raises(DefinitionError, match=r"own method Keeper.change"):
        _ = run(asks).result


def test_outside_a_run_it_just_calls():
    """A plain test of the function that uses it needs no run."""
    assert asyncio.run(effect(fetch, "u")) == {"u": 1}
    assert asyncio.run(effect(plain, 1)) == {"sum": 3, "list": [1, None, 1.5]}
