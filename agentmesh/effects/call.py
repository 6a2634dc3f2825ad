"""`effect(fn, ...)`: any function as a recorded effect, without a decorator."""

import functools
import inspect
import typing
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from agentmesh.effects import attempts, failures, recorded, tool_scope
from agentmesh.effects.attempts import Call, Emit, Policy
from agentmesh.effects.tool_scope import ToolContext
from agentmesh.effects.tools import context_of, spec_of
from agentmesh.errors import DefinitionError, EffectError, ToolArgumentsError
from agentmesh.kernel.cell import Cell
from agentmesh.sdk import message
from agentmesh.sdk.signature import adapter_of, name_of

KIND = "call"

P = ParamSpec("P")
R = TypeVar("R")


@overload
async def effect(
    fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
) -> R: ...
@overload
async def effect(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
async def effect(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call any function outside the handler and record its result.

    An asynchronous function runs on the host's own loop, any other in a thread.

    Args:
        fn: A named function; its return annotation says how the result is read back,
            without one it must be plain JSON values.
        args: Arguments that can be written as JSON.
        kwargs: Likewise.

    Returns:
        What the function returned, as it is in the journal.

    Raises:
        ToolArgumentsError: An argument can't be written as JSON.
        DefinitionError: The function can't be recorded: a lambda, a method of the agent.
        Exception: What the function raised; builtin exceptions keep their type.
    """
    cell = recorded.cell_here()
    if cell is None or spec_of(fn) is not None:  # outside handlers, or a tool: records itself
        return await _run_plainly(fn, args, kwargs)
    name = _name_of(fn)
    _refuse_own_methods(fn, cell)
    return await _recorded(cell, fn, name, args, kwargs)


async def _run_plainly(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    if spec_of(fn) is not None:
        return await fn(*args, **kwargs)
    name = getattr(fn, "__qualname__", type(fn).__qualname__)
    token = tool_scope.enter(tool_scope.outside_any_run(name))
    try:
        return await Call(what=lambda: name, function=fn, args=args, kwargs=kwargs).run()
    finally:
        tool_scope.leave(token)


async def _recorded(
    cell: Cell, fn: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    returns, declared = _returns(fn, name)
    arguments = _encoded(fn, name, args, kwargs)

    def shown() -> str:
        return f"Function {failures.summary(name, recorded.run_of(cell).redactor.json(arguments))}"

    call = Call(what=shown, function=fn, args=args, kwargs=kwargs)

    def gather() -> ToolContext:
        return context_of(cell, name, pending)

    async def perform(emit: Emit) -> bytes:
        result = await attempts.perform(call, _ONCE, gather, emit)
        return _encode_result(name, result, returns, declared)

    request = recorded.object_of({"function": recorded.encode_text(name), "arguments": arguments})
    pending = recorded.issue(cell, KIND, name, request, perform)
    return message.decode(await pending, returns or _ANY)


def _name_of(fn: Callable[..., Any]) -> str:
    plain: Any = fn
    while isinstance(plain, functools.partial):
        plain = plain.func
    if not callable(plain):
        raise DefinitionError(
            f"am.effect got {fn!r} instead of a function.",
            fix="Hand over the function and its arguments: `await am.effect(read_file, path)`.",
        )
    name = str(getattr(plain, "__qualname__", type(plain).__qualname__))
    if name.endswith("<lambda>"):
        raise DefinitionError(
            "am.effect got a lambda, which has no name that a record could tell it by.",
            fix="Write `def` with a name, and hand over its arguments: "
            "`await am.effect(read_file, path)`.",
        )
    return name


def _refuse_own_methods(fn: Callable[..., Any], cell: Cell) -> None:
    owner = getattr(fn, "__self__", None)
    if owner is not None and owner is cell.instance:
        raise DefinitionError(
            f"am.effect got the agent's own method {fn.__qualname__}.",
            cause="It would change the agent's state outside of the handler, where nothing is "
            "recorded.",
            fix="Write a plain function that takes what it needs and returns what changes.",
        )


def _encoded(
    fn: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bytes:
    """Return the arguments' JSON: by name where the signature can be read, else by position."""
    while isinstance(fn, functools.partial):
        args, kwargs = (*fn.args, *args), {**fn.keywords, **kwargs}
        fn = fn.func
    try:
        bound = inspect.signature(fn).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ToolArgumentsError(
            f"am.effect({name}, ...) got arguments that do not fit: {error}.",
            fix="Hand over what the function takes.",
        ) from None
    except ValueError:  # a builtin without a signature
        bound = {**{str(i): value for i, value in enumerate(args)}, **kwargs}
    return recorded.object_of({key: _encode_one(name, key, bound[key]) for key in bound})


def _encode_one(name: str, parameter: str, value: object) -> bytes:
    try:
        return recorded.canonical(value)
    except (ValueError, TypeError):
        raise ToolArgumentsError(
            f"am.effect({name}, ...) got {type(value).__name__} for {parameter!r}, which can't be "
            "written as JSON.",
            cause="Arguments are recorded, so that a replay can tell calls apart.",
            fix="Hand over plain values, and make clients and connections inside the function.",
        ) from None


def _returns(fn: Callable[..., Any], name: str) -> tuple[TypeAdapter[object] | None, str]:
    """Return how to write the result, and the annotation; None without a usable one."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except (NameError, TypeError):
        return None, ""
    hint = hints.get("return", typing.Any)
    if hint is typing.Any or isinstance(hint, TypeVar):
        return None, ""
    shown = f"The return type of {name}, given to am.effect,"
    return adapter_of(hint, shown), name_of(hint)


def _encode_result(
    name: str, result: object, returns: TypeAdapter[object] | None, declared: str
) -> bytes:
    try:
        if returns is not None:
            return recorded.canonical(returns.validate_python(result), returns)
        _check_plain(result)
        return recorded.canonical(result)
    except (ValidationError, ValueError, TypeError) as error:
        detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
        against = f", but declares `-> {declared}`" if declared else ""
        raise EffectError(
            f"{name} returned {type(result).__name__}{against}: {detail}.",
            cause="The result is journaled as JSON, and read back in a replay.",
            fix="Return what the annotation says; without one, plain values such as str and dict.",
        ) from None


def _check_plain(value: object) -> None:
    """Refuse what would come back from JSON as something else."""
    if isinstance(value, recorded.JSON_SCALARS):
        return
    if isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for item in value.values():
            _check_plain(item)
    else:
        shown = type(value).__name__
        message_ = f"without an annotation {shown} would not come back from JSON as it was"
        raise TypeError(message_)


_ONCE = Policy()
_ANY: TypeAdapter[object] = TypeAdapter(typing.Any)
