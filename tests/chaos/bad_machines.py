"""A program on machines where something goes wrong: each host is told to suffer, by a tool.

What a tool does to its process here is what a machine does to all of its processes: the time
of day is set, each write takes long, files can't grow. Nothing of agentmesh knows of it.
"""

import asyncio
import os
import resource
import time

import agentmesh as am
from tests.chaos.programs import Item, Numbers, Size

WORKERS = ("a", "b")


class Fault(am.Message):
    """What goes wrong, and how much."""

    kind: str
    amount: float


@am.tool
async def set_clock(seconds: float) -> None:
    """Set the time of day forward or back."""
    wall_ns = time.time_ns
    time.time_ns = lambda: wall_ns() + int(seconds * 1e9)
    time.time = lambda: time.time_ns() / 1e9


@am.tool
async def slow_down(seconds: float) -> None:
    """Let each write, and each wait for the disk, take so long."""
    write, sync = os.write, os.fdatasync

    def slow_write(file: int, data: bytes) -> int:
        time.sleep(seconds)
        return write(file, data)

    def slow_sync(file: int) -> None:
        time.sleep(seconds)
        sync(file)

    vars(os).update(write=slow_write, fdatasync=slow_sync)


@am.tool
async def limit_files(size: float) -> None:
    """Let no file of this process grow beyond a size, as a quota does."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), hard))


@am.agent(num_cpus=0)
class Worker:
    """Adds up what it gets, and looks at its clock; on a host of its own."""

    total: int = 0
    went_back: int = 0
    latest: float = 0.0

    @am.handler
    async def suffer(self, fault: Fault) -> None:
        """Let something go wrong here."""
        match fault.kind:
            case "clock":
                await set_clock(fault.amount)
            case "slow":
                await slow_down(fault.amount)
            case "full":
                await limit_files(fault.amount)

    @am.handler
    async def add(self, item: Item) -> None:
        """Add a number; some take a moment."""
        now = am.now().timestamp()
        self.went_back += now < self.latest
        self.latest = now
        if item.n % 10 == 0:
            await am.sleep(0.01)
        self.total += item.n

    @am.handler
    async def report(self) -> Numbers:
        """Say what came."""
        return Numbers(by_name={"total": self.total, "went back": self.went_back})


async def work(size: Size, faults: list[Fault]) -> Numbers:
    """Let two workers work, one of which suffers now and then; leave some work under way."""
    one, other = (am.ref(Worker, key) for key in WORKERS)
    for fault in faults:
        await one.suffer(fault)
        for n in range(1, size.n + 1):
            am.tell(one.add, Item(n=n, filler="x" * 100))
            am.tell(other.add, Item(n=n))
        await asyncio.gather(one.report(), other.report())
    numbers: dict[str, int] = {}
    for key in WORKERS:
        for name, value in (await am.ref(Worker, key).report()).by_name.items():
            numbers[f"{key} {name}"] = value
    for n in range(1, size.n + 1):
        am.tell(one.add, Item(n=n))
    return Numbers(by_name=numbers)


@am.workflow(deadline="20m")
async def set_clocks(size: Size) -> Numbers:
    """The time of day is set an hour forward, two hours back, and forward again."""
    return await work(size, [Fault(kind="clock", amount=each) for each in (3600, -7200, 5400)])


@am.workflow(deadline="20m")
async def slow_disk(size: Size) -> Numbers:
    """Each write takes a while, and then longer."""
    return await work(size, [Fault(kind="slow", amount=each) for each in (0.01, 0.03)])


@am.workflow(deadline="20m")
async def full_disk(size: Size) -> Numbers:
    """Files grow to a size and no further."""
    return await work(size, [Fault(kind="full", amount=each) for each in (60_000, 1e9)])


def expected(size: Size, rounds: int) -> dict[str, int]:
    """Return the numbers of `work`."""
    total = rounds * size.n * (size.n + 1) // 2
    return {"a total": total, "a went back": 0, "b total": total, "b went back": 0}
