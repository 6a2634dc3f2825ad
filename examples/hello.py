"""Hello: an agent, an ask, and state.

A greeter is a class whose annotated attributes are its state and whose handlers take
messages. The workflow asks two greeters, by key; each counts for itself, and both live
from their first message on.

    python examples/hello.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/hello.py   # without Ray, at once
    agentmesh replay                             # the same again, from the journal

Expected output:

    Hello Ada, you are guest 1 of the lobby.
    Hello Ben, you are guest 2 of the lobby.
    Hello Cem, you are guest 1 of the garden.
"""

import agentmesh as am


class Guest(am.Message):
    """Somebody comes in."""

    name: str


@am.agent
class Greeter:
    """Greets the guests of one place, and counts them."""

    guests: int = 0

    @am.handler
    async def greet(self, guest: Guest) -> str:
        """Say hello."""
        self.guests += 1
        return f"Hello {guest.name}, you are guest {self.guests} of the {am.context().key}."


@am.workflow(deadline="1m")
async def main() -> list[str]:
    """Send three guests to two places."""
    lobby, garden = am.ref(Greeter, "lobby"), am.ref(Greeter, "garden")
    return [
        await lobby.greet(Guest(name="Ada")),
        await lobby.greet(Guest(name="Ben")),
        await garden.greet(Guest(name="Cem")),
    ]


if __name__ == "__main__":
    print("\n".join(am.run(main)))
