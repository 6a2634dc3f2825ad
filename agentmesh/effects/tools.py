"""`@tool`: a function that does I/O, recorded when a handler calls it.

The decorator returns an asynchronous function with the same signature, so that type
checkers, and frameworks that take functions as tools, see an ordinary one. Called
inside a handler it issues an effect; anywhere else it just runs the function.
"""

import functools
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from agentmesh.effects import attempts, failures, recorded, tool_scope, tool_signature
from agentmesh.effects.attempts import Call, Emit, Policy
from agentmesh.effects.tool_scope import ToolContext
from agentmesh.effects.tool_signature import ToolSignature
from agentmesh.errors import DefinitionError
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.pending import Pending
from agentmesh.sdk import message
from agentmesh.sdk.duration import NS_PER_SECOND, Duration, seconds_of

KIND = "tool"
MARK = "__agentmesh_tool__"

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """Everything agentmesh knows of one tool."""

    name: str
    function: Callable[..., Any]
    """As the user wrote it."""
    signature: ToolSignature
    policy: Policy
    idempotent: bool
    asynchronous: bool
    """Whether calling the function makes a coroutine."""

    @functools.cached_property
    def request(self) -> tuple[bytes, bytes]:
        """What stands before and after the arguments' JSON in the canonical request."""
        parts = {"tool": recorded.encode_name(self.name), "arguments": b""}
        if not self.idempotent:
            parts["idempotent"] = b"false"
        before, between, after = recorded.object_of(parts).rpartition(b'"arguments":')
        return before + between, after


class Tool(Protocol[P, R_co]):
    """A decorated function: call it and await the result."""

    name: str
    schema: dict[str, Any]
    """What a model is told: `name`, `description`, and `parameters` as JSON schema."""
    function: Callable[..., Any]
    """The function as written, for code that wants it without agentmesh."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Call the tool."""
        ...


