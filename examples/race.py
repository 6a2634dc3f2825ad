"""A race: two agents want the last lamp, and who gets it differs from run to run.

Both look the price up, which takes as long as it takes, and then buy: the slower one goes
home without. Nobody can say beforehand who wins. But the journal holds the order in which
things happened, and so a replay has the same winners: in another process, on another
machine, as often as you like. Run it twice, and replay either run.

    python examples/race.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/race.py   # without Ray, at once
    agentmesh runs                              # both runs
    agentmesh replay RUN                        # the same winners again

Expected output (`...` differs from run to run):

    Monday: ... got the lamp
    Tuesday: ... got the lamp
    Wednesday: ... got the lamp
    Thursday: ... got the lamp
    Friday: ... got the lamp
    Replayed 21 turns: 0 divergences
"""

import asyncio
import secrets

import agentmesh as am

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


class Buyer(am.Message):
    """Who wants to buy."""

    name: str


class Day(am.Message):
    """When to go shopping."""

    name: str


@am.tool
async def look_up_price() -> float:
    """Ask the shop's slow website: what takes its own time is a tool, and is recorded."""
    await asyncio.sleep(secrets.randbelow(30) / 1000)
    return 40.0


@am.agent
class Shop:
    """Sells lamps; there is one instance for each day."""

    lamps: int = 1

    @am.handler
    async def buy(self, buyer: Buyer) -> bool:
        """Sell a lamp, if one is left."""
        if self.lamps == 0:
            return False
        self.lamps -= 1
        am.log("sold", buyer=buyer.name)
        return True


@am.agent
class Shopper:
    """Wants a lamp."""

    @am.handler
    async def visit(self, day: Day) -> bool:
        """Look the price up, then try to buy."""
        await look_up_price()
        return await am.ref(Shop, day.name).buy(Buyer(name=am.context().key))


@am.workflow(deadline="1m")
async def main() -> dict[str, str]:
    """Let two shoppers race on every day, and return who won."""
    ada, ben = am.ref(Shopper, "Ada"), am.ref(Shopper, "Ben")
    winners = {}
    for day in WEEK:
        ada_won, _ = await asyncio.gather(ada.visit(Day(name=day)), ben.visit(Day(name=day)))
        winners[day] = "Ada" if ada_won else "Ben"
    return winners


if __name__ == "__main__":
    for day, winner in am.run(main).items():
        print(f"{day}: {winner} got the lamp")
    report = am.replay_run()
    print(f"Replayed {report.turns} turns: {len(report.divergences)} divergences")
