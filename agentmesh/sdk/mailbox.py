"""How many messages may wait in an agent, and what happens when more come."""

from typing import Literal

from agentmesh.errors import DefinitionError
from agentmesh.kernel.waiting import OVERFLOWS

Overflow = Literal["block", "reject", "drop_oldest"]
"""What happens to messages for which a mailbox has no place."""


def check_mailbox(name: str, mailbox: object, overflow: object) -> None:
    """Refuse a mailbox that can't work.

    Args:
        name: Of the agent type.
        mailbox: How many messages may wait; None for any number.
        overflow: One of `waiting.OVERFLOWS`.

    Raises:
        DefinitionError: It can't work; the message shows the fix.
    """
    whole = isinstance(mailbox, int) and not isinstance(mailbox, bool) and mailbox > 0
    if mailbox is not None and not whole:
        raise DefinitionError(
            f"Agent {name} has mailbox={mailbox!r}.",
            cause="It is how many messages may wait while the agent is busy.",
            fix="Give a whole number from 1, or None for any number.",
        )
    if overflow not in OVERFLOWS:
        raise DefinitionError(
            f"Agent {name} has overflow={overflow!r}.",
            cause="It says what happens to messages for which a full mailbox has no place.",
            fix=f"Use one of {', '.join(map(repr, OVERFLOWS))}.",
        )
    if mailbox is None and overflow != "block":
        raise DefinitionError(
            f"Agent {name} has overflow={overflow!r} and mailbox=None.",
            cause="A mailbox without a size is never full.",
            fix="Give it a size, such as mailbox=100, or leave the rule out.",
        )
