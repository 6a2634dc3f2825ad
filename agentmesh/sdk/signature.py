"""What a handler's type hints mean, checked when the module is imported.

`async def answer(self, question: Question) -> Answer` declares routing, validation
and schema at once. A signature that can't work fails here, with the fix.
"""

import inspect
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticUserError

from agentmesh.errors import DefinitionError
from agentmesh.sdk.message import Message

_STREAMS = (AsyncIterator, AsyncGenerator, AsyncIterable)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a handler takes and gives."""

    accepts: tuple[type[Message], ...]
    """Message types of its one parameter; empty when it takes none."""
    adapters: Mapping[str, TypeAdapter[Message]]
    """How to decode each accepted type, by type name."""
    returns: TypeAdapter[object]
    """How to encode and decode the reply, or one item of a stream."""
    returns_text: str
    """The return type as people write it."""
    gives: tuple[type[Message], ...]
    """Message types it may return or yield; empty if there is anything else among them."""
    replies: Mapping[str, TypeAdapter[Message]]
    """How to decode each of those, by type name."""
    streaming: bool
    """Whether it is an asynchronous generator."""


def where(function: Callable[..., object]) -> str:
    """Say where a function is defined: `file:line`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


def read(
    function: Callable[..., object], what: str, namespace: Mapping[str, object], *, method: bool
) -> Signature:
    """Read a handler's signature.

    Args:
        function: The handler as the user wrote it.
        what: How errors call it, such as `Researcher.answer`.
        namespace: Local names visible where it is defined.
        method: Whether its first parameter is `self`.

    Raises:
        DefinitionError: It can't work as a handler.
    """
    if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
        raise DefinitionError(
            f"{what} ({where(function)}) is not asynchronous.",
            fix=f"Write `async def {_name(function)}(...)`; blocking work goes into an @am.tool.",
        )
    hints = hints_of(function, what, namespace)
    accepts = _accepts(function, what, hints, method=method)
    streaming = inspect.isasyncgenfunction(function)
    returns = _returns(function, what, hints, streaming=streaming)
    return Signature(
        accepts=accepts,
        adapters={cls.__name__: TypeAdapter(cls) for cls in accepts},
        returns=adapter_of(returns, f"the return type of {what} ({where(function)})"),
        returns_text=name_of(returns),
        gives=_messages(returns),
        replies={cls.__name__: TypeAdapter(cls) for cls in _messages(returns)},
        streaming=streaming,
    )


def hints_of(
    function: Callable[..., object], what: str, namespace: Mapping[str, object]
) -> dict[str, object]:
    """Resolve a function's type hints.

    Raises:
        DefinitionError: A hint names something that does not exist.
    """
    try:
        return typing.get_type_hints(function, localns=dict(namespace), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"A type hint of {what} ({where(function)}) names {error.name!r}, which is unknown.",
            cause="Usually a missing import, or one under `if TYPE_CHECKING:`.",
            fix=f"Import {error.name!r} at run time: hints are routing and validation here.",
        ) from error
    except (AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"A type hint of {what} ({where(function)}) can't be read: {error}.",
            fix="Correct the hint: hints are routing and validation here.",
        ) from error


def _accepts(
    function: Callable[..., object], what: str, hints: Mapping[str, object], *, method: bool
) -> tuple[type[Message], ...]:
    parameters = list(inspect.signature(function).parameters.values())
    if method:
        if not parameters or _is_message(hints.get(parameters[0].name)):
            raise DefinitionError(
                f"{what} ({where(function)}) does not take `self`.",
                fix=f"Write `async def {_name(function)}(self, ...)`.",
            )
        parameters = parameters[1:]
    if not parameters:
        return ()
    if len(parameters) > 1 or parameters[0].kind not in _POSITIONAL:
        shown = inspect.Signature(parameters)
        raise DefinitionError(
            f"{what} ({where(function)}) takes {shown}; a handler takes one message.",
            fix="Put the values into one class: `class Request(am.Message): ...`.",
        )
    hint = hints.get(parameters[0].name)
    if hint is None:
        raise DefinitionError(
            f"The parameter {parameters[0].name!r} of {what} ({where(function)}) has no type hint.",
            cause="The hint decides which messages reach the handler.",
            fix=f"Write `{parameters[0].name}: SomeMessage`, a subclass of am.Message.",
        )
    if parameters[0].default is not inspect.Parameter.empty:
        raise DefinitionError(
            f"{what} ({where(function)}) has a default for {parameters[0].name!r}.",
            cause="Every message is sent: nobody would leave it out.",
            fix="Remove the default; give the message's fields defaults instead.",
        )
    return _message_types(hint, function, what)


