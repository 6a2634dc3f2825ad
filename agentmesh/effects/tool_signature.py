"""What a tool's type hints mean, checked when the module is imported.

Hints are validation, the recorded form, and the JSON schema that a model is shown.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs

from agentmesh.effects import recorded
from agentmesh.errors import DefinitionError, EffectError, ToolArgumentsError
from agentmesh.sdk import message, signature
from agentmesh.sdk.signature import name_of, where


@dataclass(frozen=True, kw_only=True)
class ToolSignature:
    """What a tool takes and gives."""

    what: str
    """How errors call it: `Tool search`."""
    signature: inspect.Signature
    parameters: Mapping[str, TypeAdapter[object]]
    """How to write each parameter."""
    binder: TypeAdapter[tuple[tuple[object, ...], dict[str, object]]]
    """Validates arguments and gives them back as positional and keyword ones."""
    returns: TypeAdapter[object]
    returns_text: str
    """The return type as people write it."""
    schema: dict[str, Any]
    """JSON schema of the parameters."""

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        """Check arguments and return them by name, defaults included.

        Raises:
            ToolArgumentsError: They do not fit.
        """
        try:
            found = self.binder.validator.validate_python(ArgsKwargs(args, dict(kwargs)))
        except ValidationError as error:
            raise self._wrong(message.problems(error)) from None
        return self._by_name(*found)

    def bind_json(self, arguments: str) -> dict[str, object]:
        """Check arguments as a model writes them: one JSON object.

        Raises:
            ToolArgumentsError: They are no JSON, or do not fit.
        """
        text = arguments.strip() or "{}"
        try:
            if not text.startswith("{"):
                raise self._wrong("they must be one JSON object")
            found = self.binder.validate_json(text)
        except ValidationError as error:
            raise self._wrong(message.problems(error)) from None
        return self._by_name(*found)

    def _by_name(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        # Checked already, and every parameter has a name: `inspect` would take four times as long.
        named = dict(zip(self.parameters, args, strict=False))
        if kwargs:
            named.update((name, kwargs[name]) for name in self.parameters if name in kwargs)
        return named

    def _wrong(self, detail: str) -> ToolArgumentsError:
        return ToolArgumentsError(
            f"{self.what}{_shown(self.signature)} was called with arguments that do not fit: "
            f"{detail}.",
            fix="Correct the call, or the tool's type hints.",
        )

    def encode(self, arguments: Mapping[str, object]) -> bytes:
        """Return checked arguments as canonical JSON."""
        try:
            written = [
                before + recorded.canonical(arguments[name], adapter)
                for name, before, adapter in self._writers
                if name in arguments
            ]
        except (ValueError, TypeError) as error:
            raise self._wrong(str(error)) from error
        return b"{%b}" % b",".join(written)

    @functools.cached_property
    def _writers(self) -> list[tuple[str, bytes, TypeAdapter[object]]]:
        """By parameter: what its JSON begins with, and how to write its value."""
        return [
            (name, recorded.encode_name(name) + b":", adapter)
            for name, adapter in self.parameters.items()
        ]

    def encode_result(self, result: object) -> bytes:
        """Check what the tool returned and return its JSON.

        Raises:
            EffectError: It is not what the hint says.
        """
        try:
            checked = self.returns.validator.validate_python(result)
            return recorded.canonical(checked, self.returns)
        except (ValidationError, ValueError, TypeError) as error:
            detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
            raise EffectError(
                f"{self.what} returned {type(result).__name__}, but declares "
                f"`-> {self.returns_text}`: {detail}.",
                fix="Return what the hint says, or correct the hint.",
            ) from None


def _shown(signature_: inspect.Signature) -> str:
    return "(" + ", ".join(signature_.parameters) + ")"


def read(
    function: Callable[..., object], name: str, namespace: Mapping[str, object]
) -> ToolSignature:
    """Read a tool's signature.

    Args:
        function: The tool as the user wrote it.
        name: The tool's name.
        namespace: Local names visible where it is defined.

    Raises:
        DefinitionError: It can't work as a tool.
    """
    what = f"Tool {name}"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise DefinitionError(
            f"{what} ({where(function)}) yields; a tool returns one result.",
            fix="Return a list, or write a handler that yields: `-> AsyncIterator[Item]`.",
        )
    hints = signature.hints_of(function, what, namespace)
    signature_ = inspect.signature(function)
    parameters = {
        each.name: _parameter(function, what, each, hints)
        for each in signature_.parameters.values()
    }
    if "return" not in hints:
        raise DefinitionError(
            f"{what} ({where(function)}) does not say what it returns.",
            cause="The result is journaled, and read back in a replay, by its type.",
            fix="Add `-> list[str]`, say, or `-> None` if nobody needs the result.",
        )
    binder = _binder(signature_, hints)
    return ToolSignature(
        what=what,
        signature=signature_,
        parameters=parameters,
        binder=binder,
        returns=signature.adapter_of(
            hints["return"], f"The return type of {what} ({where(function)})"
        ),
        returns_text=name_of(hints["return"]),
        schema=_schema(binder, function),
    )


def _parameter(
    function: Callable[..., object],
    what: str,
    parameter: inspect.Parameter,
    hints: Mapping[str, object],
) -> TypeAdapter[object]:
    if parameter.kind not in _NAMED:
        raise DefinitionError(
            f"{what} ({where(function)}) takes `{parameter}`; a tool's parameters have names.",
            cause="A model calls tools with a JSON object, and so they are recorded.",
            fix="Name each parameter; take several values as one: `queries: list[str]`.",
        )
    if parameter.name not in hints:
        raise DefinitionError(
            f"The parameter {parameter.name!r} of {what} ({where(function)}) has no type hint.",
            cause="A method can't be a tool: its `self` can't be recorded."
            if parameter.name in ("self", "cls")
            else "Hints validate and record the arguments, and tell a model what to give.",
            fix="Write it as a plain function that takes what it needs."
            if parameter.name in ("self", "cls")
            else f"Write `{parameter.name}: str`, say.",
        )
    shown = f"The parameter {parameter.name!r} of {what} ({where(function)})"
    adapter = signature.adapter_of(hints[parameter.name], shown)
    if parameter.default is not inspect.Parameter.empty:
        _check_default(shown, parameter, hints[parameter.name], adapter)
    return adapter


def _check_default(
    shown: str, parameter: inspect.Parameter, hint: object, adapter: TypeAdapter[object]
) -> None:
    try:
        adapter.validate_python(parameter.default)
    except ValidationError:
        wider = f"{name_of(hint)} | None" if parameter.default is None else "a type that fits"
        raise DefinitionError(
            f"{shown} has the default {parameter.default!r}, which is not {name_of(hint)}.",
            fix=f"Write `{wider}`." if parameter.default is None else f"Declare {wider}.",
        ) from None


def _binder(
    signature_: inspect.Signature, hints: Mapping[str, object]
) -> TypeAdapter[tuple[tuple[object, ...], dict[str, object]]]:
    """Make what validates a call. pydantic calls this stand-in with the checked arguments."""

    def collect(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
        return args, kwargs

    collect.__signature__ = signature_  # type: ignore[attr-defined]
    collect.__annotations__ = {name: hint for name, hint in hints.items() if name != "return"}
    return TypeAdapter(cast("Any", collect))


def _schema(binder: TypeAdapter[Any], function: Callable[..., object]) -> dict[str, Any]:
    schema = binder.json_schema()
    properties = schema.setdefault("properties", {})
    described = _described(inspect.getdoc(function) or "")
    for name, prop in properties.items():
        if prop.get("title") == name.replace("_", " ").title():
            del prop["title"]
        if name in described:
            prop.setdefault("description", described[name])
    return schema


def description(function: Callable[..., object]) -> str:
    """Return what the docstring says before its sections."""
    text = inspect.getdoc(function) or ""
    return _SECTIONS.split(text)[0].strip()


def _described(doc: str) -> dict[str, str]:
    """Return what the docstring's `Args:` section says of each parameter."""
    section = re.search(r"(?:^|\n)(?:Args|Arguments):[ ]*\n((?:[ ]+.*\n?|\n)*)", doc)
    found: dict[str, str] = {}
    name = ""
    for line in section[1].splitlines() if section else ():
        start = re.match(r"[ ]{2,4}(\w+)(?:[ ]*\([^)]*\))?:[ ]*(.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


_SECTIONS = re.compile(r"(?:^|\n)(?:Args|Arguments|Returns|Raises|Yields|Examples?):[ ]*\n")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
