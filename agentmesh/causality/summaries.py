"""Events in a few words, with the payload beside them: for lists and trees of events.

An event may need what came before it to be understood: which effect ended, what was asked. A
`Teller` looks that up in the run, a few steps at a time.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agentmesh.causality.index import NOBODY
from agentmesh.causality.order import EventRef, RunOrder, no_such_step
from agentmesh.journal.records import CommandRecord, EventRecord, Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import (
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import CLIENT, KIND_NAMES, Envelope
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

_ANSWERS = {kinds.REPLY: "reply", kinds.FAIL: "failure", kinds.CHUNK: "item of the reply"}
_OTHERS = {
    kinds.CANCEL: "{} no longer waits",
    kinds.SPAWN: "spawned by {}",
    kinds.STOP: "told to stop by {}",
    kinds.MONITOR: "{} wants to know when it stops",
    kinds.ESCALATE: "fails with {}",
    kinds.EDIT: "given another state or code by {}",
}
_NEAR_STEPS = 64
"""Steps that are read on the way rather than looked up anew."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What happened, in a few words."""

    what: str
    payload: Any = None
    """The message, result or error as a JSON value; None where there is none."""


class Teller:
    """Puts events of a run into words.

    Args:
        run: The run, open.
        order: Its events.
    """

    def __init__(self, run: Run, order: RunOrder) -> None:
        self._run = run
        self._order = order
        self._steps: dict[tuple[str, int], Step] = {}

    def read(self, events: Iterable[EventRef]) -> None:
        """Read events, and what they are the end of, agent by agent."""
        wanted: dict[str, set[int]] = {}
        for event in events:
            wanted.setdefault(event.address, set()).add(event.step)
            began = self._began(event)
            if began is not None:
                wanted.setdefault(began.address, set()).add(began.step)
        for address, steps in wanted.items():
            self._read(address, [n for n in sorted(steps) if (address, n) not in self._steps])

    def step(self, event: EventRef) -> Step:
        """Return an event with what handling it issued."""
        if (event.address, event.step) not in self._steps:
            self.read([event])
        return self._steps[event.address, event.step]

    def summary(self, event: EventRef) -> Summary:
        """Put an event into words."""
        body = self._run.resolve(self.step(event).event)
        if isinstance(body, EffectFinished | EffectFailed | EffectStreamed):
            return self._effect(event, body)
        if isinstance(body, TimerFired):
            return Summary(what=self._timer(event, body))
        return summary_of(body)

    def _effect(
        self, event: EventRef, body: EffectFinished | EffectFailed | EffectStreamed
    ) -> Summary:
        name, after = "an effect", ""
        began = self._began(event)
        if began is not None:
            for command in self.step(began).commands:
                if isinstance(command, StartEffect) and _is_end(body, command):
                    name = f"{command.kind} {command.name}"
                    after = f" after {milliseconds(event.at - began.at)}"
        if isinstance(body, EffectFinished):
            return Summary(what=f"{name} finished{after}", payload=value_of(body.result))
        if isinstance(body, EffectFailed):
            error = value_of(body.error)
            return Summary(what=f"{name} failed{after}: {error_text(error)}", payload=error)
        return Summary(what=f"{name} brought a piece", payload=value_of(body.chunk))

    def _timer(self, event: EventRef, body: TimerFired) -> str:
        began = self._began(event)
        if began is not None:
            for command in self.step(began).commands:
                if isinstance(command, StartTimer) and _is_end(body, command):
                    return f"waited {milliseconds(max(command.due - began.at, 0))}"
        return "waited"

    def _began(self, event: EventRef) -> EventRef | None:
        """Return the step of the same agent that began what an event is the end of."""
        order = self._order
        cause = order.index.causes[order.place_of(event.address, event.step)]
        began = None if cause == NOBODY else order.at_place(cause)
        return began if began is not None and began.address == event.address else None

    def _read(self, address: str, wanted: list[int]) -> None:
        """Read some steps of an agent, in order; those that are near each other in one go."""
        place = 0
        while place < len(wanted):
            first = wanted[place]
            missing = set(wanted)
            last = first
            for step in self._run.steps(address, start=first, resolve=False):
                if step.number - last > _NEAR_STEPS:
                    break
                if step.number in missing:
                    self._steps[address, step.number] = step
                    last = step.number
                    place += 1
                    if place == len(wanted):
                        break
            if last == first and (address, first) not in self._steps:
                raise no_such_step(self._run.id, address, first, first)


