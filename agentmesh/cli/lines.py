"""The journal as lines: each event and each command in words, with its level.

A line of the log is a projection of one record, so nothing is logged twice and
nothing can be missing. What the user's program said with `am.log` keeps its own level
and stands out; everything else gets one by how much it says:

`debug` mechanics (sent, timers, effects started) · `info` what arrived and what ended
· `warning` work that was cut short · `error` work that failed.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from agentmesh.cli.failures import described
from agentmesh.cli.wording import opened, took_ns
from agentmesh.journal.records import CommandRecord, EventRecord, Recorded, Sent, kind_of
from agentmesh.kernel.commands import (
    CONTINUED,
    DONE,
    FAILED,
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import (
    ASK,
    CHUNK,
    EDIT,
    ESCALATE,
    FAIL,
    KIND_NAMES,
    MONITOR,
    REPLY,
    SPAWN,
    STOP,
    Envelope,
)
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)

LEVELS = ("debug", "info", "warning", "error")
LOG_KIND = "log"

_OPEN_MAX = 100_000
"""How many messages and effects are remembered to say what an end belongs to."""

_ANSWERS = {REPLY: "the reply", FAIL: "a failure", CHUNK: "an item of the reply"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a run's log."""

    at_ns: int
    agent: str
    step: int
    index: int
    """Place within the step: 0 is the event."""
    kind: str
    """The record's kind: `delivered`, `sent`, `log`, ..."""
    level: str
    text: str
    """What happened, in words."""
    detail: Any = None
    """A payload, result, request or error, as a JSON value."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What `am.log` was given."""
    error: Any = None
    """As `errors.describe` wrote it, as a value; its text is in `text`."""
    turn: int = 0
    """Number of the turn that it belongs to; 0 where the record does not say."""
    message: str = ""
    """Id of the message that it is about; empty for none."""


