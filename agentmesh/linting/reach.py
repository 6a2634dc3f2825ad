"""Which functions of a program run inside a handler: the handlers, and what they call.

An edge goes to whatever a function mentions, called or not: callbacks are called later, and on
the same loop. What an effect or a tool runs is outside, and so is a handler declared opaque.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from agentmesh.linting.names import Names, Thing
from agentmesh.linting.program import Class, Function, Variable

_HANDLERS = ("agentmesh.handler", "agentmesh.subscribe")
_ROOTS = ("agentmesh.agent", "agentmesh.workflow")
_OUTSIDE = ("agentmesh.effect",)
_THREADS = ("threading.Thread", "threading.Timer")
"""What they run is outside, too; that they are made is told by a rule of its own."""
_SPECIAL = (
    *("__init__", "__post_init__", "model_post_init", "__call__", "__aenter__", "__aexit__"),
    *("__enter__", "__exit__", "__aiter__", "__anext__", "__iter__", "__next__"),
)


@dataclass(frozen=True, eq=False)
class Reached:
    """A function that runs inside a handler."""

    function: Function
    entry: Function
    """The handler or workflow from which it was reached first."""

    @property
    def is_entry(self) -> bool:
        """Whether it is a handler, subscriber or workflow itself."""
        return self.function is self.entry

    @property
    def through(self) -> str:
        """How a finding says by which handler the function is reached, if it is none."""
        return "" if self.is_entry else f" (reached from {self.entry.shown})"


def decorators(names: Names, node: Function | Class) -> Iterator[tuple[str, ast.expr]]:
    """Yield the dotted names of decorators, each with its expression."""
    for each in node.node.decorator_list:
        called = each.func if isinstance(each, ast.Call) else each
        found = names.resolve(called, node.parent, node.module)
        if isinstance(found, str):
            yield found, each


def is_tool(names: Names, function: Function) -> bool:
    """Tell whether a function is a tool: it runs outside, and its result is recorded."""
    return any(name == "agentmesh.tool" for name, _ in decorators(names, function))


def is_agent(names: Names, cls: Class) -> bool:
    """Tell whether a class is decorated as an agent."""
    return any(name == "agentmesh.agent" for name, _ in decorators(names, cls))


def _is_opaque(decorator: ast.expr) -> bool:
    match decorator:
        case ast.Call(keywords=keywords):
            return any(
                one.arg == "opaque" and getattr(one.value, "value", False) is True
                for one in keywords
            )
    return False


def entries(names: Names, *, every_async: bool = False) -> Iterator[Function]:
    """Yield the handlers, subscribers and workflows of a program.

    Args:
        names: The program.
        every_async: Take every `async def` for a handler, to measure how often rules object
            to code that was written for something else.
    """
    for module in names.modules.values():
        for function in module.every_function:
            marks = list(decorators(names, function))
            roots = _HANDLERS if function.owner else _ROOTS
            if any(name in roots and not _is_opaque(each) for name, each in marks) or (
                every_async and function.is_async and _outlives(function)
            ):
                yield function


def _outlives(function: Function) -> bool:
    """Tell whether a function may be called when the one that defines it is done.

    A handler always is: it belongs to a module, or to a class that a decorator has registered.
    """
    around = function.parent
    if around is None:
        return not any(
            getattr(each, "attr", getattr(each, "id", "")) == "asynccontextmanager"
            for each in function.node.decorator_list
        )
    if function.owner is not None or function.node.decorator_list:
        return _outlives(around)
    for node in around.nodes:
        match node:
            case (
                ast.Return(value=value)
                | ast.Yield(value=value)
                | ast.Assign(targets=[ast.Attribute() | ast.Subscript()], value=value)
            ) if value is not None and _hands_on(value, function.name):
                return _outlives(around)
    return False


def _hands_on(value: ast.expr, name: str) -> bool:
    """Tell whether an expression passes a function on, and does not call it."""
    called = {id(each.func): None for each in ast.walk(value) if isinstance(each, ast.Call)}
    named = (each for each in ast.walk(value) if isinstance(each, ast.Name) and each.id == name)
    return any(id(each) not in called for each in named)


def reached(names: Names, *, every_async: bool = False) -> list[Reached]:
    """Return the functions that run inside handlers, each once, handlers first."""
    found = {one: Reached(one, one) for one in entries(names, every_async=every_async)}
    todo = list(found.values())
    callers: dict[Function, Function] = {}
    while todo:
        here = todo.pop()
        for target in mentioned(names, here.function):
            if target is not here.function:
                callers.setdefault(target, here.function)
            if target not in found and not is_tool(names, target):
                found[target] = Reached(target, here.entry)
                todo.append(found[target])
    if every_async:
        # A coroutine that others await is none that an agent would have for a handler: what it
        # returns is no reply.
        for one, caller in callers.items():
            if one in found and found[one].is_entry:
                found[one] = Reached(one, caller)
    return list(found.values())


def inside_nodes(names: Names, function: Function) -> list[ast.AST]:
    """Return the nodes of a function without what it hands to `am.effect` or a thread."""
    known = _INSIDE.get(function)
    if known is None:
        outside: dict[int, None] = {}
        for node in function.nodes:
            if not isinstance(node, ast.Call):
                continue
            called = names.resolve(node.func, function, function.module)
            if called in _OUTSIDE and node.args:
                outside |= {id(each): None for each in ast.walk(node.args[0])}
            elif called in _THREADS:
                given = (*node.args, *(one.value for one in node.keywords))
                outside |= {id(each): None for value in given for each in ast.walk(value)}
        kept = [node for node in function.nodes if id(node) not in outside]
        known = _INSIDE[function] = kept if outside else function.nodes
    return known


_INSIDE: WeakKeyDictionary[Function, list[ast.AST]] = WeakKeyDictionary()


def mentioned(names: Names, function: Function) -> Iterator[Function]:
    """Yield the functions of the program that a function mentions, in order."""
    module = function.module
    for node in inside_nodes(names, function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from functions_of(names, names.resolve(node, function, module))
        elif isinstance(node, ast.Attribute):
            thing = names.resolve(node, function, module)
            if thing is None:
                owner = names.type_of(node.value, function, module)
                if (isinstance(owner, Class) and not is_agent(names, owner)) or (
                    isinstance(owner, Class) and _is_self(node.value)
                ):
                    thing = names.method(owner, node.attr)
            yield from functions_of(names, thing)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def functions_of(names: Names, thing: Thing | None) -> Iterator[Function]:
    """Yield the functions that whoever mentions a thing may call."""
    if isinstance(thing, Function):
        yield thing
    elif isinstance(thing, Class) and not is_agent(names, thing):
        for name in _SPECIAL:
            method = names.method(thing, name)
            if method is not None:
                yield method
    elif isinstance(thing, Variable):
        # A table of functions: whoever reads it may call any of them.
        tables = (ast.Dict, ast.List, ast.Tuple, ast.Set)
        for value in (each for each in thing.values if isinstance(each, tables)):
            named = (each for each in ast.walk(value) if isinstance(each, ast.Name))
            found = (names.resolve(each, None, thing.module) for each in named)
            yield from (each for each in found if isinstance(each, Function))
