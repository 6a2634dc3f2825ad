"""What can be different in a branch: `am.edit.result(...)`, `am.edit.drop(...)` and so on.

Each names an event of the parent as everywhere else: `Writer/w1@118`, agent and step, or a number
of the run order. Where none is named, it is the event at which the branch begins. Edits are
plain data: whether there is such an event, and whether what is said fits it, shows when a branch
is made (`edits`).
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from agentmesh.causality.references import Named
from agentmesh.errors import UsageError
from agentmesh.sdk import message as messages
from agentmesh.sdk.agent import DEFINED
from agentmesh.sdk.duration import Duration, seconds_of
from agentmesh.sdk.message import Message
from agentmesh.simulation.faults import CRASH, FAIL, LIMITED, MALFORMED, STALE, TRUNCATE

FAULTS = (FAIL, LIMITED, TRUNCATE, MALFORMED, STALE, CRASH)
"""What can go wrong with an effect, or with an agent's process."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One thing that is different; made by the functions of this module."""

    kind: ClassVar[str] = ""
    event: Named | None = None
    """The event that is changed; None for the one at which the branch begins."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for `run.json`."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "event"}
        return {"edit": self.kind, "event": shown(self.event), **said}


@dataclass(frozen=True, kw_only=True)
class Result(Edit):
    """Another result of an effect, or its failure."""

    kind: ClassVar[str] = "result"
    value: Any = None
    """JSON value."""
    error: str = ""
    """What it fails with; empty for a result."""


@dataclass(frozen=True, kw_only=True)
class Ask(Edit):
    """An effect is asked for again, although its answer is on record."""

    kind: ClassVar[str] = "ask_again"


@dataclass(frozen=True, kw_only=True)
class Fault(Edit):
    """An effect that goes wrong."""

    kind: ClassVar[str] = "fault"
    how: str = ""
    """One of `FAULTS`."""


@dataclass(frozen=True, kw_only=True)
class Content(Edit):
    """Another content of a message or answer."""

    kind: ClassVar[str] = "message"
    value: Any = None
    """JSON value; of an object, the fields that differ."""
    whole: bool = False
    """Whether it is all of the message, and not only the fields that differ."""


@dataclass(frozen=True, kw_only=True)
class Drop(Edit):
    """A message that does not arrive."""

    kind: ClassVar[str] = "drop"


@dataclass(frozen=True, kw_only=True)
class Duplicate(Edit):
    """A message that arrives twice."""

    kind: ClassVar[str] = "duplicate"


@dataclass(frozen=True, kw_only=True)
class Delay(Edit):
    """A message or the end of an effect that comes later."""

    kind: ClassVar[str] = "delay"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reorder(Edit):
    """A message that comes only after another one."""

    kind: ClassVar[str] = "reorder"
    after: Named = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for `run.json`."""
        return {**super().as_json(), "after": shown(self.after)}


@dataclass(frozen=True, kw_only=True)
class Insert(Edit):
    """A message that nobody had sent."""

    kind: ClassVar[str] = "insert"
    to: str = ""
    handler: str = ""
    value: Any = None
    """JSON value of the message."""


@dataclass(frozen=True, kw_only=True)
class Model(Edit):
    """Another model, other parameters or another prompt, in the model calls that come later."""

    kind: ClassVar[str] = "model"
    parameters: Mapping[str, Any]
    """What the request says instead: `model`, `temperature` and so on."""
    replaced: Mapping[str, str]
    """Text of prompts, and what stands there instead."""
    agents: tuple[str, ...] = ()
    """Types or addresses of the agents whose calls are meant; all for none."""


@dataclass(frozen=True, kw_only=True)
class State(Edit):
    """Other values in the state of an agent, right after an event."""

    kind: ClassVar[str] = "state"
    agent: str = ""
    """Its address."""
    values: Mapping[str, Any]
    """Attributes that differ, as JSON values."""


@dataclass(frozen=True, kw_only=True)
class Code(Edit):
    """Another code for the agents of a type, from an event on."""

    kind: ClassVar[str] = "code"
    agent: str = ""
    """The type."""
    name: str = ""
    """The type whose code they have instead."""
    file: str = ""
    """Where that is, if not in the run's program."""

    @property
    def label(self) -> str:
        """What it is called in the record."""
        return f"{self.file}:{self.name}" if self.file else self.name


def result(value: Any, event: Named | None = None) -> Edit:
    """Let an effect have another result.

    Args:
        value: What the tool returns, or of a model call the recorded response; JSON, or a
            `Message`.
        event: The event at which the effect ended, or one at which a single effect began.
    """
    return Result(event=event, value=_plain(value))


def failure(text: str, event: Named | None = None) -> Edit:
    """Let an effect fail.

    Args:
        text: What the error says.
        event: The event at which the effect ended, or one at which a single effect began.
    """
    return Result(event=event, error=text or "It failed.")


def ask_again(event: Named | None = None) -> Edit:
    """Ask for an effect again, although the parent has its answer.

    Args:
        event: The event at which the effect ended, or one at which a single effect began.
    """
    return Ask(event=event)


