"""A support desk that goes wrong now and then: the program that `agentmesh demo` runs.

An ordinary agentmesh program, as you would write it. Two customers want the last desk
lamp, one has a complaint. A triage agent sorts the tickets, a specialist for each
customer decides, a writer answers, a critic reads the answer before it goes out.

It has two faults, and neither shows every time. A specialist looks at the stock, thinks
(a model call), then reserves; meanwhile the other one may have looked, too. And the
writer's model sometimes promises too fast a delivery, and the critic's lets it pass.
"""

import asyncio
from typing import Literal

import agentmesh as am  # tidy: a program as users write it, shipped with the command

SHIPPING_DAYS = 5


class Ticket(am.Message):
    """What a customer wrote."""

    customer: str
    text: str


class Shift(am.Message):
    """A morning at the desk."""

    tickets: list[Ticket]
    lamps: int


class Topic(am.Message):
    """What a ticket is about."""

    kind: Literal["order", "complaint"]


class Case(am.Message):
    """A sorted ticket."""

    ticket: Ticket
    topic: Topic


class Reservation(am.Message):
    """A lamp for a customer."""

    customer: str


class Decision(am.Message):
    """What is to be done for a customer."""

    action: Literal["reserve", "replace", "decline"]
    reason: str


class Task(am.Message):
    """What the writer is to tell a customer."""

    ticket: Ticket
    decision: Decision
    objection: str = ""


class Letter(am.Message):
    """An answer to a customer, and the delivery it promises."""

    text: str
    delivery_days: int | None


class Draft(am.Message):
    """A letter before it goes out."""

    decision: Decision
    letter: Letter


class Verdict(am.Message):
    """What the critic says of a letter."""

    approved: bool
    reason: str


class Reply(am.Message):
    """What a customer got."""

    customer: str
    decision: Decision
    letter: Letter


class Report(am.Message):
    """How the shift went."""

    replies: list[Reply]
    left: int
    problems: list[str]


@am.agent
class Stock:
    """How many lamps are left."""

    left: int = 0

    @am.handler
    async def fill(self, shift: Shift) -> None:
        """Put lamps on the shelf."""
        self.left = shift.lamps

    @am.handler
    async def look(self) -> int:
        """Say how many are left."""
        return self.left

    @am.handler
    async def reserve(self, reservation: Reservation) -> int:
        """Take one off the shelf. It trusts that whoever reserves has looked: the race."""
        self.left -= 1
        am.log("reserved", customer=reservation.customer, left=self.left)
        return self.left


class Staff:
    """What everybody at the desk can do."""

    @am.handler
    async def greet(self) -> None:
        """Be there when the shift begins, connected to the model."""
        await am.llm("Say hello.", system="Your shift begins.")


@am.agent(concurrency=8)
class Triage(Staff):
    """Says what a ticket is about; works on several at once."""

    @am.handler
    async def sort(self, ticket: Ticket) -> Topic:
        """Ask the model."""
        return await am.llm(
            f"Ticket from {ticket.customer}: {ticket.text}",
            system="You sort the tickets of a shop: is it an order or a complaint?",
            response_model=Topic,
        )


@am.agent
class Specialist(Staff):
    """Decides what is to be done for one customer."""

    @am.handler
    async def handle(self, case: Case) -> Decision:
        """Look, think, act: between the look and the act, others act too."""
        stock = am.ref(Stock)
        left = await stock.look()
        decision = await am.llm(
            f"Kind: {case.topic.kind}. Ticket: {case.ticket.text} In stock: {left} desk lamps.",
            system="You are a specialist of a shop that sells desk lamps. For an order, reserve "
            "if one is in stock, else decline. For a complaint, replace.",
            response_model=Decision,
        )
        if decision.action == "reserve":
            await stock.reserve(Reservation(customer=case.ticket.customer))
        return decision


@am.agent(concurrency=8)
class Writer(Staff):
    """Answers customers."""

    @am.handler
    async def write(self, task: Task) -> Letter:
        """Ask the model for a letter."""
        again = f" The critic objected: {task.objection}" if task.objection else ""
        return await am.llm(
            f"Write to {task.ticket.customer}, who wrote: {task.ticket.text} "
            f"We {task.decision.action}: {task.decision.reason}{again}",
            system="You write a shop's letters, two sentences each. Where something is sent, name "
            f"the days until delivery; parcels take {SHIPPING_DAYS} days, never promise less.",
            response_model=Letter,
        )


@am.agent(concurrency=8)
class Critic(Staff):
    """Reads letters before they go out."""

    @am.handler
    async def read(self, draft: Draft) -> Verdict:
        """Ask the model what it thinks of a letter."""
        return await am.llm(
            f"Decision: {draft.decision.action}. Letter: {draft.letter.text}",
            system=f"You check a shop's letters. Approve none that promises less than "
            f"{SHIPPING_DAYS} days, or a delivery that was declined.",
            response_model=Verdict,
        )


async def serve(ticket: Ticket) -> Reply:
    """Bring one ticket through the desk."""
    writer = am.ref(Writer)
    topic = await am.ref(Triage).sort(ticket)
    specialist = am.ref(Specialist, ticket.customer.lower())
    decision = await specialist.handle(Case(ticket=ticket, topic=topic))
    letter = await writer.write(Task(ticket=ticket, decision=decision))
    verdict = await am.ref(Critic).read(Draft(decision=decision, letter=letter))
    if not verdict.approved:
        again = Task(ticket=ticket, decision=decision, objection=verdict.reason)
        letter = await writer.write(again)
    return Reply(customer=ticket.customer, decision=decision, letter=letter)


def wrong_promises(replies: list[Reply]) -> list[str]:
    """Say which customers were promised what will not be."""
    found = []
    for reply in replies:
        days = reply.letter.delivery_days
        if days is not None and reply.decision.action == "decline":
            found.append(f"wrong promise: {reply.customer} gets nothing, is told {days} days")
        elif days is not None and days < SHIPPING_DAYS:
            found.append(f"wrong promise: {reply.customer} is told {days} of {SHIPPING_DAYS} days")
    return found


@am.workflow(deadline="2m")
async def desk(shift: Shift) -> Report:
    """One morning: open the desk, serve everybody at once, look back at what was done."""
    stock = am.ref(Stock)
    staff: list[Staff] = [am.ref(Specialist, each.customer.lower()) for each in shift.tickets]
    staff += [am.ref(Triage), am.ref(Writer), am.ref(Critic)]
    await asyncio.gather(stock.fill(shift), *(each.greet() for each in staff))
    replies = await asyncio.gather(*(serve(ticket) for ticket in shift.tickets))
    left = await stock.look()
    oversold = [f"oversold: {-left} desk lamp too many"] if left < 0 else []
    return Report(replies=replies, left=left, problems=oversold + wrong_promises(replies))


ADA = Ticket(customer="Ada", text="I would like the desk lamp, please.")
BEN = Ticket(customer="Ben", text="One desk lamp for my new flat!")
CLEO = Ticket(customer="Cleo", text="My desk lamp arrived broken. What now?")
MORNING = Shift(tickets=[ADA, BEN, CLEO], lamps=1)

if __name__ == "__main__":
    print(am.run(desk, MORNING).model_dump_json(indent=2))  # noqa: T201 - a program's result
