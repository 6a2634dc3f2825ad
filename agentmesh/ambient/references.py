"""Replacing a function everywhere it is referenced already, not only in its module.

`from time import monotonic` copies a reference; so do default arguments, class
attributes, closures and partials. The garbage collector knows who holds one: one
pass over the heap finds the holders of all functions at once, a second one the
owners of holders that can't be changed in place. Modules imported later find the
replacement in the function's own module.

What stays out of reach: references held by C objects, `__slots__`, tuples other
than a function's defaults, sets, and local variables of functions that are running.

This module knows nothing of clocks or handlers.
"""

import functools
import gc
import sys
from collections.abc import Callable, Sequence
from types import CellType, FunctionType, ModuleType
from typing import Any

Undo = Callable[[], None]
Swap = tuple[object, object]
"""What is referenced now, and what is to be referenced instead."""

_OWN_PREFIX = "agentmesh.ambient"


def replace_references(swaps: Sequence[Swap]) -> list[Undo]:
    """Replace every reachable reference to the first of each pair by the second.

    Args:
        swaps: The pairs. A replacement put into a class must not be a descriptor.

    Returns:
        What puts the references in modules, classes and functions back, in order.
        References in other objects stay replaced: keeping the way back would keep
        those objects alive.
    """
    table = {id(old): new for old, new in swaps}
    undo: list[Undo] = []
    indirect: list[object] = []
    for holder in gc.get_referrers(*(old for old, _ in swaps)):
        if isinstance(holder, dict):
            if _is_module_namespace(holder):
                _replace_in_namespace(holder, table, undo)
            else:
                indirect.append(holder)
        elif isinstance(holder, tuple | staticmethod):
            indirect.append(holder)
        else:
            _replace_in_place(holder, table)
    if indirect:
        _replace_through_owners(indirect, table, undo)
    return undo


def replace_in_module(module: ModuleType, swaps: Sequence[Swap]) -> list[Undo]:
    """Replace functions in the one module that can refer to them yet: it was just loaded."""
    table = {id(old): new for old, new in swaps}
    undo: list[Undo] = []
    _replace_in_namespace(vars(module), table, undo)
    return undo


def set_attribute(owner: Any, name: str, value: object) -> Undo:
    """Set an attribute of a module, class or instance; return what puts it back."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)

    def undo() -> None:
        if vars(owner).get(name) is not value:
            return  # somebody else has replaced it since: leave theirs
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    return undo


def _is_module_namespace(holder: dict[Any, Any]) -> bool:
    name = holder.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    # A namespace without a module in sys.modules belongs to `exec` or `runpy`.
    return "__builtins__" in holder or (isinstance(module, ModuleType) and vars(module) is holder)


def _replace_in_namespace(
    holder: dict[Any, Any], table: dict[int, object], undo: list[Undo]
) -> None:
    if str(holder.get("__name__", "")).startswith(_OWN_PREFIX):
        return
    for key, value in list(holder.items()):
        if id(value) in table:
            holder[key] = table[id(value)]
            undo.append(functools.partial(_put_back, holder, key, table[id(value)], value))


def _put_back(holder: dict[Any, Any], key: object, replaced: object, value: object) -> None:
    if holder.get(key) is replaced:
        holder[key] = value


def _replace_in_place(holder: object, table: dict[int, object]) -> None:
    if isinstance(holder, list):
        for index, value in enumerate(holder):
            if id(value) in table:
                holder[index] = table[id(value)]
    elif isinstance(holder, CellType):
        holder.cell_contents = table[id(holder.cell_contents)]
    elif isinstance(holder, functools.partial):
        _replace_in_partial(holder, table)
    elif not isinstance(holder, type | ModuleType | FunctionType):
        # CPython keeps the attributes of most instances outside a dict of their own.
        attributes = getattr(holder, "__dict__", None)
        if isinstance(attributes, dict):
            _replace_in_plain_dict(attributes, table)


def _replace_in_partial(holder: "functools.partial[Any]", table: dict[int, object]) -> None:
    function = table.get(id(holder.func), holder.func)
    arguments = tuple(table.get(id(each), each) for each in holder.args)
    holder.__setstate__((function, arguments, holder.keywords, holder.__dict__))  # type: ignore[attr-defined]


def _replace_in_plain_dict(holder: dict[Any, Any], table: dict[int, object]) -> None:
    for key, value in list(holder.items()):
        if id(value) in table:
            holder[key] = table[id(value)]


def _replace_through_owners(
    holders: list[object], table: dict[int, object], undo: list[Undo]
) -> None:
    known = {id(holder) for holder in holders}
    of_classes: dict[int, None] = {}
    namespaces: list[object] = []
    for owner in gc.get_referrers(*holders):
        if isinstance(owner, type):
            _replace_in_class(owner, table, undo)
            of_classes.update(dict.fromkeys(id(each) for each in gc.get_referents(owner)))
        elif isinstance(owner, FunctionType) and id(owner.__defaults__) in known:
            _replace_in_defaults(owner, table, undo)
        elif isinstance(owner, functools.partial):
            _replace_in_partial(owner, table)
        elif isinstance(owner, dict) and "__module__" in owner:
            namespaces.append(owner)  # of a class that holds a staticmethod, perhaps
    for cls in gc.get_referrers(*namespaces) if namespaces else ():
        if isinstance(cls, type):
            _replace_in_class(cls, table, undo)
    for holder in holders:
        if isinstance(holder, dict) and id(holder) not in of_classes:
            _replace_in_plain_dict(holder, table)


def _replace_in_class(cls: type, table: dict[int, object], undo: list[Undo]) -> None:
    for name, value in list(vars(cls).items()):
        wrapped = isinstance(value, staticmethod)
        function = value.__func__ if wrapped else value
        if id(function) in table:
            new = table[id(function)]
            try:
                undo.append(set_attribute(cls, name, staticmethod(new) if wrapped else new))  # type: ignore[arg-type]
            except TypeError:
                return  # a class written in C can't be changed


def _replace_in_defaults(
    function: FunctionType, table: dict[int, object], undo: list[Undo]
) -> None:
    before = function.__defaults__
    assert before is not None
    after = tuple(table.get(id(value), value) for value in before)
    function.__defaults__ = after

    def put_back() -> None:
        if function.__defaults__ is after:
            function.__defaults__ = before

    undo.append(put_back)
