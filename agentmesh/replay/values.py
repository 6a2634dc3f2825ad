"""Values of a stopped program as text and as JSON, without disturbing them.

Nothing here raises, whatever the values do, and what is shown is bounded in length and the
same in every process: sets are sorted, memory addresses left out. Of user code nothing runs
but `__repr__`, of classes that have one of their own, and the serialisers of pydantic.
"""

import dataclasses
import enum
import json
import re
import reprlib
import types
from collections.abc import Mapping
from typing import Any

import pydantic

from agentmesh.kernel.cell import Cell
from agentmesh.replay.resting import attributes

SHOWN_MAX = 160
"""Characters of one value."""
_ITEMS_MAX = 8
_DEPTH_MAX = 4
_PLAIN: object = object.__repr__
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NAMED = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.CoroutineType,
    types.GeneratorType,
    types.AsyncGeneratorType,
)


class _Bounded(reprlib.Repr):
    """`repr`, bounded; dictionaries keep their order, models and dataclasses are opened up."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = _DEPTH_MAX
        self.maxstring = self.maxother = self.maxlong = SHOWN_MAX
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = _ITEMS_MAX
        self.maxdeque = self.maxdict = self.maxarray = _ITEMS_MAX

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        items = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in list(x.items())[: self.maxdict]
        ]
        return f"{{{self._joined(items, len(x) - self.maxdict, level)}}}"

    def repr_instance(self, x: Any, level: int) -> str:
        cls = type(x)
        if isinstance(x, pydantic.BaseModel) or dataclasses.is_dataclass(x):
            fields = {k: v for k, v in _fields(x).items() if not k.startswith("_")}
            shown = list(fields.items())[: self.maxdict]
            items = [f"{name}={self.repr1(value, level - 1)}" for name, value in shown]
            return f"{cls.__name__}({self._joined(items, len(fields) - self.maxdict, level)})"
        if isinstance(x, _NAMED):
            return f"<{cls.__name__} {getattr(x, '__qualname__', '')}>"
        if isinstance(x, type | enum.Enum | types.ModuleType):
            return _ADDRESS.sub("", repr(x))
        if cls.__repr__ is _PLAIN:
            return f"<{cls.__qualname__}>"
        text = _ADDRESS.sub("", repr(x))
        return text if len(text) <= self.maxother else text[: self.maxother - 3] + "..."

    def _joined(self, items: list[str], more: int, level: int) -> str:
        if level <= 0 and items:
            return "..."
        return ", ".join([*items, "..."] if more > 0 else items)


_BOUNDED = _Bounded()


def shown(value: object) -> str:
    """Return a value's `repr`, bounded; never raises."""
    try:
        text = _BOUNDED.repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a user's `__repr__` does
        return f"<{type(value).__qualname__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def state_of(cell: Cell) -> dict[str, Any] | None:
    """Return an agent's state as JSON values, by attribute; None if there is no instance.

    A value that does not fit its annotation, and can't be stored, is a text: its `repr`.
    """
    names = attributes(cell)
    if cell.instance is None and not names:
        return None
    try:
        state: dict[str, Any] = json.loads(cell.behavior.dump(cell.instance) or b"{}")
    except Exception:  # noqa: BLE001 - one value can't be stored
        state = {name: shown(getattr(cell.instance, name, None)) for name in names}
    return {name: settled(getattr(cell.instance, name), state[name]) for name in names}


def settled(live: object, stored: Any) -> Any:
    """Return a value's JSON with the items of sets in an order that is always the same."""
    if isinstance(live, set | frozenset) and isinstance(stored, list):
        return sorted(stored, key=lambda each: (str(type(each)), json.dumps(each, sort_keys=True)))
    if isinstance(live, list | tuple) and isinstance(stored, list) and len(live) == len(stored):
        return [settled(one, other) for one, other in zip(live, stored, strict=True)]
    if isinstance(stored, dict):
        parts: Mapping[Any, Any] = live if isinstance(live, dict) else _fields(live)
        return {key: settled(parts.get(key), value) for key, value in stored.items()}
    return stored


def _fields(value: object) -> Mapping[str, Any]:
    """Return what an object has as attributes of its own, without asking it."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}
