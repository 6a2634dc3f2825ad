"""An agent type as the kernel sees it: decode the message, run the handler, encode the reply."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from pydantic import ValidationError

from agentmesh.errors import InvalidMessageError, UnknownAgentError
from agentmesh.kernel.behavior import Reply
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import STATE, Envelope
from agentmesh.kernel.turn import Turn
from agentmesh.sdk import message
from agentmesh.sdk.accepting import accepted
from agentmesh.sdk.agent import AgentType, HandlerSpec
from agentmesh.sdk.message import Message
from agentmesh.sdk.opaque import run_opaque
from agentmesh.sdk.program import RunContext

_NO_REPLY: Reply = ("", b"null")


class AgentBehavior:
    """Implements the kernel's `Behavior` for one agent type."""

    __slots__ = (
        *("_handlers", "agent_type", "concurrency", "is_other", "mailbox", "overflow"),
        "supervision",
    )

    def __init__(self, agent_type: AgentType) -> None:
        self.agent_type = agent_type
        self.concurrency = agent_type.concurrency
        self.mailbox = agent_type.mailbox
        self.overflow: str = agent_type.overflow
        self.supervision = agent_type.policy
        self._handlers = agent_type.handlers
        self.is_other = False
        """Whether it is another code than the agent was recorded with: see `amended`."""

    def create(self, state: bytes) -> object:
        """Make an instance; None for an agent that is a function."""
        schema = self.agent_type.state
        if schema is None:
            return None
        assert isinstance(self.agent_type.target, type)
        return schema.create(self.agent_type.target, state)

    def dump(self, instance: object) -> bytes:
        """Return the JSON of an instance's state.

        Raises:
            StateError: A value does not fit its annotation.
        """
        schema = self.agent_type.state
        return b"" if schema is None else schema.dump(instance)

    def amended(
        self, run: object, instance: object, envelope: Envelope
    ) -> "tuple[AgentBehavior, object]":
        """Return what an agent is with other values in its state, or with another code.

        Another code has the values of all attributes that it knows, and its own defaults.

        Raises:
            StateError: The values do not fit.
            UnknownAgentError: Nobody has that code here.
        """
        schema = self.agent_type.state
        if envelope.type == STATE:
            if schema is not None:
                schema.amend(instance, envelope.payload)
            return self, instance
        behavior = AgentBehavior(cast("RunContext", run).code_named(envelope.handler))
        behavior.is_other = True
        known = behavior.agent_type.state
        if schema is None or known is None:
            return behavior, behavior.create(b"")
        values = {name: getattr(instance, name) for name in schema.hints if name in known.hints}
        return behavior, behavior.create(schema.encode(values))

    def root(self, run: object) -> str:
        """Return the address of the run's workflow."""
        return cast("RunContext", run).root

    def reentrant(self, envelope: Envelope) -> bool:
        """Tell whether the message's handler may interleave with the turn that waits for it."""
        spec = self._handlers.get(envelope.handler)
        return spec is not None and spec.options.reentrant

    async def run(self, cell: Cell, turn: Turn) -> Reply:
        """Handle one message.

        Raises:
            UnknownAgentError: The type has no such handler.
            InvalidMessageError: The payload does not fit the handler's hints.
        """
        envelope = turn.envelope
        spec = self._handlers.get(envelope.handler)
        if spec is None:
            raise self._unknown(envelope)
        arguments = self._arguments(spec, envelope, cell.instance)
        if spec.options.opaque:
            return await run_opaque(
                self.agent_type, spec, cell, envelope, arguments, encode=_encode_reply
            )
        if spec.signature.streaming:
            return await _run_stream(spec, cell, turn, arguments)
        handling: Any = spec.function(*arguments)
        return _encode_reply(spec, await handling)

    def _arguments(
        self, spec: HandlerSpec, envelope: Envelope, instance: object
    ) -> tuple[object, ...]:
        if not spec.signature.accepts:
            return (instance,) if spec.method else ()
        adapter = spec.signature.adapters.get(envelope.type)
        if adapter is None:
            raise InvalidMessageError(
                f"{spec.shown} got a {envelope.type or 'message without type'} from "
                f"{envelope.src}; it takes {accepted(spec)}.",
                cause="Usually sender and receiver run different versions of the program.",
                fix="Deploy the same code to all hosts of a run.",
            )
        try:
            decoded = message.decode(envelope.payload, adapter)
        except (ValidationError, ValueError) as error:
            detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
            raise InvalidMessageError(
                f"{spec.shown} got an invalid {envelope.type} from {envelope.src}: {detail}.",
                fix="Correct the sender, or the message's fields.",
            ) from None
        return (instance, decoded) if spec.method else (decoded,)

    def _unknown(self, envelope: Envelope) -> UnknownAgentError:
        known = ", ".join(sorted(self._handlers))
        return UnknownAgentError(
            f"Agent {self.agent_type.name} has no handler {envelope.handler!r}; it has: {known}.",
            cause="Usually the method lacks @am.handler, or the sender runs other code.",
            fix="Decorate the method, or correct the name.",
        )


def _encode_reply(spec: HandlerSpec, result: object) -> Reply:
    signature = spec.signature
    if result is None and signature.returns_text == "None":
        return _NO_REPLY
    name = type(result).__name__
    if type(result) in signature.gives:
        return name, message.encode(result)
    if isinstance(result, Message) and signature.gives:
        raise _bad_reply(spec, name, "subclasses and other messages do not count")
    try:
        checked = signature.returns.validate_python(result)
        return type(checked).__name__, message.encode(checked, signature.returns)
    except (ValidationError, ValueError, TypeError) as error:
        detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
        raise _bad_reply(spec, name, detail) from None


def _bad_reply(spec: HandlerSpec, name: str, detail: str) -> InvalidMessageError:
    return InvalidMessageError(
        f"{spec.shown} returned {name}, but declares `-> {spec.signature.returns_text}`: {detail}.",
        fix="Return what the hint says, or correct the hint.",
    )


async def _run_stream(
    spec: HandlerSpec, cell: Cell, turn: Turn, arguments: tuple[object, ...]
) -> Reply:
    items = cast("AsyncGenerator[object, None]", spec.function(*arguments))
    async with aclosing(items):
        async for item in items:
            cell.send_chunk(turn, *_encode_reply(spec, item))
            if cell.crowded:
                await cell.pause()
    return _NO_REPLY