class Narrator:
    """Puts records into words; remembers what was opened, to name it when it ends."""

    def __init__(self) -> None:
        self._messages: OrderedDict[tuple[str, str], tuple[Envelope, int]] = OrderedDict()
        self._effects: OrderedDict[tuple[str, int, int], tuple[str, int]] = OrderedDict()
        self._asked: OrderedDict[tuple[str, int], str] = OrderedDict()

    def line(self, record: Recorded) -> Line:
        """Return the line of a record. Records of one agent must come in order."""
        level, text, found = self._words(record.address, record.at, record.body)
        wrong = found if isinstance(found, _Error) else None
        fields: dict[str, Any] = {}
        if isinstance(record.body, Log):
            said = opened(record.body.fields)
            fields, found = (said, None) if isinstance(said, dict) else ({}, said)
        return Line(
            at_ns=record.at,
            agent=record.address,
            step=record.step,
            index=record.index,
            kind=kind_of(record.body),
            level=level,
            text=text if wrong is None else f"{text}: {wrong}",
            detail=found if wrong is None else None,
            fields=fields,
            error=None if wrong is None else wrong.value,
            turn=getattr(record.body, "turn", 0),
            message=_message_of(record.address, record.body),
        )

    def _words(
        self, agent: str, at: int, body: EventRecord | CommandRecord
    ) -> tuple[str, str, Any]:
        match body:
            case Delivered():
                return self._delivered(agent, at, body.envelope)
            case EffectFinished() | EffectFailed() | EffectStreamed():
                return self._effect_event(agent, at, body)
            case Started() | Stopped() | Cancelled() | TimerFired():
                return _life(body)
            case Sent():
                if body.kind == ASK:
                    _remember(self._asked, (agent, body.n), body.handler)
                return "debug", _sent(body), None
            case FinishTurn():
                return self._finished(agent, at, body)
            case Log():
                return body.level, body.event, None
            case StartEffect():
                name = f"{body.kind} {body.name}"
                _remember(self._effects, (agent, body.turn, body.n), (name, at))
                return "debug", f"starts {name}", opened(body.request)
            case CancelEffect():
                name, _ = self._effects.pop((agent, body.turn, body.n), ("an effect", at))
                return "debug", f"cancels {name}", None
            case StartTimer():
                return "debug", f"waits {took_ns(max(body.due - at, 0))}", None
            case CancelTimer():
                return "debug", "stops waiting", None

    def _delivered(self, agent: str, at: int, envelope: Envelope) -> tuple[str, str, Any]:
        payload = opened(envelope.payload) if envelope.payload else None
        kind = KIND_NAMES[envelope.kind]
        if envelope.kind in _ANSWERS:
            what = _ANSWERS[envelope.kind]
            level = "debug" if envelope.kind == CHUNK else "info"
            asked = self._asked.get((agent, envelope.re), "its ask")
            text = f"got {what} to {asked} #{envelope.re} from {envelope.src}"
            return level, text, _Error(payload) if envelope.kind == FAIL else payload
        if envelope.kind == SPAWN:
            return "debug", f"spawned by {envelope.src}", None
        if envelope.kind == STOP:
            return "info", f"is to stop, says {envelope.src}", None
        if envelope.kind == MONITOR:
            return "debug", f"{envelope.src} wants to know when it stops", None
        if envelope.kind == ESCALATE:
            return "error", f"fails with {envelope.src}", _Error(payload)
        if envelope.kind == EDIT:
            return "warning", f"has another {envelope.type} in this branch", payload
        if not envelope.handler:
            return "info", f"{envelope.src} no longer waits for its #{envelope.re}", None
        _remember(self._messages, (agent, envelope.id), (envelope, at))
        text = f"got {kind} {_call(envelope.handler, envelope.type)} from {envelope.id}"
        return "info", text, payload

    def _finished(self, agent: str, at: int, command: FinishTurn) -> tuple[str, str, Any]:
        envelope, began = self._messages.pop((agent, command.message), (None, at))
        what = envelope.handler if envelope else command.message
        if command.outcome == DONE:
            return "info", f"{what} done in {took_ns(at - began)}", None
        if command.outcome == CONTINUED:
            return "info", f"{what} goes on afresh after {took_ns(at - began)}", None
        level = "error" if command.outcome == FAILED else "warning"
        return level, f"{what} {command.outcome}", _Error(opened(command.error))

    def _effect_event(
        self, agent: str, at: int, event: EffectFinished | EffectFailed | EffectStreamed
    ) -> tuple[str, str, Any]:
        key = (agent, event.turn, event.n)
        name, began = self._effects.get(key, ("an effect", at))
        if isinstance(event, EffectStreamed):
            return "debug", f"{name} brought a piece", opened(event.chunk)
        self._effects.pop(key, None)
        after = took_ns(at - began)
        if isinstance(event, EffectFailed):
            return "error", f"{name} failed after {after}", _Error(opened(event.error))
        return "info", f"{name} finished in {after}", opened(event.result)


def _message_of(agent: str, body: EventRecord | CommandRecord) -> str:
    if isinstance(body, Delivered):
        return body.envelope.id
    if isinstance(body, Sent):
        return f"{agent}#{body.n}"
    return body.message if isinstance(body, FinishTurn | Cancelled) else ""


def _remember(known: OrderedDict[Any, Any], key: object, value: object) -> None:
    known[key] = value
    if len(known) > _OPEN_MAX:
        known.popitem(last=False)


def _life(event: Started | Stopped | Cancelled | TimerFired) -> tuple[str, str, Any]:
    match event:
        case Started():
            return "debug", "started", opened(event.state) if event.state else None
        case Stopped():
            return "info", f"stopped ({event.reason})", None
        case Cancelled():
            return "warning", f"{event.message} is no longer wanted ({event.reason})", None
        case TimerFired():
            return "debug", "has waited long enough", None


def _sent(command: Sent) -> str:
    kind = KIND_NAMES[command.kind]
    if command.kind in _ANSWERS:
        return f"sends {_ANSWERS[command.kind]} to {command.dst}#{command.re}"
    if not command.handler:
        return f"sends {kind} to {command.dst}"
    return f"sends {kind} #{command.n} {_call(command.handler, command.type)} to {command.dst}"


def _call(handler: str, type_: str) -> str:
    return f"{handler}({type_})"


class _Error:
    """A described error among the details: goes into the text, in short."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        if not isinstance(self.value, dict):
            return str(self.value)
        kind = str(self.value.get("type", "")).removeprefix("agentmesh.errors.")
        return described(kind, str(self.value.get("what", "")))