class ToolDecorator(Protocol):
    """What `@tool(...)` with options returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Tool[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(function: Callable[P, Coroutine[Any, Any, R]], /) -> Tool[P, R]: ...
@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    timeout: Duration | None = None,
    retries: int = 0,
    idempotent: bool = True,
    name: str | None = None,
) -> ToolDecorator: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    timeout: Duration | None = None,
    retries: int = 0,
    idempotent: bool = True,
    name: str | None = None,
) -> Any:
    """Declare a function as a tool: any I/O, run outside the handler, its result recorded.

    An asynchronous function runs on the host's own loop, any other in a thread. Its
    type hints validate arguments and result; its docstring tells a model what it is for.

    Args:
        function: The function.
        timeout: For each attempt: seconds, or a text such as `"20s"`. Without one only the
            deadline of the turn ends it. A thread can't be stopped: it is left behind.
        retries: Attempts after the first, with exponential backoff and jitter. Errors of
            usage are not repeated.
        idempotent: Whether doing it twice does no harm. If not, it can't have retries; and if
            its host dies while it is under way it is not done again: the handler gets
            `OutcomeUnknownError`.
        name: Name of the tool; the function's name by default.

    Raises:
        DefinitionError: It can't work as a tool; the message shows the fix.
    """
    namespace = sys._getframe(1).f_locals

    def define(function: Callable[..., Any]) -> Any:
        return _define(function, name, timeout, retries, namespace, idempotent=idempotent)

    return define if function is None else define(function)


def _define(
    function: Callable[..., Any],
    name: str | None,
    timeout: Duration | None,
    retries: int,
    namespace: Mapping[str, object],
    *,
    idempotent: bool,
) -> Any:
    if isinstance(function, staticmethod | classmethod | type) or not hasattr(function, "__code__"):
        raise DefinitionError(
            f"@am.tool got {function!r} instead of a function.",
            cause="The decorator stands above a `def` or an `async def`, under a @staticmethod.",
            fix="Write a plain function, and call what you want to wrap in it.",
        )
    shown = name or function.__name__
    _check_options(shown, retries, idempotent=idempotent)
    spec = ToolSpec(
        name=shown,
        function=function,
        signature=tool_signature.read(function, shown, namespace),
        policy=Policy(
            timeout_seconds=None if timeout is None else seconds_of(timeout, what="timeout"),
            retries=retries,
        ),
        idempotent=idempotent,
        asynchronous=attempts.is_async(function),
    )

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> object:
        cell = recorded.cell_here()
        if cell is None:
            return await run_plainly(spec, args, kwargs)
        return await call_recorded(cell, spec, spec.signature.bind(args, kwargs))

    made = cast("Any", call)
    setattr(made, MARK, spec)
    made.name, made.function = shown, function
    made.schema = {
        "name": shown,
        "description": tool_signature.description(function),
        "parameters": spec.signature.schema,
    }
    return made


def _check_options(name: str, retries: int, *, idempotent: bool) -> None:
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} can't be a tool's name.",
            cause="Models know tools by at most 64 letters, digits, dashes and underscores.",
            fix='Give it one: `@am.tool(name="search")`.',
        )
    if not isinstance(retries, int) or retries < 0:
        raise DefinitionError(
            f"Tool {name} has retries={retries!r}.", fix="Give a whole number from 0."
        )
    if retries and not idempotent:
        raise DefinitionError(
            f"Tool {name} has retries={retries} and is not idempotent.",
            cause="An attempt that failed, or took too long, may have done its work all the same.",
            fix="Leave the retries out; or hand am.idempotency_key() to the other side, which then "
            "does it once, and leave idempotent=False out.",
        )


async def run_plainly(
    spec: ToolSpec, args: tuple[object, ...], kwargs: dict[str, object]
) -> object:
    """Just run a tool: one attempt, nothing recorded."""
    token = tool_scope.enter(tool_scope.outside_any_run(spec.name))
    try:
        call = Call(what=lambda: spec.name, function=spec.function, args=args, kwargs=kwargs)
        return await call.run()
    finally:
        tool_scope.leave(token)


async def call_recorded(cell: Cell, spec: ToolSpec, arguments: dict[str, object]) -> object:
    """Issue a call of a tool as an effect of the current turn and return its result.

    Args:
        cell: The cell whose handler runs.
        spec: The tool.
        arguments: Checked, by name.
    """
    signature = spec.signature
    encoded = signature.encode(arguments)

    def shown() -> str:
        return f"Tool {failures.summary(spec.name, recorded.run_of(cell).redactor.json(encoded))}"

    def gather() -> ToolContext:
        return context_of(cell, spec.name, pending)

    async def perform(emit: Emit) -> bytes:
        call = Call(
            what=shown,
            function=spec.function,
            args=(),
            kwargs=arguments,
            asynchronous=spec.asynchronous,
        )
        return signature.encode_result(await attempts.perform(call, spec.policy, gather, emit))

    before, after = spec.request
    request = before + encoded + after
    pending = recorded.issue(cell, KIND, spec.name, request, perform, idempotent=spec.idempotent)
    return message.decode(await pending, signature.returns)


def context_of(cell: Cell, tool: str, effect: Pending[bytes]) -> ToolContext:
    """Return what a tool may know of a call that a cell issued.

    Args:
        cell: Which agent.
        tool: Name of the tool or function.
        effect: The call.
    """
    deadline = effect.turn.deadline
    return ToolContext(
        tool=tool,
        key=effect.key,
        idempotency_key=recorded.idempotency_key_of(cell, effect),
        run_id=recorded.run_of(cell).run_id,
        agent=cell.address,
        deadline=datetime.fromtimestamp(deadline / NS_PER_SECOND, UTC) if deadline else None,
    )


def spec_of(function: object) -> ToolSpec | None:
    """Return what is known of a tool; None if it is none."""
    return cast("ToolSpec | None", getattr(function, MARK, None))


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
