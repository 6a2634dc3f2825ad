"""How people name an event: `Writer/w1@118`, or a number of the run order.

A reference says nothing yet about whether there is such an event: the run order finds it, or
whoever reads the agent's steps.
"""

from typing import NamedTuple

from agentmesh.errors import UsageError


class Reference(NamedTuple):
    """An event as it was named."""

    address: str | None
    """The agent; None where the number counts all events of the run, in run order."""
    number: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return str(self.number) if self.address is None else f"{self.address}@{self.number}"


Named = str | int | Reference | tuple[str, int]
"""What an event may be named by: `Writer/w1@118`, 4711, or agent and step."""


def parse_reference(named: Named, agent: str | None = None) -> Reference:
    """Read the name of an event.

    Args:
        named: `Writer/w1@118`; or a number: of a step if the agent is given, of the run order
            if it is not.
        agent: The agent's address, where it is given beside the number.

    Raises:
        UsageError: It names no event, or another agent's.
    """
    if isinstance(named, int):
        reference = Reference(agent, named)
    elif isinstance(named, str):
        reference = _parsed(named, agent)
    else:  # a tuple, perhaps with more than these two
        reference = Reference(named[0], named[1])
    if reference.number < 0:
        raise _unreadable(str(reference), "Events are counted from 0.")
    return reference


def _parsed(text: str, agent: str | None) -> Reference:
    address, _, number = text.rpartition("@")
    digits = number.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise _unreadable(text, "An event is named AGENT@STEP, or by its number in run order.")
    if address and agent is not None and address != agent:
        raise UsageError(
            f"The event {text} is not one of {agent}.",
            cause="The agent is named twice, and differently.",
            fix="Leave the agent out where the event names it.",
        )
    return Reference(address or agent, int(digits))


def _unreadable(text: str, cause: str) -> UsageError:
    return UsageError(
        f"{text!r} names no event.",
        cause=cause,
        fix="Name one as in Writer/w1@118; `agentmesh search` shows what events are called.",
    )