def _is_end(
    event: EffectFinished | EffectFailed | EffectStreamed | TimerFired,
    command: StartEffect | StartTimer,
) -> bool:
    return (event.turn, event.n) == (command.turn, command.n)


def summary_of(body: EventRecord) -> Summary:
    """Put an event into words that needs nothing else to be understood."""
    match body:
        case Delivered():
            return _delivered(body.envelope)
        case Started():
            return Summary(what="started", payload=value_of(body.state))
        case Stopped():
            return Summary(what=f"stopped ({body.reason})")
        case Cancelled():
            return Summary(what=f"{body.message} is no longer wanted ({body.reason})")
        case _:
            return Summary(what=type(body).__name__)


def _delivered(envelope: Envelope) -> Summary:
    source = "outside" if envelope.src == CLIENT else envelope.src
    if envelope.kind in _OTHERS:
        return Summary(what=_OTHERS[envelope.kind].format(source))
    payload = value_of(envelope.payload)
    if envelope.kind in _ANSWERS:
        text = f"{_ANSWERS[envelope.kind]} from {source}"
        if envelope.kind == kinds.FAIL:
            text += f": {error_text(payload)}"
        return Summary(what=text, payload=payload)
    call = f"{envelope.handler}({envelope.type})"
    return Summary(what=f"{KIND_NAMES[envelope.kind]} {call} from {source}", payload=payload)


def command_words(command: CommandRecord, at: int) -> tuple[str, Any]:
    """Put a command into words, without counters and times; with what it says as a JSON value.

    Args:
        command: With its payload.
        at: Logical time of its event, in nanoseconds since the epoch.
    """
    match command:
        case Sent():
            return f"sends {_sent(command)}", f"{command.digest:016x}"
        case StartEffect():
            return f"starts {command.kind} {command.name}", value_of(command.request)
        case StartTimer():
            return f"waits {milliseconds(max(command.due - at, 0))}", None
        case Log():
            return f"logs {command.level}: {command.event}", value_of(command.fields)
        case FinishTurn():
            text = f": {error_text(value_of(command.error))}" if command.error else ""
            return f"ends its turn: {command.outcome}{text}", value_of(command.error)
        case CancelEffect():
            return "cancels an effect", None
        case CancelTimer():
            return "cancels a timer", None


def _sent(command: Sent) -> str:
    if command.kind in _ANSWERS:
        return f"{_ANSWERS[command.kind]} to {command.dst}"
    call = f" {command.handler}({command.type})" if command.handler else ""
    return f"{KIND_NAMES[command.kind]}{call} to {command.dst}"


def gist(payload: Any) -> Any:
    """Return what matters of a payload to who reads a list: of a model's response, the answer.

    None of an error: a summary's text has it.
    """
    if isinstance(payload, dict) and {"type", "what"} <= payload.keys():
        return None
    body = payload.get("json") if isinstance(payload, dict) and "status" in payload else None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return payload
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return payload
    return message.get("tool_calls") or message.get("content") or payload


def value_of(data: bytes) -> Any:
    """Return a payload as a JSON value; what is no JSON as text, and nothing as None."""
    if not data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # a payload may be nested deeper than Python goes
        return data.decode("utf-8", "backslashreplace")


def error_text(error: Any) -> str:
    """Return an error, as `errors.describe` wrote it, in short."""
    if not isinstance(error, dict):
        return str(error)
    name = str(error.get("type", "")).rpartition(".")[2]
    return ": ".join(part for part in (name, str(error.get("what", ""))) if part)


def milliseconds(nanoseconds: int) -> str:
    """Return a short duration in words."""
    if nanoseconds >= _SECOND:
        return f"{nanoseconds / _SECOND:.1f} s"
    return f"{nanoseconds / 1e6:.{0 if nanoseconds >= _TENTH else 1}f} ms"


_SECOND = 1_000_000_000
_TENTH = 10_000_000
