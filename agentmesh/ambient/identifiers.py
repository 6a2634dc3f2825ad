"""UUIDs inside a handler: made of the turn's clock and generator.

`uuid.uuid4` needs nothing here: it asks `os.urandom`. The time-based versions ask
the machine for its address, and the system's C library or a module global for a
timestamp that never repeats; inside a handler they are made afresh. They still sort by
time and never repeat: what was used last is kept with the turn's generator.

Libraries bring their own. `uuid_utils` is written in Rust and asks the operating system itself;
LangChain names its messages with it. LangGraph and Pydantic AI carry copies of `uuid6` and
`uuid7`, whose last timestamp is a module global: what one agent's turn is given would depend
on the other agents of the process. Pydantic AI also builds a graph once for the process, with ids
for the time of building.
"""

import inspect
import random
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from agentmesh.ambient.guest import Guest, current, outside
from agentmesh.ambient.references import Swap
from agentmesh.ambient.standin import StandIn

_GREGORIAN_OFFSET = 0x01B21DD213814000
"""100 ns steps between the UUID epoch (1582) and the Unix epoch."""
_MULTICAST = 1 << 40
"""Set in a node that is not a real hardware address (RFC 9562, section 6.10)."""
_NS_PER_MS = 1_000_000


def uuid1_int(loop: Guest, node: int | None = None, clock_seq: int | None = None) -> int:
    """Return a version 1 UUID as an integer."""
    now = _gregorian(loop, None)
    low, mid, high = now & 0xFFFFFFFF, (now >> 32) & 0xFFFF, (now >> 48) & 0x0FFF
    return low << 96 | mid << 80 | 0x1000 << 64 | high << 64 | _tail(loop, node, clock_seq)


def uuid6_int(
    loop: Guest,
    node: int | None = None,
    clock_seq: int | None = None,
    timestamp_ns: int | None = None,
) -> int:
    """Return a version 6 UUID as an integer: version 1, sorted by time."""
    now = _gregorian(loop, timestamp_ns)
    head = (now >> 12) << 80 | 0x6000 << 64 | (now & 0x0FFF) << 64
    return head | _tail(loop, node, clock_seq)


