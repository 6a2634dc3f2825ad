"""What a handler can do besides asking: tell, publish, spawn, stop, and know the time.

Each verb works only inside a handler or workflow. Time and randomness are logical:
the same in a replay. The standard library answers with the same values there.
"""

import asyncio
import uuid as uuid_module
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, overload

from agentmesh.errors import DefinitionError, StateError
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import address
from agentmesh.sdk import message
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.agent import agent_type_of
from agentmesh.sdk.duration import NS_PER_SECOND, Duration, seconds_of
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import (
    KEY_DEFAULT,
    AgentRef,
    BoundHandler,
    check_key,
    current_cell,
    current_run,
    ref,
    type_name,
)
from agentmesh.sdk.supervision import Down, down_of

if TYPE_CHECKING:
    from agentmesh.sdk.behavior import AgentBehavior

I = TypeVar("I")  # noqa: E741 - an instance of the agent class
M = TypeVar("M", bound=Message)

LEVELS = ("debug", "info", "warning", "error")


class _Told:
    """What `tell` returns: awaited, it lets flow control act; ignored, it is nothing."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        cell = current_cell()
        if cell.crowded:
            yield from cell.pause().__await__()


_TOLD = _Told()


@overload
def tell(handler: Callable[[], object], /) -> Awaitable[None]: ...
@overload
def tell(handler: Callable[[M], object], msg: M, /) -> Awaitable[None]: ...
def tell(handler: Callable[..., object], msg: Message | None = None, /) -> Awaitable[None]:
    """Send a message without waiting for a reply.

    It is sent by the call; awaiting what it returns is for loops that send much. There
    `await am.tell(...)` makes a pause after every few hundred messages, so that what was sent
    leaves and whoever receives it can slow the loop down; it never waits for a reply.

    Args:
        handler: A handler of a reference: `am.tell(researcher.note, Note(...))`.
        msg: The message; none for a handler that takes none.

    Returns:
        What may be awaited, or left.
    """
    if not isinstance(handler, BoundHandler):
        raise DefinitionError(
            f"am.tell got {handler!r} instead of a handler of a reference.",
            fix='Write `am.tell(am.ref(Researcher, "r1").note, Note(...))`.',
        )
    cell = current_cell()
    cell.send(
        handler.address,
        kinds.TELL,
        handler=handler.spec.name,
        type_=type_name(msg),
        payload=handler.encode(msg),
        turn=cell.current(),
    )
    return _TOLD


def publish(topic: str, msg: Message, /, *, key: str = KEY_DEFAULT) -> int:
    """Send a message to every agent type that subscribed to a topic.

    Args:
        topic: The topic's name.
        msg: The message.
        key: Which instance of each subscribed type gets it.

    Returns:
        How many agents it was sent to.
    """
    check_key(key)
    found = current_run().program.subscribers(topic)
    if not found:
        log("published to a topic that nobody subscribed to", level="warning", topic=topic)
    for agent_type, spec in found:
        receiver = BoundHandler(address(agent_type.name, key), spec)
        tell(cast("Callable[[Message], object]", receiver), msg)
    return len(found)


def spawn(agent: type[I], key: str = KEY_DEFAULT, /, **state: object) -> I:
    """Start an agent with given state, before its first message.

    Args:
        agent: A class decorated with `@agent`.
        key: Which instance.
        state: Values of state attributes.

    Returns:
        A reference, as `ref` returns. An agent that lives already keeps its state.

    Raises:
        StateError: A value does not fit.
    """
    made = agent_type_of(agent)
    reference = ref(agent, key)
    if made.state is None:
        raise DefinitionError(
            f"{made.name} is a function and has no state to start with.", fix="Use am.ref()."
        )
    unknown = sorted(set(state) - set(made.state.hints))
    if unknown:
        raise StateError(
            f"Agent {made.name} has no attribute {', '.join(unknown)}; "
            f"it has: {', '.join(made.state.hints) or 'none'}.",
            fix="Declare it in the class, or correct the name.",
        )
    payload = made.state.encode(state)
    cell = current_cell()
    cell.send(address(made.name, key), kinds.SPAWN, payload=payload, turn=cell.current())
    return reference


def stop(agent: object, /) -> None:
    """Stop an agent when it has handled what is in its mailbox.

    Messages sent to it later are dead letters; who asks it gets `AgentStoppedError`.

    Args:
        agent: A reference.
    """
    if not isinstance(agent, AgentRef | BoundHandler):
        raise DefinitionError(f"am.stop got {agent!r} instead of a reference.", fix="Use am.ref().")
    cell = current_cell()
    cell.send(agent.address, kinds.STOP, turn=cell.current())


def continue_with(msg: Message | None = None, /) -> NoReturn:
    """End this turn here and let it go on, in the same handler, with a new message.

    For a loop without an end. A turn is recovered by repeating everything it did, so one
    that never ends makes recovery ever longer; this is where its past is let go. It never
    returns: the handler ends as if cancelled (tasks it started are ended, `finally` blocks
    run), and begins again with `msg`. Whoever asked goes on waiting, for the reply of the last
    one; items streamed so far stay streamed. Deadline and sender stay those of the first message.
    The agent's state is kept, local variables are not. Other messages that wait already
    come first.

    Args:
        msg: What the handler gets; none for a handler that takes none.

    Raises:
        DefinitionError: The handler does not take such a message.
        UsageError: Called in a task that the handler started.
    """
    cell = current_cell()
    behavior = cast("AgentBehavior", cell.behavior)
    spec = behavior.agent_type.handlers[cell.current().envelope.handler]
    check_message(spec, msg)
    cell.continue_turn(type_name(msg), b"null" if msg is None else message.encode(msg))


async def monitor(agent: object, /) -> Down:
    """Wait until an agent has stopped: asked to, by its supervision, or with the run.

    It waits through the agent's restarts. An agent that has stopped already ends it at once.
    The deadline of the waiting turn applies, and whoever stops waiting is forgotten there.

    Args:
        agent: A reference.

    Returns:
        How the agent stopped.
    """
    if not isinstance(agent, AgentRef | BoundHandler):
        raise DefinitionError(
            f"am.monitor got {agent!r} instead of a reference.", fix="Use am.ref()."
        )
    return down_of(await current_cell().monitor(agent.address).future)


async def sleep(duration: Duration, /) -> None:
    """Wait; costs nothing in a replay.

    Args:
        duration: Seconds, or a text such as `"10m"`. Zero lets others run first.
    """
    current_cell()
    await asyncio.sleep(seconds_of(duration) if duration else 0)


def now() -> datetime:
    """Return the logical time, in UTC."""
    return _utc(current_cell().loop.read_wall_ns())


def _utc(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1_000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def random() -> Random:
    """Return the turn's generator: seeded by the run, the agent and the message."""
    return current_cell().generator()


