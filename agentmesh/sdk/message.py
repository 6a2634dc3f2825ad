"""Typed messages, and values as the JSON that travels and is journaled.

A `Message` is a frozen pydantic model. Its JSON is what pydantic writes, with three
additions that stay in this module:

* It goes by field names, whatever aliases a model has for the outside, and leaves out
  computed fields: what is written can always be read back.
* Strings that are not valid UTF-8 (lone surrogates occur in model output) are
  written as ASCII escapes, which JSON allows and pydantic does not read back:
  `decode` then parses with the standard library and validates the values.
* A `SecretStr` travels as `"am-secret:VALUE"`, so that the receiver gets the
  secret and the journal, which knows the prefix, gets a placeholder. A text that starts
  like that by itself gets the prefix once more.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, TypeAdapter, ValidationError

SECRET_PREFIX = "am-secret:"  # noqa: S105 - a mark, not a secret
"""Marks a secret in JSON. The journal's redaction knows it too."""

_MARK = b'"am-secret:'
_HIDDEN = b'"**********"'
"""What pydantic prints for a secret of any length."""
_STAR, _HYPHEN = b"*-"
"""A rare byte of each: looking for one byte takes an eighth of the time."""

T = TypeVar("T")


class Message(BaseModel):
    """Base class of everything agents send to each other.

    Subclass it like any pydantic model. Instances are frozen and compare by value;
    unknown fields are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def encode(
    value: object,
    adapter: TypeAdapter[Any] | None = None,
    *,
    fallback: Callable[[Any], Any] | None = None,
) -> bytes:
    """Return a value's JSON.

    Args:
        value: A `Message`, or any value the adapter's type describes.
        adapter: How to serialise; a message brings its own.
        fallback: What to write instead of a value that JSON can't express.

    Raises:
        ValueError: The value can't be written as JSON.
    """
    try:
        if isinstance(value, BaseModel):
            to_json = value.__pydantic_serializer__.to_json
            data = to_json(value, by_alias=False, round_trip=True, fallback=fallback)
        elif adapter is not None:
            data = adapter.dump_json(value, by_alias=False, round_trip=True, fallback=fallback)
        else:
            data = pydantic_core.to_json(value, by_alias=False, round_trip=True, fallback=fallback)
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return _encode_odd(value, adapter, fallback)
    if (_STAR in data and _HIDDEN in data) or (_HYPHEN in data and _MARK in data):
        return _encode_odd(value, adapter, fallback)
    return data


def _encode_odd(
    value: object, adapter: TypeAdapter[Any] | None, fallback: Callable[[Any], Any] | None
) -> bytes:
    """Return the JSON of a value with secrets, or with strings that are not valid UTF-8.

    pydantic hides secrets where it makes JSON values, and shows them where it keeps
    Python's: so it makes both, and the secrets of one are put into the other.
    """
    shown: object
    by_name: dict[str, Any] = {"by_alias": False, "round_trip": True, "fallback": fallback}
    if isinstance(value, BaseModel):
        shown = value.model_dump(**by_name)
        plain = value.model_dump(mode="json", **by_name)
    elif adapter is not None:
        shown = adapter.dump_python(value, **by_name)
        plain = adapter.dump_python(value, mode="json", **by_name)
    else:
        shown, plain = value, pydantic_core.to_jsonable_python(value, **by_name)
    return json.dumps(_mark(shown, plain), ensure_ascii=True, separators=(",", ":")).encode()


def _mark(shown: object, plain: object) -> object:
    """Return JSON values with every secret, and what looks like one, marked."""
    if isinstance(shown, SecretStr):
        return SECRET_PREFIX + shown.get_secret_value()
    if isinstance(shown, SecretBytes):
        return SECRET_PREFIX + shown.get_secret_value().decode()
    if isinstance(plain, str):
        return SECRET_PREFIX + plain if plain.startswith(SECRET_PREFIX) else plain
    if isinstance(plain, dict):
        values = _values_of(shown, plain.values())
        return {key: _mark(one, plain[key]) for key, one in zip(plain, values, strict=True)}
    if isinstance(plain, list):
        items = shown if isinstance(shown, Collection) and len(shown) == len(plain) else plain
        return [_mark(one, other) for one, other in zip(items, plain, strict=True)]
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    return plain


def _values_of(shown: object, otherwise: Collection[object]) -> Collection[object]:
    """Return what became the values of a JSON object, in order, if that can be told."""
    if isinstance(shown, BaseModel):  # a model among values without a type
        shown = shown.model_dump(by_alias=False, round_trip=True)
    values: Collection[object] = shown.values() if isinstance(shown, Mapping) else ()
    if dataclasses.is_dataclass(shown) and not isinstance(shown, type):
        values = [getattr(shown, field.name) for field in dataclasses.fields(shown)]
    return values if len(values) == len(otherwise) else otherwise


def decode(data: bytes, adapter: TypeAdapter[T]) -> T:
    """Return the value that JSON describes.

    Raises:
        pydantic.ValidationError: The JSON does not fit the type.
        ValueError: It is no JSON.
    """
    if _HYPHEN in data and _MARK in data:
        value = _unmark(json.loads(data))
        try:
            data = json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return adapter.validate_python(value, by_alias=True, by_name=True)
    try:
        # The core's validator: the adapter's own method passes on seven arguments to it.
        found: T = adapter.validator.validate_json(data, by_alias=True, by_name=True)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] != "json_invalid":
            raise
        return adapter.validate_python(json.loads(data), by_alias=True, by_name=True)
    return found


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
