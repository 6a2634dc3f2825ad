"""A program whose agents are hard to copy, and busy in many ways: to travel through."""

import asyncio
import random
from collections.abc import AsyncIterator

import pydantic

import agentmesh as am


class Note(am.Message):
    """A number."""

    number: int


class Entry(pydantic.BaseModel):
    """What is booked; JSON forgets a part of it."""

    name: str
    _hidden: int = pydantic.PrivateAttr(default=0)


@am.tool(retries=0)
async def look_up(number: int) -> int:
    """Take no time."""
    return number * 2


@am.agent
class Ledger:
    """Books numbers, in values that share parts."""

    count: int = 0
    status: str = "new"
    keys: set[int] = set()  # noqa: RUF012 - agents may
    rows: list[list[int]] = []  # noqa: RUF012 - agents may
    last: list[int] = []  # noqa: RUF012 - agents may
    entries: list[Entry] = []  # noqa: RUF012 - agents may

    @am.handler
    async def book(self, note: Note) -> int:
        """Book a number; what it answers depends on all that is easily lost."""
        self.count += 1
        self.status = "odd" if note.number % 2 else "even"
        self.keys.add(note.number % 13)
        self.keys.discard((note.number * 5) % 13)
        if note.number % 10 == 0:
            self.last = []
            self.rows.append(self.last)
        self.last.append(note.number)
        self.entries = [*self.entries[-3:], Entry(name=str(note.number))]
        self.entries[-1]._hidden = note.number
        if note.number % 7 == 0:
            await asyncio.sleep(0.0001)
        hidden = sum(entry._hidden for entry in self.entries)
        return hidden + len(self.keys) + self.rows[-1][-1] + random.randint(0, 99)


@am.agent
class Reader:
    """Is often in the middle of something."""

    seen: list[int] = []  # noqa: RUF012 - agents may

    @am.handler
    async def read(self, note: Note) -> int:
        """Wait for a tool, for time and for a stream, some of it at once."""
        found = await look_up(note.number)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._later(found))
            group.create_task(self._later(found + 1))
        async for piece in self._pieces(note.number):
            self.seen.append(piece)
        return len(self.seen)

    async def _later(self, number: int) -> None:
        await asyncio.sleep(0.0002)
        self.seen.append(number)

    async def _pieces(self, number: int) -> AsyncIterator[int]:
        for piece in range(2):
            await asyncio.sleep(0.0001)
            yield number + piece


@am.workflow(deadline="1m")
async def keep_books(note: Note) -> int:
    """Ask both agents again and again."""
    ledger, reader = am.ref(Ledger, "main"), am.ref(Reader, "r1")
    total = 0
    for number in range(note.number):
        total += await ledger.book(Note(number=number))
        if number % 20 == 0:
            total += await reader.read(Note(number=number))
    return total
