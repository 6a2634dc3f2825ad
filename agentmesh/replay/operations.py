"""What expressions may do with JSON values: pure, and bounded in time and memory."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_LENGTH_MAX = 1_000_000
_BITS_MAX = 10_000

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "float": float,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "round": round,
    "sorted": sorted,
    "str": str,
    "sum": sum,
}

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}


def _power(one: Any, other: Any) -> Any:
    big = isinstance(one, int) and isinstance(other, int)
    if big and one.bit_length() * abs(other) > _BITS_MAX:
        message = f"{one} ** {other} is too large"
        raise OverflowError(message)
    return one**other


def _times(one: Any, other: Any) -> Any:
    for text, number in ((one, other), (other, one)):
        if isinstance(text, str | list) and isinstance(number, int):
            if len(text) * number > _LENGTH_MAX:
                message = f"{len(text)} items times {number} are too many"
                raise OverflowError(message)
        elif isinstance(text, int) and text.bit_length() > _BITS_MAX:
            message = "a number is too large"
            raise OverflowError(message)
    return one * other


def _modulo(one: Any, other: Any) -> Any:
    if isinstance(one, str):
        message = "texts are not formatted here"
        raise TypeError(message)
    return one % other


OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _modulo,
    ast.Pow: _power,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


def member(value: Any, name: str) -> Any:
    """Return the item of an object, which JSON has instead of attributes.

    Raises:
        AttributeError: It has none of that name, or is no object.
    """
    if isinstance(value, dict):
        if name in value:
            return value[name]
        message = f"there is no {name!r} in {{{', '.join(map(repr, list(value)[:5]))}}}"
        raise AttributeError(message)
    message = f"{'null' if value is None else type(value).__name__} has no {name!r}"
    raise AttributeError(message)
