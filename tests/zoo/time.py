"""Bugs of timers and retries: what was late is taken for what will never come."""

# ruff: noqa: RUF012 - state of an agent: each has its own

import asyncio

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.verbs import tell
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.world import World
from tests.zoo.bugs import Bug, Go


@agent(concurrency=4)
class Shipper:
    shipped: bool = False
    cancelled: bool = False

    @handler
    async def ship_soon(self) -> None:
        await asyncio.sleep(0.01)
        if not self.cancelled:
            self.shipped = True

    @handler
    async def cancel(self, go: Go) -> bool:
        if go.fixed and self.shipped:
            return False
        self.cancelled = True
        return True


@agent
class Customer:
    refunded: bool = False

    @handler
    async def change_mind(self, go: Go) -> None:
        self.refunded = await ref(Shipper).cancel(go)


@workflow(deadline="1h")
async def timer_against_cancel(go: Go) -> None:
    await tell(ref(Shipper).ship_soon)
    await tell(ref(Customer).change_mind, go)


def not_both(world: World) -> None:
    assert not (world.agent(Shipper).shipped and world.agent(Customer).refunded)


class Payment(Message):
    name: str = ""


@agent
class Bank:
    paid: int = 0
    known: list[str] = []

    @handler
    async def pay(self, payment: Payment) -> None:
        if payment.name and payment.name in self.known:
            return
        self.known.append(payment.name)
        self.paid += 1


@workflow(deadline="1h")
async def retried_payment(go: Go) -> None:
    payment = Payment(name="order 7" if go.fixed else "")
    for _ in range(3):
        try:
            async with asyncio.timeout(0.05):
                await ref(Bank).pay(payment)
        except TimeoutError:
            continue
        return


def paid_once(world: World) -> None:
    assert world.agent(Bank).paid <= 1


@agent(concurrency=4)
class Saga:
    """Books, and undoes the booking when that fails or takes too long."""

    refunds: int = 0
    settled: bool = False

    @handler
    async def start(self, go: Go) -> None:
        await tell(ref(Airline).book, go)
        await asyncio.sleep(0.05)
        self.compensate(go)

    @handler
    async def refused(self, go: Go) -> None:
        self.compensate(go)

    def compensate(self, go: Go) -> None:
        if go.fixed and self.settled:
            return
        self.settled = True
        self.refunds += 1


@agent
class Airline:
    @handler
    async def book(self, go: Go) -> None:
        await tell(ref(Saga).refused, go)


@workflow(deadline="1h")
async def double_compensation(go: Go) -> None:
    await tell(ref(Saga).start, go)


def refunded_once(world: World) -> None:
    assert world.agent(Saga).refunds == 1


@agent
class Participant:
    prepared: bool = False
    committed: bool = False
    aborted: bool = False

    @handler
    async def prepare(self) -> bool:
        return False

    @handler
    async def commit(self) -> None:
        self.committed = True


@workflow(deadline="1h")
async def silence_is_no_consent(go: Go) -> None:
    yes = True
    try:
        async with asyncio.timeout(0.05):
            yes = await ref(Participant).prepare()
    except TimeoutError:
        yes = not go.fixed
    if yes:
        await tell(ref(Participant).commit)


def not_committed(world: World) -> None:
    assert "Participant/main" not in world.agents or not world.agent(Participant).committed


class Beat(Message):
    epoch: int = 0
    value: str = ""


@agent
class Store:
    epoch: int = 0
    value: str = ""

    @handler
    async def lead(self, beat: Beat) -> None:
        self.epoch = max(self.epoch, beat.epoch)

    @handler
    async def put(self, beat: Beat) -> None:
        if beat.epoch >= self.epoch or not beat.epoch:
            self.value = beat.value


@agent
class Leader:
    @handler
    async def lead(self, beat: Beat) -> None:
        await ref(Store).lead(beat)
        await tell(ref(Store).put, beat)


@agent
class Deposed:
    """Was the leader, and has one write on its way."""

    @handler
    async def finish(self, go: Go) -> None:
        await tell(ref(Store).put, Beat(epoch=1 if go.fixed else 0, value="of the old leader"))


@workflow(deadline="1h")
async def stale_epoch(go: Go) -> None:
    await tell(ref(Deposed).finish, go)
    await tell(ref(Leader).lead, Beat(epoch=2, value="of the new leader"))


def the_new_leader_wins(world: World) -> None:
    assert world.agent(Store).value == "of the new leader"


BUGS = [
    Bug("timer against cancel", timer_against_cancel, not_both),
    Bug("retry without a name", retried_payment, paid_once),
    Bug("double compensation", double_compensation, refunded_once),
    Bug("silence taken for consent", silence_is_no_consent, not_committed),
    Bug("stale epoch", stale_epoch, the_new_leader_wins),
]
