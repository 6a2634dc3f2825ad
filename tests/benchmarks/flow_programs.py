"""A thousand agents, half of them sending to the others, and a sender that outruns its receiver."""

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import psutil
from pydantic import Field

import agentmesh as am
from tests.benchmarks.message_programs import Note

AGENTS, HOSTS = 1000, 4
SLOW_STEPS = 2
"""Tool calls of the slow receiver for a message: about ten times what sending one takes."""
MIB = 1 << 20
SAMPLE_SECONDS = 0.1


class Load(am.Message):
    """How much to do."""

    rounds: int
    each: int
    """Messages of each sender in a round."""
    raw: int
    """Calls of raw Ray actors in a round."""
    mismatched: int
    """Messages from the fast sender to the slow receiver."""


class Measured(am.Message):
    """What the workflow found."""

    seconds: list[float] = Field(default_factory=list)
    """Of each round."""
    raw: list[float] = Field(default_factory=list)
    sent_seconds: float = 0
    """How long the fast sender takes when the receiver is fast, for as many messages."""
    mismatched_seconds: float = 0
    producer: float = 0
    """Megabytes that its host grew by, at most."""
    consumer: float = 0
    others: float = 0
    """Of all other processes of the cluster the one that grew most."""


@am.agent(per_host=AGENTS // HOSTS)
class Talker:
    """Sends to one on another host, or is who is sent to: two that asked each other would wait."""

    heard: int = 0

    @am.handler
    async def hear(self, note: Note) -> None:
        """Count one."""
        self.heard += 1

    @am.handler
    async def settle(self) -> int:
        """Answer when all that was sent before has been heard."""
        return self.heard

    @am.handler
    async def talk(self, order: Note) -> int:
        """Send messages to the one two hosts further on, who sends nothing."""
        other = am.ref(Talker, str(int(am.context().key) + AGENTS // 2))
        for number in range(order.number):
            await am.tell(other.hear, Note(number=number))
        return await other.settle()


@am.tool
async def chew() -> None:
    """Take as long as a tool at least takes."""
    await asyncio.sleep(0)


@am.agent
class Consumer:
    """Is slow, or not."""

    taken: int = 0

    @am.handler
    async def take_slowly(self, note: Note) -> None:
        """Take one, and a while."""
        for _ in range(SLOW_STEPS):
            await chew()
        self.taken += 1

    @am.handler
    async def take(self, note: Note) -> None:
        """Take one."""
        self.taken += 1

    @am.handler
    async def settle(self) -> int:
        """Answer when all that was sent before has been taken."""
        return self.taken

    @am.handler
    async def where(self) -> int:
        """Return the host's process."""
        return await am.effect(os.getpid)


@am.agent
class Producer:
    """Sends as fast as it may."""

    @am.handler
    async def flood(self, order: Note) -> float:
        """Return the seconds that sending takes, and the receiver to take all of it."""
        consumer = am.ref(Consumer)
        take = consumer.take_slowly if order.done else consumer.take
        started = time.perf_counter()
        for number in range(order.number):
            await am.tell(take, Note(number=number))
        await consumer.settle()
        return time.perf_counter() - started

    @am.handler
    async def where(self) -> int:
        """Return the host's process."""
        return await am.effect(os.getpid)


@am.workflow(deadline="15m")
async def measure(load: Load) -> Measured:
    """Measure throughput round by round, then memory."""
    seconds, raw = [], []
    senders = [am.ref(Talker, str(number)) for number in range(AGENTS // 2)]
    for number in range(load.rounds + 1):
        raw_seconds = await am.effect(raw_throughput, load.raw)
        started = time.perf_counter()
        await asyncio.gather(*(each.talk(Note(number=load.each)) for each in senders))
        if number:
            seconds.append(time.perf_counter() - started)
            raw.append(raw_seconds)
    return await mismatch(load, Measured(seconds=seconds, raw=raw))


async def mismatch(load: Load, found: Measured) -> Measured:
    """Let a fast sender and a slow receiver work while somebody looks at all processes."""
    producer, consumer = am.ref(Producer), am.ref(Consumer)
    many = load.mismatched
    await producer.flood(Note(number=many // 10, done=True))
    pids = [await producer.where(), await consumer.where()]
    await am.effect(watch)
    mismatched = await producer.flood(Note(number=many, done=True))
    grown: list[float] = await am.effect(grown_since, pids)
    sent = await producer.flood(Note(number=many))  # last: what it needs would hide any growth
    return found.model_copy(
        update={
            "sent_seconds": sent,
            "mismatched_seconds": mismatched,
            "producer": grown[0],
            "consumer": grown[1],
            "others": grown[2],
        }
    )


# --- memory, looked at from the workflow's host -------------------------------------------------


class _Watch(threading.Thread):
    """Looks at the memory of all processes of this Ray node again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        raylet = psutil.Process().parent()
        assert raylet is not None
        self._processes = [raylet, *raylet.children(recursive=True)]
        self.first: dict[int, float] = {}
        self.most: dict[int, float] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(SAMPLE_SECONDS):
            for process in self._processes:
                try:
                    used = process.memory_full_info().uss / MIB
                except psutil.Error:
                    continue
                self.first.setdefault(process.pid, used)
                self.most[process.pid] = max(used, self.most.get(process.pid, 0.0))


_WATCHES: list[_Watch] = []


def watch() -> None:
    """Begin to look."""
    _WATCHES.append(_Watch())
    _WATCHES[-1].start()


def grown_since(pids: Sequence[int]) -> list[float]:
    """Return how much some processes have grown, and the one of all others that has most."""
    found = _WATCHES.pop()
    found.done.set()
    found.join()
    grown = {pid: most - found.first[pid] for pid, most in found.most.items()}
    others = [megabytes for pid, megabytes in grown.items() if pid not in pids]
    return [*(grown[pid] for pid in pids), max(others, default=0.0)]


# --- the same on raw Ray ------------------------------------------------------------------------

_RAW: list[Any] = []


def raw_throughput(count: int) -> float:
    """Return the seconds that two raw actors take to call two others, both at once."""
    import ray

    if not _RAW:

        class Plain:
            def meet(self, other: Any) -> None:
                self.other, self.heard = other, 0
                self.payload = Note(number=1).model_dump_json().encode()

            def hear(self, payload: bytes) -> None:
                self.heard += 1

            def talk(self, count: int) -> None:
                ray.get([self.other.hear.remote(self.payload) for _ in range(count)])

        made = ray.remote(num_cpus=0)(Plain)
        _RAW.extend(made.remote() for _ in range(HOSTS))
        others = [_RAW[(number + HOSTS // 2) % HOSTS] for number in range(HOSTS)]
        ray.get([each.meet.remote(other) for each, other in zip(_RAW, others, strict=True)])
    started = time.perf_counter()
    senders = _RAW[: HOSTS // 2]
    ray.get([each.talk.remote(count // len(senders)) for each in senders], timeout=120)
    return time.perf_counter() - started
