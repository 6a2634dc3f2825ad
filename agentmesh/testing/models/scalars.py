"""Numbers and strings that are valid under the keywords of a JSON schema.

The leaves of `schemas`: bounds, multiples, lengths, formats. Knows nothing of
objects, arrays or references.
"""

import datetime
import math
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from agentmesh.testing.models.patterns import PatternError, sample_pattern

# How wide a range to draw from where the schema leaves one side open.
_OPEN_RANGE = 100

_VOCABULARY = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour", "indigo")

# How many multiples to try until one divides evenly in floating point.
_MULTIPLE_ATTEMPTS = 100


class CannotGenerateError(Exception):
    """No value can be made for this schema; the text says which keyword is in the way."""


def draw_integer(schema: Mapping[str, object], source: random.Random) -> int:
    """Return an integer within the schema's bounds, a multiple if it asks for one."""
    step = _step(schema)
    if step is not None:
        return int(_draw_multiple(schema, source, step, whole=True))
    low, high = _bounds(schema)
    smallest = math.ceil(low)
    largest = math.floor(high)
    if "exclusiveMinimum" in schema and smallest == _number(schema, "exclusiveMinimum"):
        smallest += 1
    if "exclusiveMaximum" in schema and largest == _number(schema, "exclusiveMaximum"):
        largest -= 1
    if smallest > largest:
        raise CannotGenerateError(f"no integer lies between {low} and {high}")
    return source.randint(smallest, largest)


def draw_number(schema: Mapping[str, object], source: random.Random) -> float:
    """Return a number within the schema's bounds, of two decimals where they allow it."""
    step = _step(schema)
    if step is not None:
        return _draw_multiple(schema, source, step, whole=False)
    low, high = _bounds(schema)
    if low > high or (low == high and not _allows(schema, low)):
        raise CannotGenerateError(f"no number lies between {low} and {high}")
    # Away from both ends, for exclusive bounds; weighted, since a difference may overflow.
    weight = source.uniform(0.01, 0.99)
    exact = low if low == high else low * (1 - weight) + high * weight
    found = next((value for value in (round(exact, 2), exact) if _allows(schema, value)), None)
    if found is None:
        raise CannotGenerateError(f"no number was found between {low} and {high}")
    return found


def draw_string(schema: Mapping[str, object], source: random.Random, words: Sequence[str]) -> str:
    """Return a string of the schema's format, pattern and length, else a few words."""
    shortest = int(_number(schema, "minLength", 0))
    longest = int(_number(schema, "maxLength")) if "maxLength" in schema else None
    if longest is not None and shortest > longest:
        raise CannotGenerateError(f"no string is at least {shortest} and at most {longest} long")
    if "pattern" in schema:
        try:
            return sample_pattern(
                str(schema["pattern"]), source, min_length=shortest, max_length=longest
            )
        except PatternError as error:
            raise CannotGenerateError(str(error)) from error
    made = _FORMATS.get(str(schema.get("format")))
    if made:
        text = made(source)
        if len(text) < shortest or (longest is not None and len(text) > longest):
            bounds = f"{shortest} to {longest if longest is not None else 'any number of'}"
            raise CannotGenerateError(f"a {schema['format']} cannot have {bounds} characters")
        return text
    return _prose(source, words or _VOCABULARY, shortest, longest)


def _prose(source: random.Random, words: Sequence[str], shortest: int, longest: int | None) -> str:
    text = " ".join(source.choice(words) for _ in range(source.randint(1, 3)))
    while len(text) < shortest:
        text += " " + source.choice(words)
    text = text if longest is None else text[:longest]
    # A cut may leave white space at the end, which many validators strip.
    return text if text == text.strip() else text.strip().ljust(max(shortest, 0), "-")


def _number(schema: Mapping[str, object], keyword: str, default: float = 0) -> float:
    value = schema.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotGenerateError(f"the keyword '{keyword}' needs a number")
    return value


def _bounds(schema: Mapping[str, object]) -> tuple[float, float]:
    """Return the closed range; a side the schema leaves open is near the other one."""
    lows = [_number(schema, name) for name in ("minimum", "exclusiveMinimum") if name in schema]
    highs = [_number(schema, name) for name in ("maximum", "exclusiveMaximum") if name in schema]
    low = max(lows) if lows else min([0.0, *(high - _OPEN_RANGE for high in highs)])
    high = min(highs) if highs else low + _OPEN_RANGE
    return low, high


def _allows(schema: Mapping[str, object], value: float) -> bool:
    return (
        ("minimum" not in schema or value >= _number(schema, "minimum"))
        and ("maximum" not in schema or value <= _number(schema, "maximum"))
        and ("exclusiveMinimum" not in schema or value > _number(schema, "exclusiveMinimum"))
        and ("exclusiveMaximum" not in schema or value < _number(schema, "exclusiveMaximum"))
    )


def _step(schema: Mapping[str, object]) -> Decimal | None:
    if "multipleOf" not in schema:
        return None
    step = Decimal(str(_number(schema, "multipleOf")))
    if step <= 0:
        raise CannotGenerateError(f"'multipleOf' must be above 0, not {step}")
    return step


def _draw_multiple(
    schema: Mapping[str, object], source: random.Random, step: Decimal, *, whole: bool
) -> float:
    low, high = (Decimal(str(bound)) for bound in _bounds(schema))
    first, last = math.ceil(low / step), math.floor(high / step)
    for _ in range(_MULTIPLE_ATTEMPTS if first <= last else 0):
        exact = source.randint(first, last) * step
        value = float(exact)
        # Validators divide in floating point, where 0.07 is no multiple of 0.01.
        even = (value / float(step)).is_integer()
        if even and _allows(schema, value) and (not whole or value.is_integer()):
            return value
    raise CannotGenerateError(f"no multiple of {step} lies between {low} and {high}")


def _moment(source: random.Random) -> datetime.datetime:
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return start + datetime.timedelta(seconds=source.randrange(10 * 365 * 24 * 3600))


def _address(source: random.Random) -> str:
    # The documentation range: no simulated answer points at a real machine.
    return f"192.0.2.{source.randint(1, 254)}"


_FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date": lambda source: _moment(source).date().isoformat(),
    "date-time": lambda source: _moment(source).isoformat().replace("+00:00", "Z"),
    "time": lambda source: _moment(source).time().isoformat() + "Z",
    "duration": lambda source: f"PT{source.randint(1, 90)}M",
    "email": lambda source: f"{source.choice(_VOCABULARY)}@example.com",
    "hostname": lambda source: f"{source.choice(_VOCABULARY)}.example.com",
    "ipv4": _address,
    "ipv6": lambda source: f"2001:db8::{source.randint(1, 0xFFFF):x}",
    "uri": lambda source: f"https://example.com/{source.choice(_VOCABULARY)}",
    "uuid": lambda source: str(uuid.UUID(int=source.getrandbits(128), version=4)),
}
