"""Queries on JSON payloads: a small part of RFC 9535's paths, and one comparison.

    $.amount                  there is one
    $.amount > 100            some amount is more than 100
    $.items[0].sku == "A1"    counted from 0, or from the end: [-1]
    $.items[*].sku            each of them; $.order.* each member
    $..name                   at any depth
    $['odd name']             names that are no words

What a path finds may be nothing, one value or several; a comparison holds if it holds for one of
them. Only numbers are compared with numbers and strings with strings; `==` and `!=` take any
JSON value. Evaluating executes nothing.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from agentmesh.errors import UsageError

Find = Callable[[Any], Iterator[Any]]
"""From a value to those that a part of a path finds in it."""

_PART = re.compile(
    r"""
      \.\.(?P<deep>[^\W\d][\w-]*|\*)
    | \.(?P<name>[^\W\d][\w-]*|\*)
    | \[\s*(?P<index>-?\d+)\s*\]
    | \[\s*(?P<all>\*)\s*\]
    | \[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]
    """,
    re.VERBOSE,
)
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class JsonQuery:
    """A path, and perhaps what its values are compared with.

    Args:
        text: As above.

    Raises:
        UsageError: It is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not self.text.startswith("$"):
            raise _unreadable(text, "A path begins with $, which is the whole payload.")
        self._parts: list[Find] = []
        at = 1
        while (part := _PART.match(self.text, at)) is not None:
            self._parts.append(_finder(part, text))
            at = part.end()
        rest = self.text[at:].strip()
        self._operator = ""
        self._wanted: Any = None
        if rest:
            self._operator, self._wanted = _comparison(rest, text)

    def matches(self, value: Any) -> bool:
        """Tell whether a JSON value has what is asked for."""
        found = self._found([value])
        if not self._operator:
            return next(found, _NOTHING) is not _NOTHING
        return any(self._holds(one) for one in found)

    def _found(self, values: list[Any]) -> Iterator[Any]:
        found: Iterator[Any] = iter(values)
        for part in self._parts:
            found = _each(part, found)
        return found

    def _holds(self, value: Any) -> bool:
        wanted, operator = self._wanted, self._operator
        if operator in ("==", "!="):
            same = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
            return same == (operator == "==")
        if _is_number(value) and _is_number(wanted):
            return _COMPARE[operator](value, wanted)
        if isinstance(value, str) and isinstance(wanted, str):
            return _COMPARE[operator](value, wanted)
        return False


_NOTHING = object()


def _each(part: Find, values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        yield from part(value)


def _finder(part: "re.Match[str]", text: str) -> Find:
    groups = part.groupdict()
    if groups["deep"]:
        inner = _members if groups["deep"] == "*" else _member(groups["deep"])
        return lambda value: _each(inner, _descendants(value))
    if groups["index"]:
        return _item(int(groups["index"]))
    if groups["quoted"]:
        return _member(_unquoted(groups["quoted"], text))
    if groups["all"] or groups["name"] == "*":
        return _members
    return _member(groups["name"])


def _member(name: str) -> Find:
    def find(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return find


def _item(index: int) -> Find:
    def find(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return find


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    """Yield a value and all that is in it, however deep: a payload may be built to be."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(list(_members(one))))


def _comparison(rest: str, text: str) -> tuple[str, Any]:
    operator = _OPERATOR.match(rest)
    if operator is None:
        raise _unreadable(text, f"What begins at {rest[:20]!r} is no part of a path.")
    wanted = rest[operator.end() :]
    if wanted[:1] == "'" == wanted[-1:] and len(wanted) > 1:
        return operator[1], _unquoted(wanted, text)
    try:
        return operator[1], json.loads(wanted)
    except ValueError as error:
        raise _unreadable(text, f"{wanted!r} is no JSON value; strings have quotes.") from error


def _unquoted(quoted: str, text: str) -> str:
    if quoted[0] == "'":
        quoted = '"' + quoted[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    try:
        return str(json.loads(quoted))
    except ValueError as error:
        raise _unreadable(text, f"{quoted} is no string.") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unreadable(text: str, cause: str) -> UsageError:
    return UsageError(
        f"{text!r} is no JSON path.",
        cause=cause,
        fix='Write it as in $.order.amount > 100, $.items[*].sku == "A1" or $..name.',
    )


def first_difference(one: Any, other: Any) -> str:
    """Return the JSON pointer (RFC 6901) of the first place where two values differ.

    Empty if that is the whole value, or if nothing differs.
    """
    at = ""
    while True:
        if isinstance(one, dict) and isinstance(other, dict):
            parts: list[Any] = sorted({*one, *other})
        elif isinstance(one, list) and isinstance(other, list):
            parts = list(range(max(len(one), len(other))))
        else:
            return at
        part = next((each for each in parts if _at(one, each) != _at(other, each)), None)
        if part is None:
            return at
        at = f"{at}/{str(part).replace('~', '~0').replace('/', '~1')}"
        one, other = _at(one, part), _at(other, part)


def _at(value: Any, part: Any) -> Any:
    if isinstance(value, dict):
        return value.get(part, _NOTHING)
    return value[part] if part < len(value) else _NOTHING