def uuid7_int(loop: Guest, timestamp_ns: int | None = None) -> int:
    """Return a version 7 UUID as an integer, with the time in steps of 1/4096 ms."""
    if timestamp_ns is None:
        steps = _later(loop, "v7", (loop.read_wall_ns() << 12) // _NS_PER_MS)
    else:
        steps = (timestamp_ns << 12) // _NS_PER_MS
    ms, fraction = divmod(steps, 1 << 12)
    tail = loop.generator().getrandbits(62)
    return (ms & ((1 << 48) - 1)) << 80 | (0x7000 | fraction) << 64 | 1 << 63 | tail


def _gregorian(loop: Guest, timestamp_ns: int | None) -> int:
    if timestamp_ns is not None:
        return timestamp_ns // 100 + _GREGORIAN_OFFSET
    return _later(loop, "v6", loop.read_wall_ns() // 100 + _GREGORIAN_OFFSET)


def _later(loop: Guest, kind: str, step: int) -> int:
    """Return a time step after the last one of this turn: logical time may stand still."""
    kept = vars(loop.generator())
    key = f"_ambient_last_{kind}"
    step = max(step, kept.get(key, -1) + 1)
    kept[key] = step
    return step


def _tail(loop: Guest, node: int | None, clock_seq: int | None) -> int:
    generator = loop.generator()
    sequence = generator.getrandbits(14) if clock_seq is None else clock_seq & 0x3FFF
    if node is None:
        node = generator.getrandbits(48) | _MULTICAST
    return (sequence | 0x8000) << 48 | node


def uuid4_int(generator: random.Random) -> int:
    """Return a version 4 UUID as an integer."""
    bits = generator.getrandbits(128)
    return bits & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48


class NodeAndTime(StandIn):
    """`uuid.uuid1` and `uuid6`, in the standard library and where libraries carry a copy."""

    __slots__ = ()

    def answer(self, node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        """Make a UUID."""
        loop = current()
        if loop is None:
            return self.real(node, clock_seq)  # type: ignore[no-any-return]
        make = uuid6_int if self.name == "uuid6" else uuid1_int
        return _object(self.home, make(loop, node, clock_seq))


class Time(StandIn):
    """`uuid7`, in the standard library since Python 3.14 and where libraries carry a copy."""

    __slots__ = ()

    def answer(self) -> uuid.UUID:
        """Make a UUID."""
        loop = current()
        return self.real() if loop is None else _object(self.home, uuid7_int(loop))


class Placeholder(StandIn):
    """An id that nothing keeps, drawn while something is built once for the process.

    Whose turn builds it is chance, so it may not come from the turn's stream.
    """

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Make an id from the process's own randomness."""
        with outside():
            return self.real(*args, **kwargs)


def _object(home: str, value: int) -> uuid.UUID:
    kind = getattr(sys.modules[home], "UUID", uuid.UUID)
    return kind(int=value)


class Rust(StandIn):
    """A function of `uuid_utils` that asks the system's clock or generator."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Make a UUID, as an object of the library's or as an integer."""
        loop = current()
        if loop is None:
            return self.real(*args, **kwargs)
        # What may be given changes with the library's version.
        given = inspect.signature(self.real).bind(*args, **kwargs).arguments
        value = _rust_int(self.name, loop, given)
        return value if self.name.endswith("_int") else _object(self.home, value)


def _rust_int(name: str, loop: Guest, given: Mapping[str, Any]) -> int:
    if "uuid4" in name:
        return uuid4_int(loop.generator())
    node, clock_seq, moment = given.get("node"), given.get("clock_seq"), given.get("nanoseconds")
    seconds = given.get("timestamp")
    if seconds is not None:
        moment = seconds * 1_000_000_000 + (given.get("nanos") or 0)
    if "uuid7" in name:
        return uuid7_int(loop, moment)
    if "uuid6" in name:
        return uuid6_int(loop, node, clock_seq, moment)
    return uuid1_int(loop, node, clock_seq)


_RUST_NAMES = ("uuid1", "uuid4", "uuid6", "uuid7", "_uuid4_int", "_uuid7_int")


def swaps() -> list[Swap]:
    """Return stand-ins for the functions of `uuid` that ask more than `os.urandom`."""
    return _made(
        NodeAndTime.over("uuid", "uuid1"),
        NodeAndTime.over("uuid", "uuid6"),
        Time.over("uuid", "uuid7"),
    )


def uuid_utils_swaps() -> list[Swap]:
    """Return stand-ins for the functions of `uuid_utils`."""
    return _made(*(Rust.over("uuid_utils", name) for name in _RUST_NAMES))


def langgraph_swaps() -> list[Swap]:
    """Return the stand-in for LangGraph's names of checkpoints."""
    return _made(NodeAndTime.over("langgraph.checkpoint.base.id", "uuid6"))


def pydantic_ai_swaps() -> list[Swap]:
    """Return the stand-in for Pydantic AI's names of runs."""
    return _made(Time.over("pydantic_ai._uuid", "uuid7"))


def pydantic_graph_swaps() -> list[Swap]:
    """Return the stand-in for the ids of a graph under construction."""
    return _made(Placeholder.over("pydantic_graph.id_types", "generate_placeholder_node_id"))


def _made(*stand_ins: StandIn | None) -> list[Swap]:
    return [each.swap() for each in stand_ins if each is not None]


IN_LIBRARIES: dict[str, Callable[[], list[Swap]]] = {
    "langgraph.checkpoint.base.id": langgraph_swaps,
    "pydantic_ai._uuid": pydantic_ai_swaps,
    "pydantic_graph.id_types": pydantic_graph_swaps,
    "uuid_utils": uuid_utils_swaps,
}
"""Modules that may never be imported, and what to replace in them when they are."""