def fault(how: str, event: Named | None = None) -> Edit:
    """Let an effect go wrong, as its provider or the network would; or an agent's process.

    Args:
        how: `fail` (an error of the server), `429` (too many requests), `truncate` (the connection
            closes before the answer is complete), `malformed` (the answer is cut, and looks
            complete) or `stale` (the answer to an earlier one of the same name). Or `crash`: right
            after the event, the process ends and the agent is restored: what it had under way
            fails with `OutcomeUnknownError` if it may not be done again.
        event: The event at which the effect ended, or one at which a single effect began.

    Raises:
        UsageError: There is no such fault.
    """
    if how not in FAULTS:
        raise UsageError(
            f"{how!r} is no fault of an effect.",
            fix=f"Use one of {', '.join(FAULTS)}; what is slow is `delay`.",
        )
    return Fault(event=event, how=how)


def message(
    value: Message | Mapping[str, Any] | Any, event: Named | None = None, *, whole: bool = False
) -> Edit:
    """Let a message, or the answer to one, say something else.

    Args:
        value: A message; or a mapping with the fields that differ; or the answer.
        event: The event at which it arrived.
        whole: Whether a mapping is all of it.
    """
    return Content(event=event, value=_plain(value), whole=whole or isinstance(value, Message))


def drop(event: Named | None = None) -> Edit:
    """Let a message get lost.

    Args:
        event: The event at which it arrived.
    """
    return Drop(event=event)


def duplicate(event: Named | None = None) -> Edit:
    """Let a message arrive twice: the second time, nobody waits for an answer.

    Args:
        event: The event at which it arrived.
    """
    return Duplicate(event=event)


def delay(by: Duration, event: Named | None = None) -> Edit:
    """Let a message, or the end of an effect, come later.

    Args:
        by: How much later: seconds, or as in `"5m"`.
        event: The event at which it came.
    """
    return Delay(event=event, seconds=seconds_of(by, what="delay"))


def reorder(event: Named, after: Named) -> Edit:
    """Let a message come only after another one of the same agent.

    Args:
        event: The event at which it arrived.
        after: The event that is to come first.
    """
    return Reorder(event=event, after=after)


def model(name: str = "", *, agents: Iterable[str] = (), **parameters: Any) -> Edit:
    """Let model calls that come later ask another model, or with other parameters.

    Args:
        name: The model; the one that was asked for by default.
        agents: Types or addresses of the agents that are meant; all for none.
        parameters: Of the request: `temperature=0`, say.
    """
    said = {"model": name, **parameters} if name else parameters
    return Model(parameters=_plain(said), replaced={}, agents=_names(agents))


def prompt(old: str, new: str, *, agents: Iterable[str] = ()) -> Edit:
    """Let the prompts of model calls that come later say something else.

    Args:
        old: A part of their text.
        new: What stands there instead.
        agents: Types or addresses of the agents that are meant; all for none.

    Raises:
        UsageError: There is no part to replace.
    """
    if not old:
        raise UsageError("A part of a prompt is replaced, and it is empty.", fix="Say which part.")
    return Model(parameters={}, replaced={old: new}, agents=_names(agents))


def state(
    agent: str, values: Mapping[str, Any] | None = None, event: Named | None = None, **more: Any
) -> Edit:
    """Let an agent's state have other values, right after an event.

    Handlers that are under way see them, too. The state is what it is for everybody who looks at
    the branch: the change is an event of its own there.

    Args:
        agent: Its address, `Type/key`.
        values: Attributes, and what they are instead.
        event: The event; the one at which the branch begins by default.
        more: Attributes, too.
    """
    return State(event=event, agent=agent, values=_plain({**(values or {}), **more}))


def code(agent: str, other: str | Path | type, event: Named | None = None) -> Edit:
    """Let all agents of a type have another code, from an event on.

    Each changes when no turn of its is open, and keeps the values of the attributes that the
    other code knows.

    Args:
        agent: The type: its name.
        other: What it is instead: an agent class, the name of one in the run's program, or a
            Python file with one: `fixed.py` for the same name, or `fixed.py:Name`.
        event: The event; the one at which the branch begins by default.

    Raises:
        UsageError: The class is no agent.
    """
    if isinstance(other, type):
        made = next((one for one in DEFINED if one.target is other), None)
        if made is None:
            raise UsageError(
                f"{other.__name__} is no agent.", fix="Decorate the class with @am.agent."
            )
        file = inspect.getsourcefile(other) or ""
        return Code(event=event, agent=agent, name=made.name, file=file)
    path, colon, name = str(other).rpartition(":")
    if not colon:
        path, name = (name, agent) if name.endswith(".py") else ("", name)
    elif not path.endswith(".py"):
        path, name = f"{path}:{name}", agent
    file = str(Path(path).absolute()) if path else ""
    return Code(event=event, agent=agent, name=name, file=file)


def insert(to: str, handler: str, value: Message | Mapping[str, Any] | None = None) -> Edit:
    """Tell an agent something that nobody had told it, at the event at which the branch begins.

    Args:
        to: Its address, `Type/key`.
        handler: The name of its handler.
        value: The message.
    """
    return Insert(to=to, handler=handler, value=_plain(value))


def _names(agents: Iterable[str]) -> tuple[str, ...]:
    return (agents,) if isinstance(agents, str) else tuple(agents)


def shown(named: Named | None) -> str:
    """Return an event's name as it is written."""
    if named is None:
        return ""
    return f"{named[0]}@{named[1]}" if isinstance(named, tuple) else str(named)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises:
        UsageError: It can't be written as JSON.
    """
    import json

    try:
        return json.loads(messages.encode(value))
    except ValueError as error:
        raise UsageError(
            f"An edit got {type(value).__name__}, which can't be written as JSON: {error}.",
            cause="What a branch changes is kept in its record.",
            fix="Give a message, or plain values.",
        ) from None