def uuid() -> uuid_module.UUID:
    """Return a random UUID (version 4) from the turn's generator."""
    return uuid_module.UUID(int=random().getrandbits(128), version=4)


def log(event: str, /, *, level: str = "info", **fields: object) -> None:
    """Write a line for people into the journal; `agentmesh log` shows it.

    Args:
        event: What happened.
        level: `debug`, `info`, `warning` or `error`.
        fields: Data; plain values.
    """
    if level not in LEVELS:
        raise DefinitionError(
            f"{level!r} is not a log level.", fix=f"Use one of {', '.join(LEVELS)}."
        )
    cell = current_cell()
    data = message.encode(fields, fallback=_by_type)
    cell.log(level, event, current_run().redactor.json(data))


def _by_type(value: object) -> str:
    """Show what JSON can't: `repr` would show where it lies in memory."""
    return f"<{type(value).__qualname__}>"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a handler may know of the message it handles."""

    run_id: str
    agent: str
    """Address of this agent."""
    key: str
    """The key part of the address."""
    message_id: str
    sender: str
    """Address of the sender; `@client` for the workflow, also when the turn was continued."""
    turn: int
    """Serial of the turn within the agent, from 1."""
    deadline: datetime | None
    """When the work is no longer wanted, in UTC."""
    remaining_seconds: float | None
    """Time left until the deadline; None without one."""


def context() -> Context:
    """Return what the running handler may know of its message."""
    cell = current_cell()
    turn = cell.current()
    due = turn.deadline
    return Context(
        run_id=current_run().run_id,
        agent=cell.address,
        key=kinds.key_of(cell.address),
        message_id=turn.envelope.id,
        sender=turn.envelope.sender,
        turn=turn.number,
        deadline=_utc(due) if due else None,
        remaining_seconds=(due - cell.now) / NS_PER_SECOND if due else None,
    )
