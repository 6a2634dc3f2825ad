"""Programs whose races are known: two senders, and a receiver to whom the order means something.

Or nothing.
"""

# ruff: noqa: RUF012 - state of an agent: each has its own

import asyncio

import agentmesh as am


class Use(am.Message):
    """How the receiver takes what it is told."""

    kind: str


class Told(am.Message):
    """What a sender tells."""

    who: str
    kind: str


@am.tool
async def price(seen: int) -> int:
    """Ask outside."""
    return 10 + seen


@am.agent
class Box:
    """Takes what it is told."""

    names: list[str] = []
    total: int = 0

    @am.handler
    async def put(self, told: Told) -> int:
        """Take it in, so or so."""
        if told.kind == "sum":
            self.total += len(told.who)
        elif told.kind == "list":
            self.names.append(told.who)
        elif told.kind == "ask":
            self.total += await price(self.total) if told.who == "Ben" else 1
        elif told.kind == "first":
            if told.who == "Ben" and not self.total:
                message = "Ben came before Ada"
                raise ValueError(message)
            self.total += 1
        return 0


@am.agent
class Sender:
    """Tells the box its name."""

    @am.handler
    async def send(self, use: Use) -> int:
        """Tell it."""
        return await am.ref(Box).put(Told(who=am.context().key, kind=use.kind))


@am.workflow(deadline="1m")
async def two(use: Use) -> int:
    """Let both send."""
    both = await asyncio.gather(*(am.ref(Sender, who).send(use) for who in ("Ada", "Ben")))
    return sum(both)


@am.workflow(deadline="1m")
async def fastest() -> str:
    """Take the first of two answers."""
    asked = {asyncio.ensure_future(am.effect(said, who)): who for who in ("slow", "quick")}
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    first = asked[done.pop()]
    await asyncio.wait(asked)
    return first


async def said(who: str) -> str:
    """Say it."""
    await asyncio.sleep(0.02 if who == "slow" else 0.0)
    return who


def nobody_is_in(ending: "am.Ending") -> bool:
    """Tell whether the box has a name in it."""
    return bool(ending.state("Box")["names"] == ["Ben", "Ada"])
