"""Programs for single situations: effects, nodes that are lost, work left behind, a lethal message.

As those of `programs`, they have a result that is known, whatever is killed and when.
"""

import asyncio
import ctypes
import os

import agentmesh as am
from tests.chaos.programs import Item, Numbers, Size

# --- a saga ---------------------------------------------------------------------------------------


@am.tool
async def perform(place: str, what: str) -> str:
    """Do something outside: one line of a file, which tells under which key it was done."""
    file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{am.tool_context().key} {what}\n".encode())
    os.close(file)
    return what


class Order(am.Message):
    """One order."""

    n: int
    place: str


@am.agent(per_host=2)
class Desk:
    """Carries orders through: each is shipped, or all that was done for it is undone."""

    shipped: list[int] = []  # noqa: RUF012 - state of an agent: each has its own
    undone: list[int] = []  # noqa: RUF012 - as above

    @am.handler
    async def handle(self, order: Order) -> None:
        """Reserve, charge and ship; every third order can't be shipped."""
        done = []
        try:
            for step in ("reserve", "charge", "ship"):
                if step == "ship" and order.n % 3 == 0:
                    message = "out of stock"
                    raise LookupError(message)  # noqa: TRY301 - as a failing step would
                await perform(order.place, f"{step} {order.n}")
                done.append(step)
        except LookupError:
            for step in reversed(done):
                await perform(order.place, f"undo-{step} {order.n}")
            self.undone.append(order.n)
        else:
            self.shipped.append(order.n)

    @am.handler
    async def report(self) -> Numbers:
        """Say how many orders ended in which way, and how many more than once."""
        every = [*self.shipped, *self.undone]
        again = len(every) - len(set(every))
        numbers = {"shipped": len(self.shipped), "undone": len(self.undone), "again": again}
        return Numbers(by_name=numbers)


@am.workflow(deadline="20m")
async def saga(size: Size) -> Numbers:
    """Let desks handle orders."""
    for start in range(0, size.n, 8):
        orders = range(start, min(start + 8, size.n))
        desks = [am.ref(Desk, str(n % size.width)) for n in orders]
        pairs = zip(desks, orders, strict=True)
        await asyncio.gather(*(desk.handle(Order(n=n, place=size.place)) for desk, n in pairs))
    numbers = {"shipped": 0, "undone": 0, "again": 0}
    for n in range(size.width):
        for name, value in (await am.ref(Desk, str(n)).report()).by_name.items():
            numbers[name] += value
    return Numbers(by_name=numbers)


def saga_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `saga`."""
    undone = len(range(0, size.n, 3))
    return {"shipped": size.n - undone, "undone": undone, "again": 0}


def effects_expected(size: Size) -> set[str]:
    """Return all that `saga` does outside."""
    shipped = {
        f"{step} {n}" for n in range(size.n) if n % 3 for step in ("reserve", "charge", "ship")
    }
    steps = ("reserve", "charge", "undo-charge", "undo-reserve")
    return shipped | {f"{step} {n}" for n in range(0, size.n, 3) for step in steps}


# --- agents that only some nodes can have ---------------------------------------------------------

OUTPOSTS = ("east", "west")


@am.agent(resources={"site": 0.5})
class Outpost:
    """Adds up what it gets; where there is a site."""

    total: int = 0
    unexpected: int = 0
    latest: int = 0

    @am.handler
    async def add(self, item: Item) -> None:
        """Add one number; they come one by one."""
        self.unexpected += item.n != self.latest + 1
        self.latest = item.n
        self.total += item.n

    @am.handler
    async def report(self) -> Numbers:
        """Say what came."""
        return Numbers(by_name={"total": self.total, "unexpected": self.unexpected})


@am.workflow(deadline="20m")
async def outposts(size: Size) -> Numbers:
    """Send numbers to outposts, with pauses in between."""
    posts = {key: am.ref(Outpost, key) for key in OUTPOSTS}
    for n in range(1, size.n + 1):
        for post in posts.values():
            am.tell(post.add, Item(n=n, filler="x" * 50))
        if n % 10 == 0:
            await asyncio.gather(*(post.report() for post in posts.values()), am.sleep(0.02))
    numbers: dict[str, int] = {}
    for key, post in posts.items():
        for name, value in (await post.report()).by_name.items():
            numbers[f"{key} {name}"] = value
    return Numbers(by_name=numbers)


def outposts_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `outposts`."""
    total = size.n * (size.n + 1) // 2
    return {
        f"{key} {name}": total if name == "total" else 0
        for key in OUTPOSTS
        for name in ("total", "unexpected")
    }


# --- work that goes on after the result -----------------------------------------------------------


@am.agent(num_cpus=0)
class Straggler:
    """Takes its time; on a host of its own."""

    done: int = 0

    @am.handler
    async def work(self, item: Item) -> None:
        """Do something for a while."""
        await am.sleep(0.02)
        self.done += item.n


@am.workflow(deadline="20m")
async def leaves_work(size: Size) -> Numbers:
    """Return while others work on."""
    for n in range(size.n):
        for key in range(size.width):
            am.tell(am.ref(Straggler, str(key)).work, Item(n=n))
    return Numbers(by_name={"told": size.n * size.width})


def leaves_work_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `leaves_work`."""
    return {"told": size.n * size.width}


# --- a message that nobody survives ---------------------------------------------------------------


class Poison(am.Message):
    """Ends whatever process handles it."""


@am.agent(num_cpus=0)
class Fragile:
    """Adds up what it gets, and does not survive everything; on a host of its own."""

    total: int = 0

    @am.handler
    async def add(self, item: Item) -> None:
        """Add a number."""
        self.total += item.n

    @am.handler
    async def take(self, _poison: Poison) -> None:
        """End the process, as a crash in compiled code does."""
        ctypes.string_at(0)

    @am.handler
    async def report(self) -> Numbers:
        """Say what came."""
        return Numbers(by_name={"total": self.total})


@am.workflow(deadline="20m")
async def poisoned(size: Size) -> Numbers:
    """Send numbers, and in the middle of them poison."""
    fragile = am.ref(Fragile)
    for n in range(1, size.n + 1):
        am.tell(fragile.add, Item(n=n))
    attempts = 0
    try:
        await fragile.take(Poison())
    except am.PoisonMessageError as error:
        attempts = len(error.history)
    for n in range(1, size.n + 1):
        am.tell(fragile.add, Item(n=n))
    return Numbers(by_name={**(await fragile.report()).by_name, "attempts": attempts})


def poisoned_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `poisoned`."""
    return {"total": size.n * (size.n + 1), "attempts": 3}
