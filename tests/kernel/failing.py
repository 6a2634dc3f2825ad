"""Agents that fail, and what is said when they do: for the tests of supervision."""

import json
from typing import Any

from agentmesh.errors import describe
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn, Log, Send
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervised import SupervisedCell
from agentmesh.kernel.supervision import Policy
from tests.kernel.helpers import (
    CALLER,
    ME,
    cell_of,
    delivered,
    say,
    sent,
)

WRONG = ValueError("wrong")


async def grows(cell: Cell) -> Any:
    """Count in the state; fail at every third message."""
    assert isinstance(cell.instance, dict)
    cell.instance["count"] = count = cell.instance.get("count", 0) + 1
    if count % 3 == 0:
        raise WRONG
    return count


async def fails(cell: Cell) -> None:
    """Fail each time."""
    say(cell, "fails")
    raise WRONG


def created(state: bytes) -> object:
    return dict(json.loads(state)) if state else {}


def supervised(handler: Any = None, policy: Policy | None = None, **options: Any) -> SupervisedCell:
    """Return a cell with a policy; its state is a dictionary."""
    cell = cell_of(handler, supervision=policy or Policy(), create=created, **options)
    assert isinstance(cell, SupervisedCell)
    return cell


def plain(issued: list[Command]) -> list[Command]:
    """Return commands without tracebacks, which name lines of this file."""
    return [
        FinishTurn(one.turn, one.message, one.outcome, one.error)
        if isinstance(one, FinishTurn)
        else Send(one.turn, _without_note(one.envelope))
        if isinstance(one, Send)
        else one
        for one in issued
    ]


def _without_note(one: Envelope) -> Envelope:
    return Envelope(
        *(one.src, one.n, one.dst, one.kind, one.handler, one.type, one.payload, one.re),
        *(one.deadline, one.chain),
    )


def restarted(number: int = 1, *, turn: int = 1, rest: int = 0, state: str = "fresh") -> Log:
    said = f'{{"restarts":{number},"state":"{state}","rest_ns":{rest}}}'
    return Log(turn, "warning", "restarted", said.encode())


def failed(message: int = 1, *, turn: int = 1, outcome: str = commands.FAILED) -> FinishTurn:
    return FinishTurn(turn, f"{CALLER}#{message}", outcome, describe(WRONG))


def monitor(n: int = 50, *, at: int = 0) -> events.Delivered:
    """`C/y` wants to know when the agent stops."""
    return delivered(Envelope(CALLER, n, ME, kinds.MONITOR), at)


def down(issued: list[Command]) -> list[tuple[str, int, dict[str, Any]]]:
    """Return who was told of the agent's end, and what."""
    every = [one for one in sent(issued, kinds.REPLY) if b'"reason"' in one.payload]
    return [(one.dst, one.re, json.loads(one.payload)) for one in every]
