"""A small program that the tests of the command run: it asks, logs, fails and waits."""

import asyncio
import sys

import agentmesh as am


class Order(am.Message):
    item: str
    pieces: int = 1


class Receipt(am.Message):
    text: str
    price: float


class Complaint(am.Message):
    about: str


@am.tool
async def look_up(item: str) -> float:
    return 2.5 * len(item)


@am.agent
class Till:
    sold: int = 0

    @am.handler
    async def sell(self, order: Order) -> Receipt:
        price = await look_up(order.item)
        self.sold += order.pieces
        am.log("sold", item=order.item, sold=self.sold)
        return Receipt(text=f"{order.pieces} {order.item}", price=price * order.pieces)

    @am.handler
    async def refuse(self, order: Order) -> Receipt:
        message = f"no {order.item} left"
        raise LookupError(message)


@am.workflow(deadline="30s")
async def buy(order: Order) -> Receipt:
    print("the program prints this")  # noqa: T201 - what the test looks for
    till = am.ref(Till, "front")
    receipts = await asyncio.gather(till.sell(order), till.sell(order))
    return receipts[1]


@am.workflow(deadline="30s")
async def fail(order: Order) -> Receipt:
    return await am.ref(Till, "front").refuse(order)


@am.workflow(deadline="30s")
async def hide() -> None:
    am.log("a\x1b[2Kb", evil="\x1b[31mred\u202edesrever", name="[bold]not markup[/bold]")


@am.workflow(deadline="60s")
async def wait() -> None:
    am.log("ready")
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    await asyncio.sleep(50)


@am.workflow(deadline="30s")
async def tick() -> None:
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    for number in range(8):
        am.log("tick", number=number)
        await asyncio.sleep(0.2)


@am.workflow(deadline="30s")
async def either(message: Order | Complaint) -> str:
    return type(message).__name__


@am.workflow(deadline="30s")
async def letters() -> list[str]:
    return list({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"})
