"""A program that stands still until somebody says `GO`: to be killed meanwhile, and resumed."""

import asyncio
import os
import sys

import agentmesh as am


class Cargo(am.Message):
    words: list[str]


class Ride(am.Message):
    words: list[str]
    before: list[str]
    after: list[str]


@am.tool
async def cross(word: str) -> str:
    """Wait for somebody to say that it may go on."""
    if word == "river" and not os.environ.get("GO"):
        sys.stderr.write("ready\n")
        sys.stderr.flush()
        await asyncio.Event().wait()
    return word.upper()


@am.agent
class Ferry:
    crossed: list[str] = []  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def carry(self, cargo: Cargo) -> Ride:
        before = list(set(cargo.words))  # in an order that depends on the hash seed
        for word in cargo.words:
            self.crossed.append(await cross(word))
        return Ride(words=self.crossed, before=before, after=list(set(cargo.words)))


@am.workflow(deadline="10m")
async def travel(cargo: Cargo) -> Ride:
    return await am.ref(Ferry, "one").carry(cargo)


@am.workflow(deadline="10m")
async def talk(cargo: Cargo) -> int:
    for number in range(20):
        am.log("said", number=number, words=cargo.words * 100)
        await asyncio.sleep(0)
        await cross("word")
    return len(cargo.words)
