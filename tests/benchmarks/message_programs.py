"""Agents for the messaging benchmarks, and the same work on raw Ray actors."""

import asyncio
import time
from typing import Any

from pydantic import Field

import agentmesh as am

TEXT = "x" * 250


class Note(am.Message):
    """A typed message of about 300 bytes as JSON."""

    number: int
    text: str = TEXT
    score: float = 0.5
    done: bool = False


class Go(am.Message):
    """How much to do."""

    count: int


class Rounds(am.Message):
    """What the workflow is to measure."""

    rounds: int
    messages: int
    asks: int


class Figures(am.Message):
    """Seconds of each round."""

    one_way: list[float] = Field(default_factory=list)
    one_way_raw: list[float] = Field(default_factory=list)
    ask: list[float] = Field(default_factory=list)
    ask_raw: list[float] = Field(default_factory=list)
    fan: list[float] = Field(default_factory=list)
    fan_raw: list[float] = Field(default_factory=list)
    near: list[float] = Field(default_factory=list)


@am.agent
class Sink:
    """Takes messages."""

    taken: int = 0

    @am.handler
    async def take(self, note: Note) -> None:
        """Count one."""
        self.taken += 1

    @am.handler
    async def flush(self) -> int:
        """Answer when all that was sent before has been taken."""
        return self.taken

    @am.handler
    async def echo(self, note: Note) -> Note:
        """Return what came."""
        return note


@am.agent
class Pump:
    """Sends messages from a host of its own."""

    left: int = 0

    @am.handler
    async def one_way(self, go: Go) -> float:
        """Send messages one way, and return the seconds until the last was taken."""
        sink = am.ref(Sink)
        started = time.perf_counter()
        for number in range(go.count):
            await am.tell(sink.take, Note(number=number))
        await sink.flush()
        return time.perf_counter() - started

    @am.handler
    async def asks(self, go: Go) -> float:
        """Ask one after the other."""
        sink = am.ref(Sink)
        started = time.perf_counter()
        for number in range(go.count):
            await sink.echo(Note(number=number))
        return time.perf_counter() - started

    @am.handler
    async def fan(self, go: Go) -> float:
        """Ask eight at once, again and again."""
        sinks = [am.ref(Sink, f"s{number}") for number in range(8)]
        started = time.perf_counter()
        for number in range(go.count):
            await asyncio.gather(*(sink.echo(Note(number=number)) for sink in sinks))
        return time.perf_counter() - started

    @am.handler
    async def near(self, go: Go) -> float:
        """Ask an agent on the same host."""
        neighbour = am.ref(Pump, "neighbour")
        started = time.perf_counter()
        for number in range(go.count):
            await neighbour.same(Note(number=number))
        return time.perf_counter() - started

    @am.handler
    async def same(self, note: Note) -> Note:
        """Return what came."""
        return note


@am.workflow(deadline="10m")
async def measure(rounds: Rounds) -> Figures:
    """Measure agentmesh and raw Ray in turn, round by round; the first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in Figures.model_fields}
    pump, many, few = am.ref(Pump), Go(count=rounds.messages), Go(count=rounds.asks)
    fans = Go(count=max(1, rounds.asks // 4))
    for number in range(rounds.rounds + 1):
        figures = {
            "one_way_raw": await am.effect(raw_one_way, rounds.messages // 10),
            "one_way": await pump.one_way(many),
            "ask_raw": await am.effect(raw_asks, rounds.asks),
            "ask": await pump.asks(few),
            "fan_raw": await am.effect(raw_fan, fans.count),
            "fan": await pump.fan(fans),
            "near": await pump.near(few),
        }
        if number:
            for name, seconds in figures.items():
                found[name].append(seconds)
    return Figures(**found)


_RAW: list[Any] = []


def _raw_actors() -> list[Any]:
    """Make two plain sync Ray actors once: a caller and whom it calls."""
    if not _RAW:
        import ray

        class Plain:
            def ping(self, payload: bytes) -> bytes:
                return payload

        class Caller:
            def __init__(self, plain: Any) -> None:
                self.plain = plain
                self.payload = Note(number=1).model_dump_json().encode()

            def one_way(self, count: int) -> float:
                started = time.perf_counter()
                ray.get([self.plain.ping.remote(self.payload) for _ in range(count)])
                return time.perf_counter() - started

            def asks(self, count: int) -> float:
                started = time.perf_counter()
                for _ in range(count):
                    ray.get(self.plain.ping.remote(self.payload))
                return time.perf_counter() - started

            def fan(self, count: int) -> float:
                started = time.perf_counter()
                for _ in range(count):
                    ray.get([self.plain.ping.remote(self.payload) for _ in range(8)])
                return time.perf_counter() - started

        plain = ray.remote(num_cpus=0)(Plain).remote()
        _RAW.append(ray.remote(num_cpus=0)(Caller).remote(plain))
    return _RAW


def _raw(method: str, count: int) -> float:
    import ray

    caller = _raw_actors()[0]
    return float(ray.get(getattr(caller, method).remote(count), timeout=120))


def raw_one_way(count: int) -> float:
    """Seconds for pipelined calls of one sync actor by another."""
    return _raw("one_way", count)


def raw_asks(count: int) -> float:
    """Seconds for calls one after the other."""
    return _raw("asks", count)


def raw_fan(count: int) -> float:
    """Seconds for eight calls at once, again and again."""
    return _raw("fan", count)
