"""A cursor into JSON somebody else wrote: reads it with types, knows where it stands.

Used for request bodies and for rules files alike; what differs is the error.
So a cursor is made with `fail`, which turns a `Problem` into the exception to
raise, and nothing here knows HTTP or files. The wording follows the OpenAI
API's own ("Invalid type for 'messages[0].role': expected a string, ...").
"""

import difflib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

JsonObject = dict[str, object]

Option = TypeVar("Option", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one value of a document."""

    where: str
    """Path of the value, such as `messages[2].content`; empty for the whole document."""

    message: str
    """The whole sentence, path included."""

    code: Literal[
        "missing_required_parameter", "invalid_type", "invalid_value", "unknown_parameter"
    ]
    """The OpenAI API's code for this kind of problem."""


Fail = Callable[[Problem], Exception]


@dataclass(frozen=True, slots=True)
class Cursor:
    """One JSON value, the path that leads to it, and how to complain about it."""

    value: object
    fail: Fail
    where: str = ""

    def at(self, name: str) -> "Cursor | None":
        """Return the member of that name, or None where it is absent or null."""
        value = self.members().get(name)
        return None if value is None else self._child(value, name)

    def need(self, name: str) -> "Cursor":
        """Return the member of that name; it must be there and not null."""
        found = self.at(name)
        if found is None:
            path = self._path(name)
            message = f"Missing required parameter: '{path}'."
            raise self.fail(Problem(where=path, message=message, code="missing_required_parameter"))
        return found

    def members(self) -> JsonObject:
        """Return the value as an object."""
        if not isinstance(self.value, dict):
            raise self._wrong_type("an object")
        return cast("JsonObject", self.value)

    def items(self) -> "list[Cursor]":
        """Return a cursor for each element of the value, which must be an array."""
        if not isinstance(self.value, list):
            raise self._wrong_type("an array")
        return [
            Cursor(item, self.fail, f"{self.where}[{index}]")
            for index, item in enumerate(self.value)
        ]

    def text(self) -> str:
        """Return the value as a string."""
        if not isinstance(self.value, str):
            raise self._wrong_type("a string")
        return self.value

    def flag(self) -> bool:
        """Return the value as a boolean."""
        if not isinstance(self.value, bool):
            raise self._wrong_type("a boolean")
        return self.value

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """Return the value as an integer between two bounds, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._wrong_type("an integer")
        self._check_bounds(self.value, low, high)
        return self.value

    def number(self, low: float | None = None, high: float | None = None) -> float:
        """Return the value as a finite number between two bounds, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._wrong_type("a number")
        if not math.isfinite(self.value):
            raise self.wrong(f"expected a finite number, but got {self.value}.")
        self._check_bounds(self.value, low, high)
        return self.value

    def option(self, options: Sequence[Option]) -> Option:
        """Return the value as one of the strings that are allowed here."""
        text = self.text()
        for option in options:
            if text == option:
                return option
        listed = ", ".join(f"'{option}'" for option in options)
        raise self.wrong(f"'{text}'. Supported values are: {listed}.{_meant(text, options)}")

    def only(self, names: Collection[str]) -> None:
        """Refuse members of any other name, and say which one was probably meant."""
        for name in self.members():
            if name not in names:
                path = self._path(name)
                listed = ", ".join(sorted(names))
                message = f"Unknown key '{path}'. Known keys: {listed}.{_meant(name, names)}"
                raise self.fail(Problem(where=path, message=message, code="unknown_parameter"))

    def wrong(self, what: str) -> Exception:
        """Return the error for a value of the right type that cannot be used."""
        message = f"Invalid value for '{self.where}': {what}"
        return self.fail(Problem(where=self.where, message=message, code="invalid_value"))

    def _child(self, value: object, name: str) -> "Cursor":
        return Cursor(value, self.fail, self._path(name))

    def _path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def _check_bounds(self, value: float, low: float | None, high: float | None) -> None:
        if low is not None and value < low:
            raise self.wrong(f"expected a value >= {low}, but got {value} instead.")
        if high is not None and value > high:
            raise self.wrong(f"expected a value <= {high}, but got {value} instead.")

    def _wrong_type(self, expected: str) -> Exception:
        subject = f"'{self.where}'" if self.where else "the document"
        got = kind_of(self.value)
        message = f"Invalid type for {subject}: expected {expected}, but got {got} instead."
        return self.fail(Problem(where=self.where, message=message, code="invalid_type"))


def kind_of(value: object) -> str:
    """Name the JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    return names.get(type(value), "a number")


def _meant(name: str, options: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(options), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
