"""Edits held against a record: what they change there, and whether it fits.

A change is known by the key of what it strikes: a message's id, an effect's id. It says what
becomes of it; the engine asks at the moment at which the thing would become pending.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agentmesh.causality.order import EventRef, RunOrder
from agentmesh.causality.references import Named
from agentmesh.counterfactual.amending import code_edit, state_edit
from agentmesh.counterfactual.edit import (
    Ask,
    Code,
    Content,
    Delay,
    Drop,
    Duplicate,
    Edit,
    Fault,
    Insert,
    Model,
    Reorder,
    Result,
    State,
)
from agentmesh.counterfactual.faulting import under_way
from agentmesh.counterfactual.keys import key_of_envelope
from agentmesh.effects.failures import outcome_unknown
from agentmesh.errors import AgentMeshError, EffectError, InvalidMessageError, UsageError, describe
from agentmesh.journal.records import Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import CLIENT, Envelope, agent_type_of
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished, EffectStreamed
from agentmesh.sdk import message as messages
from agentmesh.sdk.agent import HandlerSpec
from agentmesh.sdk.program import Program
from agentmesh.simulation.faults import CRASH
from agentmesh.simulation.records import effect_key
from agentmesh.simulation.sources import Outcome

_EDITABLE = (*kinds.STARTS_TURN, kinds.REPLY, kinds.FAIL, kinds.CHUNK)
"""Kinds of message that are the program's own, and not agentmesh's business."""
_ENDS = (EffectFinished, EffectFailed, EffectStreamed)


@dataclass(kw_only=True)
class Change:
    """What becomes of one message or effect."""

    address: str = ""
    """The agent that it happens to."""
    payload: bytes | None = None
    outcome: Outcome | None = None
    again: bool = False
    fault: str = ""
    """What goes wrong with an effect."""
    lost: bool = False
    twice: bool = False
    late_ns: int = 0
    after: str = ""
    """The key of what has to happen before."""


@dataclass(frozen=True, kw_only=True)
class Amended:
    """Another state or code."""

    envelope: Envelope
    """Says which; without a number."""
    after: EventRef
    """The event after which that is so."""


@dataclass(kw_only=True)
class Changes:
    """What all edits of a branch come to."""

    kept: int = -1
    """The last event, in the run order, that the branch shares with its parent."""
    by_key: dict[str, Change] = field(default_factory=dict)
    agents: set[str] = field(default_factory=set)
    """Agents that may be different from where the branch begins, whatever happens to them."""
    inserted: list[Envelope] = field(default_factory=list)
    amended: list[Amended] = field(default_factory=list)
    """Agents that are given another state."""
    codes: dict[str, Amended] = field(default_factory=dict)
    """By the type of agents, what other code they are given."""
    models: list[Model] = field(default_factory=list)
    """What is different about model calls."""
    names: list[str] = field(default_factory=list)
    """The events that are changed, one for each edit."""
    messages: list[str] = field(default_factory=list)
    """The ids of the messages that are changed, one for each edit; empty for an effect."""


class Resolver:
    """Finds in a record what edits are about.

    Args:
        run: The parent, open.
        order: Its events.
        program: Its program, as it is here: says which messages fit.
    """

    def __init__(self, run: Run, order: RunOrder, program: Program) -> None:
        self._run = run
        self._order = order
        self._program = program
        self._found = Changes()
        self._numbers: list[int] = []

    def resolve(self, edits: Iterable[Edit], at: Named | None) -> Changes:
        """Return what the edits come to.

        Args:
            edits: What is different.
            at: The event at which the branch begins: everything up to it is kept, and it, too,
                unless it is changed itself. The first one that is changed by default.

        Raises:
            UsageError: An edit is about something that is not there, or lies before `at`.
            UnknownEventError: There is no such event.
            InvalidMessageError: What it says does not fit the message: names the field.
        """
        begin = self._order.find(at) if at is not None else None
        for one in edits:
            self._add(one, begin)
        kept = begin.number if begin is not None else min(self._numbers, default=len(self._order))
        if begin is None or kept in self._numbers:
            kept -= 1
        early = [number for number in self._numbers if number <= kept]
        if early:
            raise _too_early(self._order.event(early[0]), self._order.event(kept))
        self._found.kept = kept
        return self._found

    def _add(self, one: Edit, begin: EventRef | None) -> None:
        if isinstance(one, Insert):
            self._found.inserted.append(self._new(one, begin))
            return
        if isinstance(one, Model):
            self._add_model(one, begin)
            return
        if isinstance(one, State | Code):
            self._amend(one, begin)
            return
        event = self._order.find(one.event) if one.event is not None else begin
        if event is None:
            raise UsageError(
                f"The edit {one.kind!r} names no event.",
                fix="Say what it changes, or where the branch begins: at='Writer/w1@118'.",
            )
        if isinstance(one, Fault) and one.how == CRASH:
            self._crash(event)
            return
        self._numbers.append(event.number)
        self._found.names.append(str(event))
        self._found.messages.append("")
        step = next(self._run.steps(event.address, start=event.step))
        if isinstance(one, Result | Ask | Fault) or (
            isinstance(one, Delay) and isinstance(step.event, _ENDS)
        ):
            self._strike(self._effect(event, step), event.address, one, None)
        elif not isinstance(step.event, Delivered) or step.event.envelope.kind not in _EDITABLE:
            raise _no_message(event, one.kind)
        else:
            envelope = step.event.envelope
            self._found.messages[-1] = envelope.id
            self._strike(key_of_envelope(envelope), event.address, one, envelope)

    def _crash(self, event: EventRef) -> None:
        """Let what an agent has under way after an event fail, if it may not be done again."""
        self._numbers.append(event.number + 1)
        self._found.names.append(f"after {event}")
        self._found.messages.append("")
        self._found.agents.add(event.address)
        for key, command in under_way(self._run, event).items():
            if not command.idempotent:
                change = self._found.by_key.setdefault(key, Change(address=event.address))
                change.outcome = Outcome(error=outcome_unknown(command))

    def _amend(self, one: State | Code, begin: EventRef | None) -> None:
        """Note another state or code, from after an event on."""
        event = self._order.find(one.event) if one.event is not None else begin
        if event is None:
            raise UsageError(
                f"The {one.kind} of {one.agent} is changed, and nothing says when.",
                fix="Say after which event: at='Writer/w1@118'; at=0 is the run's beginning.",
            )
        self._numbers.append(event.number + 1)
        self._found.names.append(f"after {event}")
        self._found.messages.append("")
        if isinstance(one, State):
            envelope = state_edit(self._program, self._order, event, one)
            self._found.amended.append(Amended(envelope=envelope, after=event))
            self._found.agents.add(one.agent)
        else:
            envelope = code_edit(self._program, one)
            self._found.codes[one.agent] = Amended(envelope=envelope, after=event)
            mine = (a for a in self._order.addresses if agent_type_of(a) == one.agent)
            self._found.agents.update(mine)

    def _add_model(self, one: Model, begin: EventRef | None) -> None:
        if begin is None:
            raise UsageError(
                "Model calls are changed, and nothing says from when on.",
                fix="Say after which event: at='Writer/w1@118'; at=0 is the run's beginning.",
            )
        self._found.models.append(one)
        self._found.names.append(f"after {begin}")
        self._found.messages.append("")

    def _strike(self, key: str, address: str, one: Edit, envelope: Envelope | None) -> None:
        change = self._found.by_key.setdefault(key, Change(address=address))
        if isinstance(one, Result):
            change.outcome = _outcome(one)
        elif isinstance(one, Ask):
            change.again = True
        elif isinstance(one, Fault):
            change.fault = one.how
        elif isinstance(one, Delay):
            change.late_ns += int(one.seconds * 1e9)
        elif isinstance(one, Drop):
            change.lost = True
        elif isinstance(one, Duplicate):
            if envelope is None or envelope.kind not in kinds.STARTS_TURN:
                raise UsageError(
                    f"{key} is an answer, which can't arrive twice.",
                    fix="Duplicate an ask or a tell.",
                )
            change.twice = True
        elif isinstance(one, Reorder) and envelope is not None:
            change.after = self._other(envelope, one)
        elif isinstance(one, Content) and envelope is not None:
            change.payload = self._payload(envelope, one)

    def _other(self, envelope: Envelope, one: Reorder) -> str:
        """Return the key of the message that is to come first."""
        event = self._order.find(one.after)
        step = next(self._run.steps(event.address, start=event.step))
        if not isinstance(step.event, Delivered) or event.address != envelope.dst:
            raise UsageError(
                f"{event} is no message to {envelope.dst}, after which another could come.",
                fix=f"Name an event at which {envelope.dst} was delivered a message.",
            )
        other = step.event.envelope
        if other.src == envelope.src:
            raise UsageError(
                f"{envelope.id} can't come after {other.id}: both are from {other.src}.",
                cause="Messages from one agent to another never overtake each other.",
                fix="Name messages of different senders.",
            )
        return key_of_envelope(other)

    # --- effects ----------------------------------------------------------------------------------

    def _effect(self, event: EventRef, step: Step) -> str:
        if isinstance(step.event, _ENDS):
            return effect_key(event.address, step.event.turn, step.event.n)
        begun = [each for each in step.commands if isinstance(each, StartEffect)]
        if len(begun) == 1:
            return effect_key(event.address, begun[0].turn, begun[0].n)
        raise UsageError(
            f"{event} is not the end of an effect, and {len(begun) or 'none'} began there.",
            cause="An effect is named by the event at which its result came.",
            fix=f"Find it with `agentmesh search {self._run.id} --kind effect`.",
        )

    # --- messages ---------------------------------------------------------------------------------

    def _payload(self, envelope: Envelope, one: Content) -> bytes:
        """Return the new payload, as its receiver will understand it."""
        before = json.loads(self._run.resolve(Delivered(0, envelope)).envelope.payload or b"null")
        value = one.value
        if isinstance(before, dict) and isinstance(value, dict) and not one.whole:
            value = {**before, **value}
        if envelope.kind == kinds.FAIL:
            raise UsageError(
                f"{envelope.id} says that an ask has failed; there is no message to edit.",
                fix="Edit what made it fail.",
            )
        spec, adapter = self._understood(envelope)
        return _checked(spec, envelope.type, adapter, value)

    def _understood(self, envelope: Envelope) -> tuple[HandlerSpec, "TypeAdapter[Any]"]:
        if envelope.kind in kinds.STARTS_TURN:
            spec = self._spec(envelope.dst, envelope.handler)
            return spec, self._adapter(spec, envelope.type)
        ask = self._ask(envelope)
        spec = self._spec(ask.dst, ask.handler)
        return spec, spec.signature.returns

    def _adapter(self, spec: HandlerSpec, name: str) -> "TypeAdapter[Any]":
        adapter = spec.signature.adapters.get(name)
        if adapter is None:
            takes = ", ".join(spec.signature.adapters) or "no message"
            raise InvalidMessageError(
                f"{spec.shown} takes {takes}, not {name or 'a message'}.",
                fix="Edit a message that carries something.",
            )
        return adapter

    def _ask(self, answer: Envelope) -> Sent:
        for step in self._run.steps(answer.dst, resolve=False):
            for command in step.commands:
                if isinstance(command, Sent) and command.n == answer.re:
                    return command
        raise UsageError(f"{answer.id} answers a message that the record does not have.")

    def _spec(self, address: str, handler: str) -> HandlerSpec:
        agent = self._program.find(agent_type_of(address))
        spec = agent.handlers.get(handler)
        if spec is None:
            raise UsageError(
                f"{agent.name} has no handler {handler!r}.",
                cause=f"It has: {', '.join(sorted(agent.handlers))}.",
                fix="Name one of these.",
            )
        return spec

    def _new(self, one: Insert, begin: EventRef | None) -> Envelope:
        if begin is None:
            raise UsageError(
                "A message is inserted, and nothing says when.",
                fix="Say after which event: at='Writer/w1@118'.",
            )
        if "/" not in one.to:
            raise UsageError(
                f"{one.to!r} is no agent's address.", fix="Write it as `Type/key`: Writer/w1."
            )
        self._found.names.append(f"after {begin}")
        self._found.messages.append("")
        spec = self._spec(one.to, one.handler)
        adapters = spec.signature.adapters
        if not adapters:
            return Envelope(CLIENT, 0, one.to, kinds.TELL, one.handler, "", b"null")
        problems: list[AgentMeshError] = []
        for name, adapter in adapters.items():
            try:
                payload = _checked(spec, name, adapter, one.value)
            except InvalidMessageError as error:
                problems.append(error)
            else:
                return Envelope(CLIENT, 0, one.to, kinds.TELL, one.handler, name, payload)
        raise problems[0]


def _checked(spec: HandlerSpec, name: str, adapter: "TypeAdapter[Any]", value: Any) -> bytes:
    try:
        decoded = messages.decode(json.dumps(value).encode(), adapter)
    except (ValidationError, ValueError) as error:
        detail = messages.problems(error) if isinstance(error, ValidationError) else str(error)
        raise InvalidMessageError(
            f"The edit does not fit {name or 'what'} of {spec.shown}: {detail}.",
            cause="A branch is checked like the program itself: no agent gets what could not "
            "have been sent to it.",
            fix="Correct the field, or drop the message instead.",
        ) from None
    return messages.encode(decoded, adapter)


def _outcome(one: Result) -> Outcome:
    if one.error:
        error = EffectError(one.error, cause="A branch was made in which it fails.")
        return Outcome(error=describe(error))
    return Outcome(result=json.dumps(one.value, separators=(",", ":")).encode())


def _too_early(edited: EventRef, kept: EventRef) -> UsageError:
    return UsageError(
        f"{edited} is changed, and the branch begins only after it, at {kept}.",
        cause="Everything up to where a branch begins is as it was.",
        fix=f"Begin earlier: at='{edited}', or leave it out.",
    )


def _no_message(event: EventRef, kind: str) -> UsageError:
    return UsageError(
        f"{event} is no message that could be changed ({kind}).",
        cause="Messages are named by the event at which they arrived.",
        fix="Find it with `agentmesh search RUN --kind message`; effects are changed by result().",
    )
