"""Values as texts: bounded, the same everywhere, and whatever they do, nothing is raised."""

import enum
from dataclasses import dataclass
from typing import Any, NoReturn

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.replay.values import SHOWN_MAX, settled, shown


class Hostile:
    """Has a `repr` that raises whatever it was given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> NoReturn:
        raise self.error


class Plain:
    """Has no `repr` of its own."""


class Long:
    """Has a long `repr`."""

    def __repr__(self) -> str:
        return "x" * 1_000_000


class Colour(enum.Enum):
    """A member has a name."""

    RED = 1


@dataclass
class Point:
    """A dataclass with a part that is hostile."""

    x: int
    y: Any


class Model(pydantic.BaseModel):
    """A model with a long list."""

    name: str
    items: list[int]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, "{'b': 1, 'a': 2}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        (Plain(), "<Plain>"),
        ([Plain()], "[<Plain>]"),
        (Colour.RED, "<Colour.RED: 1>"),
        (Point(1, Colour.RED), "Point(x=1, y=<Colour.RED: 1>)"),
        (
            Model(name="n", items=list(range(9))),
            "Model(name='n', items=[0, 1, 2, 3, 4, 5, 6, 7, ...])",
        ),
        (Hostile(RuntimeError("no")), "<Hostile, whose repr raises RuntimeError>"),
        (Hostile(SystemExit(3)), "<Hostile, whose repr raises SystemExit>"),
    ],
)
def test_a_value_is_shown_as_people_know_it(value: object, text: str) -> None:
    """Containers, models, objects without and with a hostile `repr`."""
    assert shown(value) == text


def test_functions_and_coroutines_are_named_without_their_address() -> None:
    """Two processes show the same."""
    assert "0x" not in shown([test_a_value_is_shown_as_people_know_it, print, lambda: 0, Plain])


@given(st.recursive(st.integers() | st.text() | st.binary(), st.lists))
def test_a_text_is_never_longer_than_allowed(value: object) -> None:
    """However deep and long."""
    assert len(shown([value, Long(), value])) <= SHOWN_MAX


def test_a_value_that_holds_itself_ends() -> None:
    """A list in itself."""
    value: list[object] = [1]
    value.append(value)

    assert shown(value).startswith("[1, [1, [1")


def test_sets_are_sorted_wherever_they_are() -> None:
    """As JSON they are lists, in the order in which they happened to be."""
    live = {"a": [{3, 1}, (1, {"b"})], "c": Point(1, {2, 1})}
    stored = {"a": [[3, 1], [1, ["b"]]], "c": {"x": 1, "y": [2, 1]}}

    assert settled(live, stored) == {"a": [[1, 3], [1, ["b"]]], "c": {"x": 1, "y": [1, 2]}}
