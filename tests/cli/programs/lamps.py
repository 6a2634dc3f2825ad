"""Two shoppers and one lamp, and an agent that tries to hold on to whoever looks at it."""

import asyncio

import agentmesh as am


class Buyer(am.Message):
    """Who buys."""

    name: str


@am.tool
async def price() -> float:
    """Return what a lamp costs."""
    return 40.0


def worth(cost: float) -> bool:
    """Tell whether it is cheap enough."""
    limit = 100
    return cost < limit


@am.agent
class Shop:
    """Sells one lamp."""

    lamps: int = 1

    @am.handler
    async def buy(self, buyer: Buyer) -> bool:
        """Sell it, once."""
        if self.lamps == 0:
            return False
        self.lamps -= 1
        sold = bool(buyer.name)
        return sold  # noqa: RET504 - two lines to walk through


@am.agent
class Shopper:
    """Looks the price up, then buys."""

    tried: int = 0

    @am.handler
    async def shop(self, buyer: Buyer) -> bool:
        """Try to buy."""
        self.tried += 1
        cost = await price()
        if not worth(cost):
            return False
        return await am.ref(Shop).buy(buyer)


@am.agent
class Clinging:
    """Catches whatever it can."""

    @am.handler
    async def hold(self) -> str:
        """Go on however it ends."""
        try:
            held = "before"
            held = "after"
        except BaseException:  # noqa: BLE001 - that is the point
            held = "caught"
        finally:
            await asyncio.sleep(0)
        return held


@am.workflow(deadline="1m")
async def main() -> list[bool]:
    """Let both shop, one after the other."""
    bought = [await am.ref(Shopper, name).shop(Buyer(name=name)) for name in ("Ada", "Ben")]
    await am.ref(Clinging).hold()
    return bought
