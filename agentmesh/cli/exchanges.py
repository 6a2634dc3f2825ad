"""What an agent was asked and what it answered, in the order in which the messages came."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentmesh.cli.wording import opened
from agentmesh.journal.records import Sent
from agentmesh.journal.run import Run
from agentmesh.kernel.envelope import ASK, REPLY, Envelope
from agentmesh.kernel.events import Delivered


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One ask and its reply."""

    at_ns: int
    """When the ask was delivered."""
    sender: str
    handler: str
    request: Any
    reply: Any
    """None where there is none."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


def exchanges(run: Run, address: str) -> Iterator[Exchange]:
    """Yield the asks that an agent replied to, in order of delivery.

    Raises:
        UnknownAgentError: The run has no such agent.
        JournalDamagedError: A file is damaged.
    """
    asked: dict[tuple[str, int], tuple[int, Envelope]] = {}
    answered: dict[tuple[str, int], str] = {}
    for step in run.steps(address):
        event = step.event
        if isinstance(event, Delivered) and event.envelope.kind == ASK:
            asked[event.envelope.src, event.envelope.n] = (event.at, event.envelope)
        for command in step.commands:
            if isinstance(command, Sent) and command.kind == REPLY:
                answered[command.dst, command.re] = f"{address}#{command.n}"
    for key, (at_ns, envelope) in asked.items():
        # The sender's record has the reply's digest; its payload is the receiver's.
        payload = run.payload_of(answered[key]) if key in answered else None
        yield Exchange(
            at_ns=at_ns,
            sender=envelope.src,
            handler=envelope.handler,
            request=opened(envelope.payload),
            reply=None if payload is None else opened(payload),
        )
