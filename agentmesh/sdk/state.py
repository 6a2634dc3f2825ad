"""An agent's state: its annotated attributes, and only they.

State must survive a round trip through pydantic, or the agent could not be
restored; that is checked when the agent is defined. Attributes that were never
annotated would be lost, so setting one is refused.
"""

import copy
import inspect
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from typing import Annotated, ClassVar, cast

import pydantic
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from agentmesh.errors import DefinitionError, StateError
from agentmesh.sdk import message
from agentmesh.sdk.signature import adapter_of, name_of


class StateSchema:
    """Which attributes an agent class has, and how to make, store and restore them.

    Args:
        cls: The user's class.
        namespace: Local names visible where it is defined.

    Raises:
        DefinitionError: An attribute can't be stored as JSON.
    """

    def __init__(self, cls: type, namespace: Mapping[str, object]) -> None:
        self.name = cls.__name__
        self.hints = {
            name: hint
            for name, hint in _hints(cls, namespace).items()
            if typing.get_origin(hint) is not ClassVar and hint is not ClassVar
        }
        self.defaults = {name: getattr(cls, name) for name in self.hints if _has_default(cls, name)}
        self.adapters = {
            name: adapter_of(hint, f"The attribute {name!r} of agent {self.name}")
            for name, hint in self.hints.items()
        }
        """How each attribute is written and read."""
        self.model = self._model()
        self._adapter: pydantic.TypeAdapter[BaseModel] = pydantic.TypeAdapter(self.model)
        self._check_defaults()

    def _model(self) -> type[BaseModel]:
        fields: dict[str, typing.Any] = {}
        for name, hint in self.hints.items():
            default = self.defaults.get(name, MISSING)
            # An alias, because pydantic gives names with underscores another meaning.
            alias = Annotated[hint, pydantic.Field(alias=name)]  # type: ignore[valid-type]
            fields[_field(name)] = (alias, ... if default is MISSING else _fresh(default))
        config = ConfigDict(extra="forbid", populate_by_name=True)
        return pydantic.create_model(f"{self.name}State", __config__=config, **fields)

    def _check_defaults(self) -> None:
        for name, default in self.defaults.items():
            adapter = self.adapters[name]
            value = _value(default)
            try:
                checked = adapter.validate_python(value)
                back = message.decode(message.encode(checked, adapter), adapter)
            except (ValidationError, ValueError, TypeError) as error:
                raise self._bad_default(name, value) from error
            if back != value and value == value:  # noqa: PLR0124 - NaN is not itself
                raise self._bad_default(name, value)

    def _bad_default(self, name: str, value: object) -> DefinitionError:
        return DefinitionError(
            f"The default of {self.name}.{name}, {value!r}, is not the same after a round trip "
            f"through JSON as {name_of(self.hints[name])}.",
            cause="Usually the annotation does not fit the default.",
            fix="Correct the annotation, or use a pydantic model for the value.",
        )

    def create(self, cls: type, state: bytes) -> object:
        """Make an instance with default values, or those in the JSON of its state.

        Raises:
            StateError: The JSON does not fit the annotations.
        """
        instance: object = object.__new__(cls)
        needs_values = bool(state) or len(self.defaults) < len(self.hints)
        given = self._decoded(state or b"{}") if needs_values else None
        for name in self.hints:
            value = _value(self.defaults[name]) if given is None else getattr(given, _field(name))
            object.__setattr__(instance, name, value)
        return instance

    def _decoded(self, state: bytes) -> BaseModel:
        try:
            return message.decode(state, self._adapter)
        except ValidationError as error:
            raise StateError(
                f"Agent {self.name} can't start with this state: {message.problems(error)}.",
                cause="Usually an attribute has no default and nobody gave it a value.",
                fix=f"Give it a default, or start the agent with am.spawn({self.name}, key, ...).",
            ) from error

    def dump(self, instance: object) -> bytes:
        """Return an instance's state as JSON.

        Raises:
            StateError: A value does not fit its annotation.
        """
        return self.encode({name: getattr(instance, name) for name in self.hints})

    def encode(self, values: Mapping[str, object]) -> bytes:
        """Return values of attributes as JSON.

        Raises:
            StateError: One does not fit its annotation.
        """
        parts = [f"{json.dumps(name)}:".encode() + self._encoded(name, values) for name in values]
        return b"{" + b",".join(parts) + b"}"

    def _encoded(self, name: str, values: Mapping[str, object]) -> bytes:
        adapter = self.adapters[name]
        try:
            return message.encode(adapter.validate_python(values[name]), adapter)
        except (ValidationError, ValueError, TypeError) as error:
            detail = message.problems(error) if isinstance(error, ValidationError) else str(error)
            raise StateError(
                f"{self.name}.{name} can't be stored: {detail}.",
                cause="The attribute was given a value of another type than its annotation, "
                f"{name_of(self.hints[name])}.",
                fix="Correct the annotation or the value.",
            ) from error

    def amend(self, instance: object, values: bytes) -> None:
        """Give some attributes of an instance other values.

        Raises:
            StateError: There is no such attribute, or a value does not fit its annotation.
        """
        for name, value in self.checked(values).items():
            object.__setattr__(instance, name, value)

    def checked(self, values: bytes) -> dict[str, object]:
        """Return values of some attributes from their JSON.

        Raises:
            StateError: There is no such attribute, or a value does not fit its annotation.
        """
        found: dict[str, object] = {}
        for name, value in json.loads(values).items():
            if name not in self.hints:
                raise StateError(
                    f"{self.name} has no attribute {name!r}: its state is "
                    f"{', '.join(self.hints) or 'empty'}.",
                    cause="Only annotated attributes are state.",
                    fix="Name one of these.",
                )
            try:
                found[name] = message.decode(json.dumps(value).encode(), self.adapters[name])
            except (ValidationError, ValueError) as error:
                is_shown = isinstance(error, ValidationError)
                detail = message.problems(error) if is_shown else str(error)  # type: ignore[arg-type]
                raise StateError(
                    f"{self.name}.{name} can't be {json.dumps(value)}: {detail}.",
                    cause=f"It is annotated as {name_of(self.hints[name])}.",
                    fix="Give a value that fits.",
                ) from None
        return found

    def guard(self, cls: type) -> None:
        """Make setting an undeclared attribute on instances an error."""
        allowed = frozenset(self.hints)
        # A base class that is an agent too has a guard of its own, with fewer names.
        own = cast("Callable[[object, str, object], None]", cls.__setattr__)
        plain = getattr(own, "__wrapped__", own)

        def set_declared(instance: object, name: str, value: object) -> None:
            if name not in allowed:
                raise StateError(
                    f"{cls.__name__}.{name} is not declared, so it would be lost on recovery.",
                    cause="Annotated attributes are an agent's state; others are not stored.",
                    fix=f"Declare it in the class: `{name}: SomeType = ...`.",
                )
            plain(instance, name, value)

        set_declared.__wrapped__ = plain  # type: ignore[attr-defined]
        cls.__setattr__ = set_declared  # type: ignore[assignment]


def _hints(cls: type, namespace: Mapping[str, object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(cls, localns=dict(namespace), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"An attribute of agent {cls.__name__} is annotated with {error.name!r}, "
            "which is not defined.",
            fix=f"Import {error.name!r} at run time.",
        ) from error
    except (AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"The annotation of an attribute of agent {cls.__name__} can't be read: {error}.",
            fix="Correct the annotation.",
        ) from error


def _has_default(cls: type, name: str) -> bool:
    """Tell whether an attribute has a default; a slot of that name is none."""
    return hasattr(cls, name) and not inspect.ismemberdescriptor(getattr(cls, name))


def _field(name: str) -> str:
    return f"state_{name}"


def _fresh(default: object) -> object:
    return pydantic.Field(default_factory=lambda: _value(default))


def _value(default: object) -> object:
    if isinstance(default, FieldInfo):
        made: object = default.get_default(call_default_factory=True, validated_data={})
        return made
    if isinstance(default, Field):
        factory = default.default_factory
        return default.default if factory is MISSING else factory()
    return default if isinstance(default, _SHARED) else copy.deepcopy(default)


_SHARED = (int, float, str, bytes, bool, type(None))
