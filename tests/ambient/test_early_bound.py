"""Names that were copied before anything was installed: `from time import monotonic`."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from agentmesh.ambient import install, uninstall
from tests.ambient.helpers import ThreadOutside, call_inside, make_loop, module_from

SOURCE = """
import functools
from datetime import datetime as moment
from os import urandom
from random import choice, getrandbits, random, seed
from secrets import token_hex
from time import monotonic, perf_counter, sleep, time
from uuid import uuid1, uuid4

def by_global(): return monotonic()
def by_default(clock=monotonic): return clock()
def by_keyword_default(*, clock=monotonic): return clock()
def make(clock):
    def by_closure(): return clock()
    return by_closure
by_closure = make(monotonic)
by_partial = functools.partial(monotonic)
in_list = [monotonic]
in_dict = {"clock": monotonic}
in_tuple = (time, moment.now)
called_through_partial = functools.partial(lambda clock: clock(), monotonic)

class Timer:
    clock = monotonic
    static = staticmethod(monotonic)
    def __init__(self, clock=monotonic): self.own = clock

class Slotted:
    __slots__ = ("clock",)
    def __init__(self): self.clock = time

timer = Timer()
slotted = Slotted()
"""

CLOCKS = {
    "a global": "by_global()",
    "a default argument": "by_default()",
    "a keyword's default": "by_keyword_default()",
    "a closure": "by_closure()",
    "a partial": "by_partial()",
    "an argument of a partial": "called_through_partial()",
    "a list": "in_list[0]()",
    "a dict": "in_dict['clock']()",
    "a class attribute": "Timer.clock()",
    "a class attribute through an instance": "timer.clock()",
    "a static method": "timer.static()",
    "an instance attribute": "timer.own()",
    "a later instance's attribute": "Timer().own()",
    "another clock": "perf_counter()",
}
WALL_CLOCKS = {
    "a global": "time()",
    "a tuple": "in_tuple[0]()",
    "a method in a tuple": "in_tuple[1]().timestamp()",
    "a slot": "slotted.clock()",
    "a class": "moment.now().timestamp()",
}
RANDOM = {
    "random": "random()",
    "getrandbits": "getrandbits(64)",
    "choice": "choice(range(10**12))",
    "urandom": "urandom(8)",
    "token_hex": "token_hex()",
    "uuid1": "uuid1()",
    "uuid4": "uuid4()",
}


@pytest.fixture(scope="module")
def early() -> Iterator[ModuleType]:
    """A module that was imported before agentmesh had anything installed; loaded once."""
    uninstall()
    module = module_from(SOURCE, "bound_early")
    install()
    yield module
    del sys.modules["bound_early"]


def read(module: ModuleType, expression: str) -> Any:
    return eval(expression, module.__dict__)


@pytest.mark.parametrize("held", CLOCKS)
def test_a_clock_held_somewhere_is_logical_inside_only(early: ModuleType, held: str) -> None:
    expression = CLOCKS[held]
    assert call_inside(lambda: read(early, expression)) == pytest.approx(1e-6)
    assert read(early, expression) > 1e-3
    with ThreadOutside() as tool:
        assert call_inside(lambda: tool.call(lambda: read(early, expression))) > 1e-3


@pytest.mark.parametrize("held", WALL_CLOCKS)
def test_the_wall_clock_is_caught_wherever_it_is_held(early: ModuleType, held: str) -> None:
    """Its entry in the method table is swapped: no reference escapes that."""
    expression = WALL_CLOCKS[held]
    assert call_inside(lambda: read(early, expression)) < 1.1e9
    assert read(early, expression) > 1.7e9


@pytest.mark.parametrize("source", RANDOM)
def test_random_names_are_the_turns_inside_only(early: ModuleType, source: str) -> None:
    draw = RANDOM[source]
    first = call_inside(lambda: read(early, draw), make_loop(1))
    assert first == call_inside(lambda: read(early, draw), make_loop(1))
    assert first != call_inside(lambda: read(early, draw), make_loop(2))
    assert read(early, draw) != read(early, draw)


def test_seeding_by_an_early_bound_name_stays_in_the_turn(early: ModuleType) -> None:
    read(early, "seed(5)")
    expected = read(early, "random()")
    read(early, "seed(5)")
    call_inside(lambda: read(early, "seed(6)"))
    assert read(early, "random()") == expected


def test_taking_it_away_puts_the_real_functions_back(early: ModuleType) -> None:
    uninstall()
    for name in ("monotonic", "random", "urandom", "uuid1", "sleep"):
        assert "stand-in" not in repr(early.__dict__[name])
    assert "stand-in" not in repr(early.Timer.clock)
    assert "stand-in" not in repr(early.by_default.__defaults__)
    assert call_inside(early.by_closure) > 1e-3
