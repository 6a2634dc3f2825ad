"""Programs whose time is over before their work is, and streams that nobody reads to the end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import agentmesh as am
from tests.fabric.cancelling_programs import (
    FOREVER,
    Fourth,
    Second,
    SiblingError,
    wait_outside,
)
from tests.fabric.programs import Count, Text

# --- deadlines ------------------------------------------------------------------------------------


@am.tool
async def time_left_outside() -> float:
    """Return how many seconds the tool has left."""
    left = am.tool_context().remaining_seconds
    assert left is not None
    return left


class Left(am.Message):
    """What is left of a deadline, by who says so."""

    seconds: dict[str, float]


def _left() -> float:
    left = am.context().remaining_seconds
    assert left is not None
    return left


@am.agent
class Clerk:
    """Says how much time there is left."""

    told: float = 0.0
    rounds: int = 0

    @am.handler
    async def asked(self) -> Left:
        """Say so of an ask, of its tool, and of another agent asked and told."""
        return Left(seconds={"ask": _left(), "tool": await time_left_outside()})

    @am.handler
    async def tell(self) -> None:
        """Note it of a message that nobody waits for."""
        self.told = _left()

    @am.handler
    async def what_was_told(self) -> float:
        """Return what was noted."""
        return self.told

    @am.handler
    async def items(self) -> AsyncIterator[float]:
        """Yield it."""
        yield _left()

    @am.handler
    async def continued(self, count: Count) -> float:
        """Say so after some turns."""
        if count.n:
            am.continue_with(Count(n=count.n - 1))
        return _left()


@am.workflow
async def everybody_has_the_same_deadline() -> Left:
    """Ask, tell, stream, spawn and continue."""
    clerk = am.ref(Clerk)
    seconds = (await clerk.asked()).seconds
    am.tell(clerk.tell)
    seconds["tell"] = await clerk.what_was_told()
    async for left in clerk.items():
        seconds["stream"] = left
    seconds["continued"] = await clerk.continued(Count(n=3))
    spawned = am.spawn(Clerk, "spawned", told=1.0)
    seconds["spawned"] = (await spawned.asked()).seconds["ask"]
    return Left(seconds={"workflow": _left(), **seconds})


@am.workflow
async def a_deadline_ends_everything(text: Text) -> None:
    """All kinds of work, none of which ends by itself."""
    am.tell(am.ref(Fourth, "told").sleep, FOREVER)
    stubborn = am.ref(Fourth, "stubborn").stubborn(Text(text="after the end"))
    await asyncio.gather(
        am.ref(Second).read_stream(text),
        am.ref(Fourth, "stalls").ask_model(Text(text="stall")),
        am.ref(Fourth, "breaks").retries(Text(text="break")),
        am.ref(Second).tool(FOREVER),
        stubborn,
        return_exceptions=True,
    )


# --- streams --------------------------------------------------------------------------------------


SOME = 5


async def _some(count: Count) -> int:
    total = 0
    async for _ in am.ref(Second).items(count):
        total += 1
        if total == SOME:
            break
    return total


@am.workflow
async def consumers_stop(count: Count) -> list[int]:
    """Leave a stream that crosses three hosts by `break`, by an error and by a cancellation."""
    await _some(count)

    async def raises() -> None:
        async for _ in am.ref(Second).items(count):
            raise SiblingError

    async def waits() -> None:
        async for _ in am.ref(Second).items(count):
            pass

    found = []
    fourth = am.ref(Fourth)
    found.append(await _closed(fourth, 1))
    with contextlib.suppress(SiblingError):
        await raises()
    found.append(await _closed(fourth, 2))
    task = asyncio.create_task(waits())
    await am.sleep(0.2)
    task.cancel()
    await asyncio.wait([task])
    found.append(await _closed(fourth, 3))
    return found


async def _closed(fourth: Fourth, wanted: int) -> int:
    """Wait until so many generators have been closed."""
    cleaned = 0
    for _ in range(200):
        cleaned = await fourth.how_often_cleaned()
        if cleaned >= wanted:
            break
        await am.sleep(0.02)
    return cleaned


@am.agent
class Breaks:
    """Streams some items and fails."""

    @am.handler
    async def items(self, count: Count) -> AsyncIterator[int]:
        """Yield, then raise."""
        for n in range(count.n):
            yield n
        message = f"after {count.n}"
        raise ValueError(message)


@am.tool
def die_once(marker: str) -> None:
    """Kill the process, as the out-of-memory killer would, unless that was done before."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@am.agent
class Mortal:
    """Its host dies in the middle of a stream."""

    @am.handler
    async def items(self, marker: Text) -> AsyncIterator[int]:
        """Yield numbers, and die on the way."""
        for n in range(MORTAL_ITEMS):
            if n % 10 == 0:
                await am.sleep(0.001)
            if n == MORTAL_ITEMS // 2:
                await die_once(marker.text)
            yield n

    @am.handler
    async def die(self, marker: Text) -> None:
        """Die, and come back to something that takes for ever."""
        await die_once(marker.text)
        await wait_outside(FOREVER.n)

    @am.handler
    async def say(self) -> None:
        """Say that work was begun."""
        am.log("begun")


MORTAL_ITEMS = 400


@am.workflow
async def a_producer_dies(marker: Text) -> list[int]:
    """Collect all items, those before and those after."""
    return [n async for n in am.ref(Mortal).items(marker)]


@am.workflow
async def a_deadline_passes_meanwhile(marker: Text) -> None:
    """Messages wait behind work of a host that dies; none of them is begun in time."""
    mortal = am.ref(Mortal)
    asks = [mortal.die(marker), *(mortal.say() for _ in range(20))]
    await asyncio.gather(*asks, return_exceptions=True)


@am.workflow
async def a_producer_fails(count: Count) -> list[int]:
    """Collect what came before the failure."""
    got = []
    try:
        async for n in am.ref(Breaks).items(count):
            got += [n]
    except ValueError:
        got.append(-1)
    return got
