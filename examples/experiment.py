"""An experiment: which of three ways to serve customers loses fewer lamps, and how sure is that?

Two customers come when they come. An agent looks how many lamps are left, thinks, and then
reserves: in between, the other one may have looked, too. Thinking for half as long helps; leaving
it to the stock to look and reserve in one step helps more. How much, the experiment says: it
runs all arms in worlds on a virtual clock, with the same customers at the same moments, and looks
after each sample whether it is clear by now. `control` is the first arm once more, with other
customers: whatever differs there is chance.

    python examples/experiment.py
    agentmesh experiment examples/experiment.py --plot experiment.svg
    agentmesh experiment examples/experiment.py --sample 'thinks long:0'    # one sample as a run

Expected output:

    thinks briefly: better, +0.32 (+0.01 to +0.63) after 25 pairs
    asks the stock: better, +0.67 (+0.02 to +0.96) after 12 pairs
    Stopped because every arm is decided.
"""

import asyncio

import agentmesh as am


class Order(am.Message):
    """A customer's."""

    customer: str
    thinking_seconds: float


class Evening(am.Message):
    """How long an agent thinks before it reserves."""

    thinking_seconds: float = 1.4


@am.agent
class Stock:
    """One lamp is left."""

    left: int = 1

    @am.handler
    async def look(self) -> int:
        """Say how many."""
        return self.left

    @am.handler
    async def take(self) -> bool:
        """Take one, whoever has looked."""
        self.left -= 1
        return True

    @am.handler
    async def take_if_any(self) -> bool:
        """Look and take in one step."""
        if self.left == 0:
            return False
        self.left -= 1
        return True


@am.agent
class Clerk:
    """Serves one customer."""

    @am.handler
    async def serve(self, order: Order) -> bool:
        """Look, think, take."""
        stock = am.ref(Stock)
        if await stock.look() == 0:
            return False
        await am.sleep(order.thinking_seconds)
        return await stock.take()

    @am.handler
    async def ask(self, order: Order) -> bool:
        """Think, then leave it to the stock."""
        await am.sleep(order.thinking_seconds)
        return await am.ref(Stock).take_if_any()


async def customer(name: str, seconds: float) -> bool:
    """Come within three seconds, and be served."""
    await am.sleep(am.random().random() * 3)
    return await am.ref(Clerk, name).serve(Order(customer=name, thinking_seconds=seconds))


@am.workflow(deadline="1m")
async def shop(evening: Evening) -> int:
    """Serve two customers; return how many lamps were promised."""
    seconds = evening.thinking_seconds
    return sum(await asyncio.gather(customer("ada", seconds), customer("ben", seconds)))


async def patient(name: str, seconds: float) -> bool:
    """Come within three seconds, and be served by a clerk who asks the stock."""
    await am.sleep(am.random().random() * 3)
    return await am.ref(Clerk, name).ask(Order(customer=name, thinking_seconds=seconds))


@am.workflow(deadline="1m")
async def careful_shop(evening: Evening) -> int:
    """Serve two customers; return how many lamps were promised."""
    seconds = evening.thinking_seconds
    return sum(await asyncio.gather(patient("ada", seconds), patient("ben", seconds)))


def promised_one(sample: am.Sample) -> bool:
    """Score: a lamp was promised once."""
    return bool(sample.result == 1)


thinking = am.Experiment(
    name="one lamp, two customers",
    of=shop,
    arms={
        "thinks long": am.arm(message=Evening(thinking_seconds=1.4)),
        "thinks briefly": am.arm(message=Evening(thinking_seconds=0.7)),
        "asks the stock": am.arm(workflow=careful_shop, message=Evening(thinking_seconds=1.4)),
    },
    score=promised_one,
    how="world",
    samples=400,
)

if __name__ == "__main__":
    report = thinking.run()
    for name, verdict in report.verdicts.items():
        found = report.arm(name).comparison
        assert found is not None
        interval = f"{found.difference:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
        print(f"{name}: {verdict}, {interval} after {found.decided_at} pairs")
    print(f"Stopped because {report.stopped}.")
