"""A shop with every kind of handler, its cells, and what others send it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic import SecretStr

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.sdk import verbs
from agentmesh.sdk.agent import agent, handler, subscribe
from agentmesh.sdk.message import Message
from agentmesh.sdk.program import Program, RunContext
from agentmesh.sdk.ref import ref
from agentmesh.sdk.resolve import behavior_for
from tests.kernel.helpers import CALLER, CELLS


class Item(Message):
    """A thing."""

    name: str = ""


class Special(Item):
    """A thing with more to it."""

    price: int = 0


class Box(Message):
    """The same field as an item has."""

    name: str = ""


class Hidden(Message):
    """With a secret."""

    word: SecretStr


@agent
class Shop:
    """Every kind of handler."""

    sold: int = 0
    names: list[str] = []  # noqa: RUF012

    @handler
    async def sell(self, item: Item) -> Item:
        """Return it."""
        self.sold += 1
        return item

    @handler
    async def either(self, thing: Item | Box) -> str:
        """Say which."""
        return type(thing).__name__

    @handler
    async def swap(self, thing: Item | Box) -> Item | Box:
        """Return the other kind, with the same field."""
        return Box(name=thing.name) if isinstance(thing, Item) else Item(name=thing.name)

    @handler
    async def wrong(self, item: Item) -> Item:
        """Return more than declared."""
        return Special(name=item.name)

    @handler
    async def liar(self, item: Item) -> int:
        """Return something else."""
        return item  # type: ignore[return-value]

    @handler
    async def maybe(self, item: Item) -> Item | None:
        """Return one, or nothing."""
        return item if item.name else None

    @handler
    async def nothing(self) -> None:
        """Take and give nothing."""

    @handler
    async def each(self, item: Item) -> AsyncIterator[Item]:
        """Yield one by letter; the third is wrong."""
        for index, letter in enumerate(item.name):
            await asyncio.sleep(0)
            yield Item(name=letter) if index < 2 else Special(name=letter)

    @handler(opaque=True)
    async def hide(self, hidden: Hidden) -> str:
        """Live outside the kernel's loop."""
        self.names.append(hidden.word.get_secret_value())
        return self.names[-1]

    @handler
    async def relay(self, item: Item) -> str:
        """Ask another shop, and say what kind of thing came back."""
        return type(await ref(Shop, "other").swap(item)).__name__

    @handler
    async def stream(self, item: Item) -> list[str]:
        """Read another shop's stream, two at most."""
        names: list[str] = []
        async for each in ref(Shop, "other").each(item):
            names.append(each.name)
            if len(names) == 2:
                break
        return names

    @handler
    async def told(self, item: Item) -> None:
        """Tell others."""
        verbs.tell(ref(Shop, "other").sell, item)
        verbs.tell(ref(Shop, "other").nothing)
        verbs.publish("news", item, key="k")

    @handler
    async def logged(self) -> None:
        """Log what JSON can't express."""
        verbs.log("odd", lock=asyncio.Lock(), items={"b", "a"} and ["a"])

    @handler
    async def rested(self) -> None:
        """Sleep for no time at all."""
        await verbs.sleep(0)

    @handler
    async def context(self) -> list[object]:
        """Say what is known of the message."""
        known = verbs.context()
        due = known.deadline.isoformat() if known.deadline else None
        return [
            known.agent,
            known.key,
            known.sender,
            known.message_id,
            known.turn,
            due,
            known.remaining_seconds,
            verbs.now().isoformat(),
        ]


@agent
class Alpha:
    """Hears news."""

    @subscribe("news")
    async def hear(self, item: Item) -> None:
        """Hear."""

    @subscribe("news")
    async def also(self, item: Item) -> None:
        """Hear as well."""


@agent(name="aardvark")
class Zebra:
    """Hears news, under a name that comes later."""

    @subscribe("news")
    @subscribe("olds")
    async def hear(self, item: Item) -> None:
        """Hear."""


@agent
async def double(item: Item) -> str:
    """Agent without state."""
    return item.name * 2


class Stars:
    """Redacts one word."""

    def json(self, data: bytes) -> bytes:
        return data.replace(b"am-secret:hush", b"[redacted]")


START = 1_700_000_000_000_000_000


def cell_of(address: str) -> Cell:
    """Return a started cell of this program."""
    run = RunContext(run_id="r", program=Program(__name__), redactor=Stars())
    cell = Cell(behavior_for(run, address), run)
    CELLS.append(cell)
    cell.handle(events.Started(START, address, "seed", 1))
    return cell


def asked(
    handler: str, payload: bytes = b"null", type_: str = "", agent: str = "Shop/s", **fields: Any
) -> events.Delivered:
    """Return an ask that arrives."""
    envelope = Envelope(CALLER, 1, agent, kinds.ASK, handler, type_, payload, **fields)
    return events.Delivered(START, envelope)


def handle(handler: str, payload: bytes = b"null", type_: str = "", **fields: Any) -> Any:
    """Let a new shop handle an ask; return what it issues."""
    return cell_of("Shop/s").handle(asked(handler, payload, type_, **fields))
