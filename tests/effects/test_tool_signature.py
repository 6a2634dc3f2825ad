"""What a tool's hints mean: the schema a model is told, and errors at import with the fix."""

import asyncio
import threading
from typing import Annotated, Any

import pytest
from pydantic import Field

from agentmesh.effects.tools import tool
from agentmesh.errors import (
    DefinitionError,
    UsageError,
)


@tool
async def search(query: str, limit: int = 3) -> list[str]:
    """Search the shelves.

    Args:
        query: What to look for.
        limit: How many hits
            at most.
    """
    await asyncio.sleep(0)
    return [f"{query} {n}" for n in range(limit)]


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
        tool(**options)(search.function)
