"""Typed messages, and values as the JSON that travels and is journaled.

A `Message` is a frozen pydantic model. Its JSON is what pydantic writes, with two
additions that stay in this module:

* Strings that are not valid UTF-8 (lone surrogates occur in model output) are
  written as ASCII escapes, which JSON allows and pydantic does not read back:
  `decode` then parses with the standard library and validates the values.
* A `SecretStr` travels as `"am-secret:VALUE"`, so that the receiver gets the
  secret and the journal, which knows the prefix, gets a placeholder.
"""

import json
from collections.abc import Mapping
from typing import TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, TypeAdapter, ValidationError

SECRET_PREFIX = "am-secret:"  # noqa: S105 - a mark, not a secret
"""Marks a secret in JSON. The journal's redaction knows it too."""

_SECRET_BYTES = b'"am-secret:'
T = TypeVar("T")


class Message(BaseModel):
    """Base class of everything agents send to each other.

    Subclass it like any pydantic model. Instances are frozen and compare by value;
    unknown fields are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def encode(value: object, adapter: TypeAdapter[object] | None = None) -> bytes:
    """Return a value's JSON.

    Args:
        value: A `Message`, or any value the adapter's type describes.
        adapter: How to serialise; a message brings its own.

    Raises:
        ValueError: The value can't be written as JSON.
    """
    try:
        if isinstance(value, BaseModel):
            data = value.__pydantic_serializer__.to_json(value)
        elif adapter is not None:
            data = adapter.dump_json(value)
        else:
            data = pydantic_core.to_json(value)
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return _encode_odd(value, adapter)
    # What pydantic prints for a secret of any length: look closer only then.
    return _encode_odd(value, adapter) if b'"**********"' in data else data


def _encode_odd(value: object, adapter: TypeAdapter[object] | None) -> bytes:
    plain = adapter.dump_python(value) if adapter is not None else _dump_python(value)
    return json.dumps(plain, default=_reveal, ensure_ascii=True, separators=(",", ":")).encode()


def _dump_python(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _reveal(value: object) -> object:
    if isinstance(value, SecretStr):
        return SECRET_PREFIX + value.get_secret_value()
    if isinstance(value, SecretBytes):
        return SECRET_PREFIX + value.get_secret_value().decode("utf-8", "surrogateescape")
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return pydantic_core.to_jsonable_python(value)


def decode(data: bytes, adapter: TypeAdapter[T]) -> T:
    """Return the value that JSON describes.

    Raises:
        pydantic.ValidationError: The JSON does not fit the type.
    """
    if _SECRET_BYTES in data:
        return adapter.validate_python(_unmark(json.loads(data)))
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] != "json_invalid":
            raise
        return adapter.validate_python(json.loads(data))


def _unmark(value: object) -> object:
    if isinstance(value, str):
        return value.removeprefix(SECRET_PREFIX)
    if isinstance(value, list):
        return [_unmark(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _unmark(item) for key, item in value.items()}
    return value


def problems(error: ValidationError) -> str:
    """Say which fields are wrong, in one line: `text: Field required; n: ...`."""
    parts = []
    for item in error.errors(include_url=False)[:_PROBLEMS_MAX]:
        where = ".".join(str(part) for part in item["loc"]) or "(the whole)"
        parts.append(f"{where}: {item['msg']} (got {_short(item.get('input'))})")
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more else "")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


_PROBLEMS_MAX = 5
_SHOWN_MAX = 80
