"""Agents for tests of the engine, and functions that the tests make happen as they like."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from agentmesh.kernel.cell import Cell
from agentmesh.sdk import verbs
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import current_cell, ref
from agentmesh.sdk.workflow import workflow


class Order(Message):
    """What a test wants done."""

    text: str = ""
    ms: int = 0


QUICK = Order(text="quick")
"""Perform the effect of that name."""

Emit = Callable[[bytes], None]
PERFORM: dict[str, Callable[[Emit], Awaitable[bytes]]] = {}
"""What the effects of a test do, by name."""


async def perform(name: str) -> bytes:
    """Await an effect of this name, as the effects layer would."""
    cell: Cell = current_cell()
    return await cell.effect("tool", name, b"{}", PERFORM[name]).future


@agent
class Worker:
    """Does as it is told."""

    done: int = 0

    @handler
    async def work(self, order: Order) -> str:
        """Perform one effect."""
        self.done += 1
        return (await perform(order.text)).decode()

    @handler
    async def read(self, order: Order) -> list[str]:
        """Read the pieces of one effect."""
        pending = current_cell().effect("model", order.text, b"{}", PERFORM[order.text])
        pieces = []
        while (piece := await pending.next_piece()) is not None:
            pieces.append(piece.decode())
        return pieces

    @handler
    async def race(self, order: Order) -> str:
        """Give an effect some time."""
        try:
            async with asyncio.timeout(order.ms / 1000):
                return (await perform(order.text)).decode()
        except TimeoutError:
            return "too late"

    @handler
    async def nap(self, order: Order) -> str:
        """Sleep."""
        await asyncio.sleep(order.ms / 1000)
        return "rested"

    @handler
    async def count(self) -> int:
        """Count."""
        self.done += 1
        return self.done

    @handler
    async def say(self, order: Order) -> str:
        """Write a line for people."""
        verbs.log(order.text)
        return order.text

    @handler
    async def letters(self, order: Order) -> AsyncIterator[str]:
        """Yield letters, with pauses."""
        for letter in order.text:
            await asyncio.sleep(0.001)
            yield letter

    @handler
    async def forward(self, order: Order) -> str:
        """Ask another worker."""
        return await ref(Worker, order.text).work(Order(text="quick"))


@agent
class Holder:
    """Has state."""

    limit: int = 1

    @handler
    async def get(self) -> int:
        """Return the limit."""
        return self.limit


@workflow
async def spawner(order: Order) -> int:
    """Spawn an agent and ask it."""
    return await verbs.spawn(Holder, order.text, limit=7).get()


@workflow
async def asks_nobody() -> None:
    """Ask an agent that does not exist."""
    cell = current_cell()
    await cell.ask("Nobody/x", "answer", "", b"null").future
