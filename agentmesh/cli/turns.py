"""The turns of one agent: which message, from whom, how long, how it ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentmesh.cli.facts import UNFINISHED
from agentmesh.cli.wording import opened
from agentmesh.journal.records import Sent
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn, StartEffect
from agentmesh.kernel.envelope import STARTS_TURN
from agentmesh.kernel.events import Delivered


@dataclass(kw_only=True)
class TurnFacts:
    """One message that an agent was to handle."""

    agent: str
    turn: int
    """Serial within the agent; 0 for a message that never got a turn."""
    message: str
    sender: str
    handler: str
    payload: Any
    delivered_ns: int
    ended_ns: int = 0
    outcome: str = UNFINISHED
    error: Any = None
    traceback: str = ""
    effects: int = 0
    sent: int = 0
    """Asks and tells it sent."""

    @property
    def seconds(self) -> float | None:
        """Time from delivery to its end; None while it has none."""
        return (self.ended_ns - self.delivered_ns) / 1e9 if self.ended_ns else None


def turns_of(run: Run, address: str) -> list[TurnFacts]:
    """Return the messages of an agent in order of arrival.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    found: dict[str, TurnFacts] = {}
    effects: dict[int, int] = {}
    sent: dict[int, int] = {}
    for step in run.steps(address):
        event = step.event
        if isinstance(event, Delivered) and event.envelope.kind in STARTS_TURN:
            envelope = event.envelope
            found[envelope.id] = TurnFacts(
                agent=address,
                turn=0,
                message=envelope.id,
                sender=envelope.sender,
                handler=envelope.handler,
                payload=opened(envelope.payload),
                delivered_ns=event.at,
            )
        for command in step.commands:
            if isinstance(command, StartEffect):
                effects[command.turn] = effects.get(command.turn, 0) + 1
            elif isinstance(command, Sent) and command.kind in STARTS_TURN:
                sent[command.turn] = sent.get(command.turn, 0) + 1
            elif isinstance(command, FinishTurn) and command.message in found:
                _end(found[command.message], command, event.at)
    for turn in found.values():
        turn.effects, turn.sent = effects.get(turn.turn, 0), sent.get(turn.turn, 0)
    return list(found.values())


def _end(turn: TurnFacts, command: FinishTurn, at_ns: int) -> None:
    turn.turn, turn.outcome, turn.ended_ns = command.turn, command.outcome, at_ns
    turn.error = opened(command.error) if command.error else None
    turn.traceback = command.note


def turn_json(turn: TurnFacts) -> dict[str, Any]:
    """Return a turn as plain values."""
    return {**vars(turn), "seconds": turn.seconds}


def all_turns(run: Run, addresses: list[str]) -> Iterator[TurnFacts]:
    """Yield the turns of several agents, agent by agent."""
    for address in addresses:
        yield from turns_of(run, address)
