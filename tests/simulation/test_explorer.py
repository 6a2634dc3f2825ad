"""Exhaustive search against brute force: each trace once, none missed."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.errors import UsageError
from agentmesh.sdk.message import Message
from agentmesh.simulation.explorer import Search, explore
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.world import World
from tests.simulation.enumerators import Trace, every_schedule, trace_of
from tests.simulation.programs import Do, lost_update, told

FREE = Timing(message_seconds=None)
SCHEDULES_MAX = 150
TRACES_MAX = 60

LEAF = Do()
FAN_IN = Do(to=("a", "b", "c"), then=(Do(to=("s",), then=(LEAF,)),) * 3)
FAN_OUT = Do(to=("a", "b", "c", "d"), then=(LEAF,) * 4)
SAME = Do(to=("a", "a"), then=(LEAF, LEAF))
PATIENCE = Do(to=("a", "b"), then=(Do(patience_ms=10), Do(to=("a",), then=(Do(wake=True),))))
NAPS = Do(to=("a", "a"), then=(Do(nap_ms=5), Do(nap_ms=9)))
OVERTAKING = Do(
    to=("a", "b"), then=(Do(patience_ms=9), Do(to=("a", "a"), then=(LEAF, Do(nap_ms=5))))
)
ASKS = Do(to=("a", "b"), then=(Do(to=("s",), then=(LEAF,), ask=True),) * 2)


def world_of(order: Message) -> World:
    return World(told, order, timing=FREE)


def traces_of(make: partial[World], most: int = 10_000) -> tuple[list[Trace], Search]:
    found: list[Trace] = []

    def look(world: World) -> bool:
        found.append(trace_of(world))
        return False

    search = explore(make, look, schedules_max=most)
    assert search.schedules == len(found)
    return found, search


@pytest.mark.parametrize(
    ("order", "schedules", "traces"),
    [
        (FAN_OUT, 24, 1),
        (SAME, 1, 1),
        (FAN_IN, 90, 6),
        (PATIENCE, 6, 3),
        (NAPS, 2, 2),
        (OVERTAKING, 11, 7),
    ],
    ids=[
        "independent",
        "one channel",
        "fan in",
        "timer against message",
        "two timers",
        "overtaking timers",
    ],
)
def test_small_programs_have_as_many_traces_as_counted(
    order: Do, schedules: int, traces: int
) -> None:
    """State spaces that can be counted on paper."""
    every = [trace_of(world) for world in every_schedule(partial(world_of, order))]

    found, search = traces_of(partial(world_of, order))

    assert search.exhausted
    assert len(every) == schedules
    assert len(found) == traces
    assert sorted(found) == sorted(set(every))


def test_each_end_of_a_lost_update_is_seen() -> None:
    """Two clerks and an account: 924 schedules, 12 traces."""
    ends = set()

    def look(world: World) -> bool:
        ends.add(world.value())
        return False

    search = explore(partial(World, lost_update, timing=FREE), look)

    assert (search.schedules, ends) == (12, {110, 120})


def orders(depth: int) -> st.SearchStrategy[Do]:
    """Trees of messages, with naps, patience and asks."""
    inner = orders(depth - 1) if depth else st.nothing()
    return st.lists(st.tuples(st.sampled_from("ab"), inner), max_size=2 if depth else 0).flatmap(
        lambda further: st.builds(
            Do,
            to=st.just(tuple(key for key, _ in further)),
            then=st.just(tuple(then for _, then in further)),
            nap_ms=st.sampled_from([0, 0, 0, 5]),
            patience_ms=st.sampled_from([0, 0, 0, 9]),
            wake=st.sampled_from([False, False, True]),
            ask=st.booleans(),
        )
    )


@settings(max_examples=12)
@given(st.lists(orders(1), min_size=2, max_size=2), st.sampled_from([("a", "b"), ("a", "a")]))
def test_any_small_program_is_explored_exactly_once_per_trace(
    first: list[Do], keys: tuple[str, ...]
) -> None:
    """Random programs; those with too many schedules to enumerate are compared in part."""
    make = partial(world_of, Do(to=keys, then=tuple(first)))
    every: set[Trace] = set()
    complete = True
    for number, world in enumerate(every_schedule(make)):
        every.add(trace_of(world))
        if number >= SCHEDULES_MAX:
            complete = False
            break

    found, search = traces_of(make, TRACES_MAX)

    assert len(found) == len(set(found))
    if search.exhausted:
        assert every <= set(found)
    if complete:
        assert set(found) <= every


def test_a_search_that_is_too_large_says_how_much_it_covered() -> None:
    """Bounded: six senders to one receiver have 720 traces."""
    order = Do(to=tuple("abcdef"), then=(Do(to=("s",), then=(LEAF,)),) * 6)

    search = explore(partial(world_of, order), schedules_max=20)

    assert not search.exhausted
    assert search.left > 0
    assert "not all" in str(search)


def test_a_world_with_a_bound_on_messages_is_refused() -> None:
    """Time would order what is independent."""
    with pytest.raises(UsageError, match="can't be explored"):
        explore(lambda: World(told, LEAF))
