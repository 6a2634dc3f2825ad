"""Bugs of state that is read, and changed later by what was read."""

import asyncio

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.verbs import tell
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.judging import always
from agentmesh.simulation.world import World
from tests.zoo.bugs import Bug, Go


class Amount(Message):
    value: int = 0
    expected: int = 0


@agent
class Account:
    balance: int = 100

    @handler
    async def read(self) -> int:
        return self.balance

    @handler
    async def write(self, amount: Amount) -> None:
        self.balance = amount.value

    @handler
    async def add(self, amount: Amount) -> None:
        self.balance += amount.value


@agent
class Clerk:
    @handler
    async def deposit(self, go: Go) -> None:
        account = ref(Account)
        if go.fixed:
            await account.add(Amount(value=10))
        else:
            await account.write(Amount(value=await account.read() + 10))


@workflow(deadline="1h")
async def two_clerks(go: Go) -> None:
    await asyncio.gather(*(ref(Clerk, key).deposit(go) for key in ("a", "b")))


def both_deposits_count(world: World) -> None:
    assert world.agent(Account).balance == 120


@agent
class Seats:
    free: int = 1
    sold: int = 0

    @handler
    async def left(self) -> int:
        return self.free

    @handler
    async def take(self) -> None:
        self.free -= 1
        self.sold += 1

    @handler
    async def take_if_free(self) -> bool:
        if self.free:
            self.free -= 1
            self.sold += 1
        return bool(self.free)


@agent
class Buyer:
    @handler
    async def buy(self, go: Go) -> None:
        seats = ref(Seats)
        if go.fixed:
            await seats.take_if_free()
        elif await seats.left():
            await seats.take()


@workflow(deadline="1h")
async def two_buyers(go: Go) -> None:
    for key in ("a", "b"):
        await tell(ref(Buyer, key).buy, go)


class Swap(Message):
    old: str = ""
    new: str = ""
    version: int = -1


@agent
class Register:
    value: str = "A"
    version: int = 0
    surprised: bool = False

    @handler
    async def read(self) -> tuple[str, int]:
        return self.value, self.version

    @handler
    async def swap(self, swap: Swap) -> bool:
        if swap.version >= 0 and swap.version != self.version:
            return False
        if self.value != swap.old:
            return False
        self.value, self.version = swap.new, self.version + 1
        return True


@agent
class Taker:
    """Takes what is on top; between its look and its swap nothing may have changed."""

    wrong: bool = False

    @handler
    async def take(self, go: Go) -> None:
        value, version = await ref(Register).read()
        swap = Swap(old=value, new="taken", version=version if go.fixed else -1)
        if await ref(Register).swap(swap):
            _, now = await ref(Register).read()
            self.wrong = now > version + 1 and value == "A"


@agent
class Flipper:
    @handler
    async def flip(self) -> None:
        if await ref(Register).swap(Swap(old="A", new="B")):
            await ref(Register).swap(Swap(old="B", new="A"))


@workflow(deadline="1h")
async def aba(go: Go) -> None:
    await tell(ref(Taker).take, go)
    await tell(ref(Flipper).flip)


def nothing_changed_between(world: World) -> None:
    assert not world.agent(Taker).wrong


@agent(concurrency=4)
class Cache:
    """Fetches what it does not have, and has others wait for nobody."""

    known: str = ""

    @handler
    async def get(self) -> str:
        if not self.known:
            self.known = await ref(Origin).fetch()
        return self.known


@agent
class PatientCache:
    """The same, one request at a time."""

    known: str = ""

    @handler
    async def get(self) -> str:
        if not self.known:
            self.known = await ref(Origin).fetch()
        return self.known


@agent
class Origin:
    served: int = 0

    @handler
    async def fetch(self) -> str:
        self.served += 1
        return "page"


@agent
class Reader:
    @handler
    async def read(self, go: Go) -> None:
        await (ref(PatientCache).get() if go.fixed else ref(Cache).get())


@workflow(deadline="1h")
async def stampede(go: Go) -> None:
    await asyncio.gather(*(ref(Reader, key).read(go) for key in ("a", "b")))


def fetched_once(world: World) -> None:
    assert world.agent(Origin).served == 1


@agent(concurrency=4)
class Purse:
    """Pays while it waits for the auditor: turns of one agent interleave at an await."""

    coins: int = 10

    @handler
    async def pay(self, go: Go) -> None:
        if go.fixed:
            self.coins -= 1
            await ref(Auditor).note()
        else:
            left = self.coins - 1
            await ref(Auditor).note()
            self.coins = left


@agent
class Auditor:
    noted: int = 0

    @handler
    async def note(self) -> None:
        self.noted += 1


@agent
class Payer:
    @handler
    async def pay(self, go: Go) -> None:
        await ref(Purse).pay(go)


@workflow(deadline="1h")
async def interleaved_payments(go: Go) -> None:
    await asyncio.gather(*(ref(Payer, key).pay(go) for key in ("a", "b")))


def both_are_paid(world: World) -> None:
    assert world.agent(Purse).coins == 8


BUGS = [
    Bug("lost update", two_clerks, both_deposits_count),
    Bug(
        "check then act",
        two_buyers,
        invariants=(always("one seat is sold once", lambda world: world.agent(Seats).sold <= 1),),
    ),
    Bug("ABA", aba, nothing_changed_between),
    Bug("cache stampede", stampede, fetched_once),
    Bug("state across an await", interleaved_payments, both_are_paid),
]
