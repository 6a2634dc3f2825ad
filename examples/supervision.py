"""When an agent fails: it goes back to its last good state, and bad messages are set aside.

The ledger changes its balance before it looks at the currency: a bug, and a failure in the
middle of the work. Without supervision the wrong balance would stay. Here the ledger is
restarted with the state after its last good turn, and the line is tried once more; since
that fails as well, it is a poison message: a dead letter, with every attempt in it.

    python examples/supervision.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/supervision.py   # without Ray, at once
    agentmesh show                                     # lists the dead letter

Expected output:

    10 EUR: balance 10
    99 ABC: given up after 2 attempts: ValueError: what is a ABC?
    5 EUR: balance 15
    Ledger/main stopped: asked
    Replayed 4 turns: 0 divergences
"""

import asyncio

import agentmesh as am


class Line(am.Message):
    """An amount of money."""

    amount: int
    currency: str


@am.agent(supervision=am.Supervision("restart", state="last_good", attempts=2, backoff="10ms"))
class Ledger:
    """Keeps a balance in euros."""

    balance: int = 0

    @am.handler
    async def book(self, line: Line) -> int:
        """Add an amount and return the balance."""
        self.balance += line.amount
        if line.currency != "EUR":
            message = f"what is a {line.currency}?"
            raise ValueError(message)
        return self.balance


@am.workflow(deadline="1m")
async def main() -> list[str]:
    """Book three lines, one of them bad; then stop the ledger and wait until it has stopped."""
    ledger = am.ref(Ledger)
    told = []
    for line in (
        Line(amount=10, currency="EUR"),
        Line(amount=99, currency="ABC"),
        Line(amount=5, currency="EUR"),
    ):
        what = f"{line.amount} {line.currency}"
        try:
            told.append(f"{what}: balance {await ledger.book(line)}")
        except am.PoisonMessageError as error:
            last = error.errors[-1]
            why = f"{type(last).__name__}: {last}"
            told.append(f"{what}: given up after {len(error.errors)} attempts: {why}")
    watching = asyncio.create_task(am.monitor(ledger))
    am.stop(ledger)
    down = await watching
    return [*told, f"{down.agent} stopped: {down.reason}"]


if __name__ == "__main__":
    for text in am.run(main):
        print(text)
    report = am.replay_run()
    print(f"Replayed {report.turns} turns: {len(report.divergences)} divergences")
