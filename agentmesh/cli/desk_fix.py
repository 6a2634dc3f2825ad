"""The support desk's race, mended: what `agentmesh demo` tries on the run that went wrong.

The stock gives nothing away that it does not have, and says so; a specialist who is told so
declines instead of promising.
"""

import agentmesh as am  # tidy: a program as users write it, shipped with the command
from agentmesh.cli.support_desk import Case, Decision, Reservation, Shift, Staff, Stock

NOTHING = -1


@am.agent
class CarefulStock:
    """Looks and takes in one step."""

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
        """Take one off the shelf, if there is one."""
        if self.left == 0:
            return NOTHING
        self.left -= 1
        am.log("reserved", customer=reservation.customer, left=self.left)
        return self.left


@am.agent
class CarefulSpecialist(Staff):
    """Decides what is to be done for one customer."""

    @am.handler
    async def handle(self, case: Case) -> Decision:
        """Look, think, act; whoever comes too late declines."""
        stock = am.ref(Stock)
        left = await stock.look()
        decision = await am.llm(
            f"Kind: {case.topic.kind}. Ticket: {case.ticket.text} In stock: {left} desk lamps.",
            system="You are a specialist of a shop that sells desk lamps. For an order, reserve "
            "if one is in stock, else decline. For a complaint, replace.",
            response_model=Decision,
        )
        if decision.action == "reserve":
            left = await stock.reserve(Reservation(customer=case.ticket.customer))
            if left == NOTHING:
                return Decision(action="decline", reason="It was sold a moment ago.")
        return decision