def _message_types(
    hint: object, function: Callable[..., object], what: str
) -> tuple[type[Message], ...]:
    options = _options(hint)
    for option in options:
        if not _is_message(option):
            raise DefinitionError(
                f"{what} ({where(function)}) takes {name_of(option)}, which is not a message.",
                cause="What agents send each other is validated and journaled as a pydantic model.",
                fix=f"Write `class {_camel(_name(function))}Request(am.Message)` "
                "with the fields you need, and take that.",
            )
    names = [name_of(option) for option in options]
    if len({*names}) < len(names):
        raise DefinitionError(
            f"{what} ({where(function)}) takes two messages that are both called {names[0]}.",
            cause="Messages travel by name.",
            fix="Give one of them another name.",
        )
    return typing.cast("tuple[type[Message], ...]", options)


def _returns(
    function: Callable[..., object], what: str, hints: Mapping[str, object], *, streaming: bool
) -> object:
    if "return" not in hints:
        raise DefinitionError(
            f"{what} ({where(function)}) does not say what it returns.",
            cause="The reply is validated at both ends by its type.",
            fix="Add `-> Answer`, or `-> None` if there is no reply.",
        )
    hint = hints["return"]
    stream = typing.get_origin(hint) or hint
    if hint is Message or (not streaming and stream in _STREAMS):
        why = "which has no fields" if hint is Message else "but does not yield"
        raise DefinitionError(
            f"{what} ({where(function)}) is declared to return {name_of(hint)}, {why}.",
            fix="Write the type of what it returns; a stream is an `async def` that yields.",
        )
    if not streaming:
        return hint
    if stream not in _STREAMS or not typing.get_args(hint):
        raise DefinitionError(
            f"{what} ({where(function)}) yields, but is declared to return {name_of(hint)}.",
            fix="Write `-> AsyncIterator[Item]` with the type of what it yields.",
        )
    return typing.get_args(hint)[0]


def adapter_of(hint: object, what: str) -> TypeAdapter[object]:
    """Make the adapter that writes and reads values of a type.

    Raises:
        DefinitionError: pydantic can't.
    """
    try:
        adapter = _adapter(typing.cast("type[object]", hint))
        # A callable validates, but only at run time it would turn out not to be data.
        adapter.json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise DefinitionError(
            f"{what} is {name_of(hint)}, which can't be written as JSON.",
            cause="What leaves a handler, and its agent's state, is stored as JSON by pydantic.",
            fix="Use plain types, dataclasses or pydantic models; keep clients and connections "
            "out.",
        ) from error
    return adapter


def _adapter(hint: type[object]) -> TypeAdapter[object]:
    try:
        # As in messages: JSON has no word for infinity.
        return TypeAdapter(hint, config=ConfigDict(ser_json_inf_nan="strings"))
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(hint)  # a model, which has a configuration of its own


def name_of(hint: object) -> str:
    """Return a type as people write it."""
    options = _options(hint)
    if len(options) > 1:
        return " | ".join(map(name_of, options))
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return name_of(arguments[0])
    if isinstance(origin, type) and arguments:
        inside = ("..." if each is ... else name_of(each) for each in arguments)
        return f"{origin.__name__}[{', '.join(inside)}]"
    return str(hint).replace("typing.", "")


def _name(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", "handle"))


def _camel(name: str) -> str:
    return name.title().replace("_", "")


def _options(hint: object) -> tuple[object, ...]:
    """Return the members of a union; of anything else, itself."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _is_message(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Message) and hint is not Message


def _messages(hint: object) -> tuple[type[Message], ...]:
    """Return the messages that a handler may return, if it returns nothing but messages."""
    options = [option for option in _options(hint) if option is not type(None)]
    if not all(_is_message(option) for option in options):
        return ()
    return typing.cast("tuple[type[Message], ...]", tuple(options))


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
