"""Typed references to agents, and asks.

`ref(Researcher, "r1")` is typed as a `Researcher`, so that a type checker
understands `await researcher.answer(question)`; at run time it is a proxy that
sends the message. The agent lives from its first message on.
"""

from asyncio import events
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast, overload

from pydantic import TypeAdapter, ValidationError

from agentmesh.errors import (
    DefinitionError,
    InvalidMessageError,
    NotInHandlerError,
    UnknownAgentError,
)
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope, address
from agentmesh.kernel.loop import AgentLoop
from agentmesh.sdk import message
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.agent import AgentType, HandlerSpec, agent_type_of
from agentmesh.sdk.message import Message
from agentmesh.sdk.program import RunContext

I = TypeVar("I")  # noqa: E741 - an instance of the agent class
F = TypeVar("F", bound=Callable[..., object])

KEY_DEFAULT = "main"


@overload
def ref(agent: type[I], key: str = KEY_DEFAULT) -> I: ...  # type: ignore[overload-overlap]
@overload
def ref(agent: F, key: str = KEY_DEFAULT) -> F: ...
def ref(agent: Any, key: str = KEY_DEFAULT) -> Any:
    """Return a reference to one agent.

    Args:
        agent: A class or function decorated with `@agent`.
        key: Which instance; it is started by its first message.

    Returns:
        Something with the agent's handlers as methods (for a function: the function
        itself), which send the message and wait for the reply.

    Raises:
        DefinitionError: `agent` is not decorated.
    """
    made = agent_type_of(agent)
    check_key(key)
    if made.state is None:
        spec = next(iter(made.handlers.values()))
        return BoundHandler(address(made.name, key), spec)
    return AgentRef(made, key)


def check_key(key: object) -> None:
    """Refuse keys that can't be part of an address."""
    if not isinstance(key, str) or not key or any(char in key for char in "#\x1f\n"):
        raise DefinitionError(
            f"{key!r} can't be an agent's key.",
            fix="Use a text that is not empty and has no '#', such as \"r1\" or an order's number.",
        )


class AgentRef:
    """A reference to one instance of an agent class."""

    __slots__ = ("_agent_type", "_bound", "address")

    def __init__(self, agent_type: AgentType, key: str) -> None:
        self._agent_type = agent_type
        self._bound: dict[str, BoundHandler] = {}
        self.address = address(agent_type.name, key)

    def __getattr__(self, name: str) -> "BoundHandler":
        if name.startswith("__") or name in AgentRef.__slots__:
            raise AttributeError(name)  # asked for by copy, pickle and the like
        bound = self._bound.get(name)
        if bound is None:
            spec = self._agent_type.handlers.get(name)
            if spec is None:
                raise _no_handler(self._agent_type, name)
            bound = self._bound[name] = BoundHandler(self.address, spec)
        return bound

    def __repr__(self) -> str:
        return f"ref({self.address})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentRef) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)


def _no_handler(agent_type: AgentType, name: str) -> AttributeError:
    known = ", ".join(sorted(agent_type.handlers))
    error = UnknownAgentError(
        f"Agent {agent_type.name} has no handler {name!r}; it has: {known}.",
        cause="Only methods with @am.handler can be reached from outside.",
        fix="Decorate the method, or ask a handler for what you need.",
    )
    return AttributeError(str(error))


class BoundHandler:
    """One handler of one agent: call it to ask, hand it to `tell` to send."""

    __slots__ = ("address", "spec")

    def __init__(self, address: str, spec: HandlerSpec) -> None:
        self.address = address
        self.spec = spec

    def __repr__(self) -> str:
        return f"ref({self.address}).{self.spec.name}"

    def __call__(self, msg: Message | None = None, /) -> object:
        """Ask: send the message and return what awaits the reply, or iterates the stream."""
        payload = self.encode(msg)
        if self.spec.signature.streaming:
            return self._stream(msg, payload)
        return self._ask(msg, payload)

    def encode(self, msg: Message | None) -> bytes:
        """Check a message against the handler and return its JSON."""
        check_message(self.spec, msg)
        return b"null" if msg is None else message.encode(msg)

    async def _ask(self, msg: Message | None, payload: bytes) -> object:
        pending = current_cell().ask(self.address, self.spec.name, type_name(msg), payload)
        return self._decode(await pending.future)

    async def _stream(self, msg: Message | None, payload: bytes) -> AsyncIterator[object]:
        pending = current_cell().ask(self.address, self.spec.name, type_name(msg), payload)
        try:
            while (piece := await pending.next_piece()) is not None:
                yield self._decode(piece)
        finally:
            pending.close()

    def _decode(self, answer: Envelope) -> object:
        signature = self.spec.signature
        adapter = signature.replies.get(answer.type, signature.returns)
        try:
            return message.decode(answer.payload, cast("TypeAdapter[object]", adapter))
        except (ValidationError, ValueError) as error:
            detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
            raise InvalidMessageError(
                f"{self.address} answered {self.spec.name} with something that is not "
                f"{signature.returns_text}: {detail}.",
                cause="Usually the two hosts run different versions of the program.",
                fix="Deploy the same code to all hosts of a run.",
            ) from None


def type_name(msg: Message | None) -> str:
    """Return the name under which a message's type travels."""
    return "" if msg is None else type(msg).__name__


def current_cell() -> Cell:
    """Return the cell whose handler runs.

    Raises:
        NotInHandlerError: No handler runs in this thread.
    """
    loop = events._get_running_loop()
    if isinstance(loop, AgentLoop):
        return cast("Cell", loop.owner)
    inside = "inside a tool" if loop is not None else "outside any run"
    raise NotInHandlerError(
        f"An agentmesh verb was used {inside}.",
        cause="Agents can be reached only from handlers and workflows, where what happens is "
        "journaled.",
        fix="Start a workflow with am.run(main, ...), or return the value from the tool and "
        "act on it in the handler.",
    )


def current_run() -> RunContext:
    """Return what the running handler may know of its run."""
    return cast("RunContext", current_cell().run)
