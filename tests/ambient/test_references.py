"""Finding who holds a function, and giving it another."""

import functools
import math
from typing import Any

import pytest

from agentmesh.ambient.references import replace_in_module, replace_references, set_attribute
from tests.ambient.helpers import module_from


class Other:
    """Holds the replacement as stand-ins do: a bound method, which does not bind again."""

    def answer(self, value: float) -> float:
        return -value


def test_a_function_written_in_python_is_replaced_too() -> None:
    module = module_from("def f(x): return x\ng = f\n", "holds_python")
    new = Other().answer
    undo = replace_references([(module.f, new)])
    assert (module.f(1), module.g(1)) == (-1, -1)
    for each in undo:
        each()
    assert (module.f(1), module.g(1)) == (1, 1)


def test_several_functions_are_replaced_in_one_pass() -> None:
    holder = {"gamma": math.gamma, "both": [math.gamma, math.lgamma, math.erf]}
    first, second = Other().answer, Other().answer
    undo = replace_references([(math.gamma, first), (math.lgamma, second)])
    try:
        assert holder["gamma"] is first
        assert holder["both"] == [first, second, math.erf]
        assert math.gamma is first
    finally:
        for each in undo:
            each()
    assert math.gamma is not first
    assert math.gamma(5) == 24


def test_what_somebody_else_replaced_meanwhile_is_left_alone() -> None:
    module = module_from("def f(x): return x\n", "holds_another")
    undo = replace_references([(module.f, Other().answer)])
    module.f = "theirs"  # type: ignore[attr-defined]
    for each in undo:
        each()
    assert module.f == "theirs"


def test_a_frozen_or_odd_holder_does_not_stop_the_rest() -> None:
    """Sets, tuples and slots can't be changed; what can be changed is."""

    def f(x: float) -> float:
        return x

    class Slotted:
        __slots__ = ("f",)

    slotted = Slotted()
    slotted.f = f  # type: ignore[attr-defined]
    kept: list[Any] = [(f,), {f}, frozenset({f}), slotted]
    changed: list[Any] = [[f], functools.partial(f)]
    replace_references([(f, Other().answer)])
    assert kept[0][0](1) == 1
    assert slotted.f(1) == 1  # type: ignore[attr-defined]
    assert changed[0][0](1) == -1
    assert changed[1](1) == -1


def test_a_module_just_loaded_is_searched_alone() -> None:
    module = module_from("from math import gamma, erf\nagain = gamma\n", "just_loaded")
    new = Other().answer
    undo = replace_in_module(module, [(math.gamma, new)])
    assert (module.gamma, module.again) == (new, new)
    assert math.gamma(5) == 24
    for each in undo:
        each()
    assert module.gamma is math.gamma


@pytest.mark.parametrize("had", [True, False])
def test_an_attribute_is_put_back_or_removed(*, had: bool) -> None:
    class Thing:
        pass

    thing = Thing()
    if had:
        thing.x = 1  # type: ignore[attr-defined]
    undo = set_attribute(thing, "x", 2)
    assert thing.x == 2  # type: ignore[attr-defined]
    undo()
    assert vars(thing) == ({"x": 1} if had else {})
