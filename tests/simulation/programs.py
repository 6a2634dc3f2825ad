"""Small actor programs whose schedules can be counted, and an agent that does what it is told."""

# ruff: noqa: RUF012 - state of an agent: each has its own

import asyncio

from agentmesh.sdk import verbs
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.workflow import workflow


class Do(Message):
    """What to do: tell others to do something, wait for a timer, or for one of two."""

    to: tuple[str, ...] = ()
    """Keys of nodes that are told to do `then`, one after the other."""
    then: "tuple[Do, ...]" = ()
    nap_ms: int = 0
    """Sleep first."""
    patience_ms: int = 0
    """Wait so long for somebody to say `wake`."""
    wake: bool = False
    ask: bool = False
    """Ask the others instead of telling them."""


@agent(concurrency=8)
class Node:
    """Does what it is told, and keeps what it was told in order."""

    seen: list[str] = []
    woken: bool = False

    @handler
    async def do(self, order: Do) -> None:
        """Follow an order."""
        self.seen.append(verbs.context().message_id)
        if order.wake:
            self.woken = True
            WAITING.setdefault(id_of(self), asyncio.Event()).set()
        if order.nap_ms:
            await asyncio.sleep(order.nap_ms / 1000)
            self.seen.append("rested")
        if order.patience_ms:
            WAITING[id_of(self)] = asyncio.Event()
            try:
                async with asyncio.timeout(order.patience_ms / 1000):
                    await WAITING[id_of(self)].wait()
                self.seen.append("woken")
            except TimeoutError:
                self.seen.append("too late")
        for key, then in zip(order.to, order.then, strict=True):
            if order.ask:
                await ref(Node, key).do(then)
            else:
                await verbs.tell(ref(Node, key).do, then)


WAITING: dict[str, asyncio.Event] = {}


def id_of(node: Node) -> str:
    """Return the address of the node that runs."""
    del node
    return f"{verbs.context().agent}"


@workflow(deadline="1h")
async def told(order: Do) -> None:
    """Tell several nodes what to do, all at once."""
    for key, then in zip(order.to, order.then, strict=True):
        await verbs.tell(ref(Node, key).do, then)


class Amount(Message):
    """Money."""

    value: int = 0


@agent
class Account:
    """Holds money."""

    balance: int = 100

    @handler
    async def read(self) -> int:
        """Return the balance."""
        return self.balance

    @handler
    async def write(self, amount: Amount) -> None:
        """Set the balance."""
        self.balance = amount.value


@agent
class Clerk:
    """Adds to an account, in two steps."""

    @handler
    async def add(self, amount: Amount) -> None:
        """Read, then write."""
        before = await ref(Account).read()
        await ref(Account).write(Amount(value=before + amount.value))


@workflow(deadline="1h")
async def lost_update() -> int:
    """Let two clerks add to one account."""
    clerks = [ref(Clerk, key) for key in ("a", "b")]
    await asyncio.gather(*(clerk.add(Amount(value=10)) for clerk in clerks))
    return await ref(Account).read()
