"""What an event or command has to show: its payload, its name for others, its log line."""

import shlex
from typing import Any

from agentmesh.causality.order import EventRef
from agentmesh.causality.summaries import value_of
from agentmesh.journal.records import CommandRecord, Sent
from agentmesh.kernel.commands import CancelEffect, FinishTurn, Log, StartEffect, StartTimer
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
)
from agentmesh.viewer.payloads import payload_json


def debug_line(run_id: str, event: EventRef) -> str:
    """Return the command that stops in the handler of an event."""
    return f"agentmesh debug {run_id} --agent {shlex.quote(event.address)} --event {event.step}"


def bytes_of(body: Any) -> bytes:
    """Return the payload of an event."""
    if isinstance(body, Delivered):
        return body.envelope.payload
    if isinstance(body, EffectFinished):
        return body.result
    if isinstance(body, EffectFailed):
        return body.error
    if isinstance(body, EffectStreamed):
        return body.chunk
    return body.state if isinstance(body, Started) else b""


def event_payload(body: Any, limit: int) -> dict[str, Any] | None:
    """Return the payload of an event as the page gets it."""
    data = bytes_of(body)
    return payload_json(data, "event", limit) if data else None


def command_bytes(command: CommandRecord) -> bytes:
    """Return what a command says."""
    if isinstance(command, StartEffect):
        return command.request
    if isinstance(command, Log):
        return command.fields
    return command.error if isinstance(command, FinishTurn) else b""


def key_of(command: CommandRecord) -> tuple[str, int, int]:
    """Return what a command is known by to the event it leads to."""
    if isinstance(command, Sent):
        return ("sent", 0, command.n)
    if isinstance(command, StartEffect | CancelEffect):
        return ("effect", command.turn, command.n)
    if isinstance(command, StartTimer):
        return ("effect", command.turn, command.n)
    return ("", 0, 0)


def log_json(command: Log) -> dict[str, Any]:
    """Return a log line as the page gets it."""
    return {
        "level": command.level,
        "text": command.event,
        "fields": value_of(command.fields),
        "turn": command.turn,
    }
