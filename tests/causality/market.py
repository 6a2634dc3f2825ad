"""Two shoppers who want the last lamp: who gets there first is what the test says."""

import asyncio
from pathlib import Path

import agentmesh as am

BEN_FIRST = {"Ada": 1, "Ben": 0}
ADA_FIRST = {"Ada": 0, "Ben": 1}
BLOCKED = -1


class Road:
    """Where shoppers walk, outside of all recording: each waits until some others are home."""

    def __init__(self) -> None:
        self.home = 0
        self.changed = asyncio.Condition()


ROADS: dict[str, Road] = {}
"""By run."""


class Buyer(am.Message):
    """Who wants to buy, and what."""

    name: str


class Trip(am.Message):
    """A walk to the shop: the how-many-th to arrive there."""

    place: int


class Market(am.Message):
    """Who is the how-many-th to arrive at the shop."""

    places: dict[str, int]


@am.tool(retries=0)
async def walk(place: int) -> float:
    """Arrive when so many others are home."""
    if place == BLOCKED:
        message = "the way is blocked"
        raise ValueError(message)
    road = road_here()
    async with road.changed:
        await road.changed.wait_for(lambda: road.home >= place)
    return 3.5


@am.tool(retries=0)
async def go_home() -> None:
    """Let the next one arrive."""
    road = road_here()
    async with road.changed:
        road.home += 1
        road.changed.notify_all()


def road_here() -> Road:
    """Return the road of the run that calls."""
    return ROADS.setdefault(am.tool_context().run_id, Road())


@am.agent
class Shop:
    """Has one lamp."""

    lamps: int = 1
    sold_to: str = ""

    @am.handler
    async def buy(self, buyer: Buyer) -> bool:
        """Sell the lamp, if it is there."""
        if self.lamps == 0:
            return False
        self.lamps -= 1
        self.sold_to = buyer.name
        am.log("sold", buyer=buyer.name)
        return True

    @am.handler
    async def complain(self, buyer: Buyer) -> None:
        """Refuse."""
        message = f"go home, {buyer.name}"
        raise LookupError(message)


@am.agent
class Shopper:
    """Walks, then buys."""

    @am.handler
    async def visit(self, trip: Trip) -> bool:
        """Walk, then buy."""
        await walk(trip.place)
        name = am.context().key
        got = await am.ref(Shop, "main").buy(Buyer(name=name))
        if not got:
            try:
                await am.ref(Shop, "main").complain(Buyer(name=name))
            except LookupError:
                am.log("sent away", name=name, level="warning")
        await go_home()
        return got


@am.workflow(deadline="20s")
async def main(market: Market) -> dict[str, bool]:
    """Let all shoppers go at once."""
    names = [*market.places]
    got = await asyncio.gather(
        *(am.ref(Shopper, name).visit(Trip(place=place)) for name, place in market.places.items()),
        return_exceptions=True,
    )
    return {name: one is True for name, one in zip(names, got, strict=True)}


def record(store: Path, run_id: str, market: Market) -> None:
    """Run it in this process."""
    ROADS.pop(run_id, None)
    am.run(main, market, local=True, store=str(store), run_id=run_id, quiet=True, seed="s")
