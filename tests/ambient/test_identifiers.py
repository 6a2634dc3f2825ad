"""UUIDs inside a handler: right in form, made of the turn, different each time."""

import importlib
import inspect
import uuid
from collections.abc import Callable
from typing import Any
from uuid import uuid1 as early_uuid1

import pytest

from agentmesh.ambient.identifiers import uuid1_int, uuid6_int, uuid7_int
from tests.ambient.helpers import START_NS, ProbeLoop, call_inside, make_loop

LIBRARIES = [
    ("uuid_utils", "uuid1", 1),
    ("uuid_utils", "uuid4", 4),
    ("uuid_utils", "uuid6", 6),
    ("uuid_utils", "uuid7", 7),
    ("uuid_utils.compat", "uuid1", 1),
    ("uuid_utils.compat", "uuid4", 4),
    ("uuid_utils.compat", "uuid6", 6),
    ("uuid_utils.compat", "uuid7", 7),
    ("langchain_core.utils.uuid", "uuid7", 7),
    ("langgraph.checkpoint.base.id", "uuid6", 6),
    ("pydantic_ai._uuid", "uuid7", 7),
    ("uuid", "uuid1", 1),
    ("uuid", "uuid4", 4),
    *[("uuid", f"uuid{version}", version) for version in (6, 7) if hasattr(uuid, f"uuid{version}")],
]


@pytest.mark.parametrize(("module", "name", "version"), LIBRARIES)
def test_ids_are_the_turns_inside_and_the_systems_outside(
    module: str, name: str, version: int
) -> None:
    """Libraries that make ids with other means than `os.urandom` make them from the turn too."""
    make: Callable[[], Any] = getattr(importlib.import_module(module), name)
    several = lambda: [make() for _ in range(20)]  # noqa: E731 - what is made each time
    first = call_inside(several, make_loop(1))
    assert first == call_inside(several, make_loop(1))
    assert len(set(first)) == len(first)
    assert not set(first) & set(call_inside(several, make_loop(2)))
    assert not set(first) & {make() for _ in range(20)}
    for each in (*first, make()):
        assert isinstance(each, type(make()))
        assert uuid.UUID(str(each)).variant == uuid.RFC_4122
        assert uuid.UUID(str(each)).version == version


def test_time_based_ids_carry_logical_time_and_a_node_that_is_no_address() -> None:
    made = call_inside(early_uuid1)
    since_1582 = 0x01B21DD213814000
    assert made.time - since_1582 == (START_NS + 1_000) // 100
    assert made.node >> 40 & 1
    assert made.node != uuid.getnode()


@pytest.mark.parametrize("make", [uuid1_int, uuid6_int, uuid7_int])
def test_ids_of_one_turn_sort_by_time_though_logical_time_stands_still(
    make: Callable[..., int],
) -> None:
    """All readings within one event may be the same."""

    class Still(ProbeLoop):
        def read_wall_ns(self) -> int:
            return self.now_ns

    loop = Still()  # type: ignore[abstract]
    made = [uuid.UUID(int=make(loop)) for _ in range(5_000)]
    assert len(set(made)) == len(made)
    if make is uuid1_int:
        assert [each.time for each in made] == sorted(each.time for each in made)
    else:
        assert made == sorted(made)


def test_given_parts_of_an_id_are_kept() -> None:
    made = call_inside(lambda: early_uuid1(node=0x123456789ABC, clock_seq=0x1234))
    assert (made.node, made.clock_seq) == (0x123456789ABC, 0x1234)


def test_given_times_of_an_id_are_kept() -> None:
    """How a time is given differs between versions of the library."""
    rust = importlib.import_module("uuid_utils")
    moment: dict[str, int] = {"timestamp": 1_700_000_000, "nanos": 5_000_000}
    if "nanoseconds" in inspect.signature(rust.uuid7.__self__.real).parameters:
        moment = {"nanoseconds": 1_700_000_000_005_000_000}
    made = call_inside(lambda: rust.uuid7(**moment))
    assert made.timestamp == rust.uuid7(**moment).timestamp == 1_700_000_000_005
    assert call_inside(rust.uuid7).timestamp == START_NS // 1_000_000


def test_a_wrong_argument_of_an_id_fails_as_it_does_outside() -> None:
    rust = importlib.import_module("uuid_utils")
    with pytest.raises(TypeError):
        call_inside(lambda: rust.uuid7(colour="blue"))


def test_ids_of_a_graph_that_is_built_once_for_the_process_cost_the_turn_nothing() -> None:
    """Pydantic AI builds its graph in whichever turn comes first; all must draw alike."""
    types = importlib.import_module("pydantic_graph.id_types")

    def handler() -> tuple[str, bytes]:
        name = types.generate_placeholder_node_id("decision")
        return name, uuid.uuid4().bytes

    first, second = call_inside(handler), call_inside(handler)
    assert first[0] != second[0]
    assert first[1] == second[1] == call_inside(lambda: uuid.uuid4().bytes)
