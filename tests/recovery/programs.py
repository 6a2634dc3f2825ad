"""Programs whose result is known, whatever is killed and when."""

import asyncio
from collections.abc import AsyncIterator

import agentmesh as am

PERFORMED: list[tuple[str, int]] = []
"""What tools of this process did: idempotency key and argument."""


class Number(am.Message):
    value: int


class Total(am.Message):
    value: int


@am.tool
async def double(value: int) -> int:
    """Do something outside that must not count twice."""
    PERFORMED.append((am.tool_context().key, value))
    return 2 * value


@am.agent
class Counter:
    total: int = 0
    seen: list[int] = []  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def add(self, number: Number) -> Total:
        """Count, after some things that take a while."""
        self.seen.append(number.value)
        doubled = await double(number.value)
        await am.sleep(0.001)
        self.total += doubled
        return Total(value=self.total)

    @am.handler
    async def note(self, number: Number) -> None:
        """Count without an answer."""
        self.total += number.value

    @am.handler
    async def take(self, number: Number) -> None:
        """Count without an answer, after something that takes a while."""
        self.total += await double(number.value)

    @am.handler
    async def fail(self, number: Number) -> None:
        """Fail; the state stays."""
        message = f"no {number.value}"
        raise ValueError(message)


@am.agent
class Teller:
    @am.handler
    async def tell(self, number: Number) -> AsyncIterator[Number]:
        """Yield numbers."""
        for value in range(number.value):
            yield Number(value=value)


@am.workflow(deadline="2m")
async def flood(number: Number) -> Total:
    """Let one agent never be without a message."""
    one = am.ref(Counter, "one")
    for value in range(number.value):
        am.tell(one.take, Number(value=value))
    return await one.add(Number(value=1))


@am.workflow(deadline="2m")
async def everything(number: Number) -> Total:
    """Use a bit of everything; the result is a function of the number."""
    one, two = am.ref(Counter, "one"), am.ref(Counter, "two")
    for value in range(number.value):
        am.tell(one.note, Number(value=value))
        await asyncio.gather(one.add(Number(value=value)), two.add(Number(value=value)))
    async for item in am.ref(Teller).tell(number):
        am.tell(two.note, item)
    try:
        await two.fail(number)
    except ValueError:
        am.tell(one.note, Number(value=100))
    last = [await each.add(Number(value=1000)) for each in (one, two)]
    return Total(value=sum(each.value for each in last))
