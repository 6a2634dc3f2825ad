"""What a function writes that is not its own: globals, classes, closures, defaults.

A write is an assignment, `del`, or a call of a method that changes a container. Containers are
known by how they were made: what `register()` of some object does is not guessed.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from agentmesh.linting.names import Names, function_owner, stored
from agentmesh.linting.program import Class, Function, FunctionNode, Module, Variable

CHANGING = (
    *("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop", "popleft"),
    *("popitem", "clear", "update", "setdefault", "add", "discard", "sort", "reverse", "rotate"),
    *("difference_update", "intersection_update", "symmetric_difference_update", "subtract"),
    *("move_to_end",),
)
_CONTAINERS = (
    *("builtins.list", "builtins.dict", "builtins.set", "builtins.bytearray"),
    *("collections.defaultdict", "collections.deque", "collections.Counter"),
    *("collections.OrderedDict", "collections.ChainMap", "array.array"),
    "weakref.WeakValueDictionary",  # weak keys are objects, each of one agent: no other finds them
)
_ITERATORS = ("itertools.count", "itertools.cycle", "builtins.iter", "builtins.zip", "builtins.map")
_WRITING = (
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.For, ast.AsyncFor, ast.Call),
)


@dataclass(frozen=True)
class Write:
    """One write to something that outlives the turn."""

    node: ast.stmt | ast.expr
    target: Variable | Class | Function | str
    """A global, a class, a function (whose variable or default it is), or another module."""
    name: str
    how: str
    once: bool = False
    """Whether it only fills in what is missing, with a value that anybody would put there."""


def of(names: Names, function: Function, nodes: Iterable[ast.AST]) -> Iterator[Write]:
    """Yield the writes in nodes of a function, of which none is looked for below another."""
    filled: dict[int, None] | None = None
    for node in nodes:
        if not isinstance(node, _WRITING):
            continue
        for target, how in _written(names, function, node):
            found = _owner(names, function, target, rebinds=how in ("assigned", "deleted"))
            if found is not None:
                assert isinstance(node, ast.stmt | ast.expr)
                filled = _filled_once(function) if filled is None else filled
                yield Write(node, *found, how, once=id(node) in filled)


def _written(  # noqa: C901 - one case for each way to write
    names: Names, function: Function, node: ast.AST
) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                for each in _leaves(target):
                    yield each, "assigned"
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            yield target, "assigned"
        case ast.Delete(targets=targets):
            for target in targets:
                yield target, "deleted"
        case ast.For(target=target) | ast.AsyncFor(target=target):
            for each in _leaves(target):
                if isinstance(each, ast.Name) and each.id in function.globals:
                    yield each, "assigned"
        case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in CHANGING:
            yield value, f"changed by .{attribute}()"
        case ast.Call(func=ast.Name(id="next"), args=[value, *_]):
            if _is_made(names, value, function, function.module, _ITERATORS):
                yield value, "advanced by next()"


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _leaves(each)
    elif isinstance(target, ast.Starred):
        yield from _leaves(target.value)
    else:
        yield target


def _owner(
    names: Names, function: Function, target: ast.expr, *, rebinds: bool
) -> tuple[Variable | Class | Function | str, str] | None:
    """Return to whom a written place belongs, or None if that ends with the turn, or is unknown."""
    if isinstance(target, ast.Name) and rebinds:
        return _rebound(function, target.id)
    if isinstance(target, ast.Subscript):
        root = target.value
        while isinstance(root, ast.Subscript):
            root = root.value
        return _container(names, function, root)
    if isinstance(target, ast.Attribute) and rebinds:
        return _attribute(names, function, target)
    root = target
    while isinstance(root, ast.Subscript):
        root = root.value
    return _container(names, function, root)


def _rebound(function: Function, name: str) -> tuple[Variable | Function, str] | None:
    if name in function.globals:
        found = function.module.variables.get(name)
        if found is None:
            found = Variable(name, function.module)
            function.module.variables[name] = found
        return found, name
    if name in function.frees:
        owner = _closure(function, name)
        return (owner, name) if owner is not None else None
    return None


def _closure(function: Function, name: str) -> Function | None:
    scope = function.parent
    while scope is not None and name not in scope.locals:
        scope = scope.parent
    return scope


def _container(
    names: Names, function: Function, root: ast.expr
) -> tuple[Variable | Class | Function | str, str] | None:
    if isinstance(root, ast.Name):
        return _named_container(names, function, root)
    if not isinstance(root, ast.Attribute):
        return None
    found = names.resolve(root, function, function.module)
    if isinstance(found, Variable):
        return (found, found.name) if _is_container(names, found) else None
    cls = _class_of(names, root.value, function)
    if cls is None:
        return None
    for each in names.family(cls):
        own = root.attr in each.annotated and root.attr not in each.plain
        if own or root.attr in each.set_on_self:
            return None
        if root.attr in each.plain:
            value = each.plain[root.attr]
            made = _is_made(names, value, None, each.module, _CONTAINERS)
            return (each, root.attr) if made else None
    return None


def _named_container(
    names: Names, function: Function, root: ast.Name
) -> tuple[Variable | Function, str] | None:
    if root.id in function.locals:
        default = _default(function, root.id)
        if default is None or list(stored(root.id, function)):
            return None
        made = _is_made(names, default, None, function.module, _CONTAINERS)
        return (function, root.id) if made else None
    if root.id in function.frees:
        owner = _closure(function, root.id)
        if owner is None:
            return None
        made = any(
            _is_made(names, value, owner, owner.module, (*_CONTAINERS, *_ITERATORS))
            for value in stored(root.id, owner)
        )
        return (owner, root.id) if made else None
    found = names.resolve(root, function, function.module)
    if isinstance(found, Variable) and _is_container(names, found):
        return found, found.name
    return None


def _attribute(
    names: Names, function: Function, target: ast.Attribute
) -> tuple[Variable | Class | str, str] | None:
    base = target.value
    found = names.resolve(base, function, function.module)
    if isinstance(found, Class):
        return found, target.attr
    if isinstance(found, Variable):
        return found, f"{found.name}.{target.attr}"
    if isinstance(found, str):
        if found in names.modules:
            there = names.modules[found].variables.get(target.attr)
            return (there, target.attr) if there is not None else (found, target.attr)
        imported = isinstance(base, ast.Name) and found in function.module.imports.values()
        return (found, target.attr) if imported else None
    cls = _class_itself(base, function)
    return (cls, target.attr) if cls is not None else None


def _class_itself(node: ast.expr, function: Function) -> Class | None:
    """Return the class that `cls`, `type(self)` or `self.__class__` stands for."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[ast.Name(id="self")]):
            return function_owner(function)
        case ast.Attribute(value=ast.Name(id="self"), attr="__class__"):
            return function_owner(function)
        case ast.Name(id="cls") if function.owner is not None:
            return function.owner
    return None


def _class_of(names: Names, node: ast.expr, function: Function) -> Class | None:
    """Return the class of which an attribute is read, by itself or by an instance."""
    found = names.resolve(node, function, function.module)
    if isinstance(found, Class):
        return found
    if isinstance(node, ast.Name) and node.id == "self":
        return function_owner(function)
    return _class_itself(node, function)


def _default(function: Function, name: str) -> ast.expr | None:
    arguments = function.node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    pairs += [
        (one, value)
        for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value is not None
    ]
    return next((value for one, value in pairs if one.arg == name), None)


def _is_container(names: Names, variable: Variable) -> bool:
    known = (*_CONTAINERS, *_ITERATORS)
    return any(_is_made(names, one, None, variable.module, known) for one in variable.values)


def _is_made(
    names: Names,
    value: ast.expr,
    function: Function | None,
    module: Module,
    kinds: tuple[str, ...],
) -> bool:
    """Tell whether an expression makes a container, or is the name of one."""
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return kinds is not _ITERATORS
    return names.type_of(value, function, module) in kinds


def _filled_once(function: Function) -> dict[int, None]:
    """Return the nodes that only fill in what a test has found missing."""
    found: dict[int, None] = {}
    for node in function.nodes:
        if isinstance(node, ast.If):
            missing = _behind_names(function, _tested_missing(node.test))
            if missing and not any(map(_waits, node.body)):
                found |= _filling(node.body, missing)
        elif isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", "") == "KeyError":
            for statement in node.body:
                if isinstance(statement, ast.Assign) and not _waits(statement.value):
                    found[id(statement)] = None
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") == "setdefault"
            and not _waits(node)
        ):
            found[id(node)] = None
    for body in (node.body for node in (function.node, *function.nodes) if _is_block(node)):
        for number, statement in enumerate(body):
            missing = _behind_names(function, _returned_if_there(statement))
            if missing and not any(map(_waits, body[number + 1 :])):
                found |= _filling(body[number + 1 :], missing)
    return found


def _is_block(node: ast.AST) -> TypeGuard[ast.With | ast.If | FunctionNode]:
    return isinstance(node, ast.With | ast.If | ast.FunctionDef | ast.AsyncFunctionDef)


def _filling(body: list[ast.stmt], missing: frozenset[str]) -> dict[int, None]:
    """Return the assignments and additions, at any depth, to what was found missing."""
    return {
        id(node): None
        for statement in body
        for node in ast.walk(statement)
        if (isinstance(node, ast.Assign) and missing & {_root(each) for each in _targets(node)})
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "add"
            and _root(node.func.value) in missing
        )
    }


def _targets(node: ast.Assign) -> list[ast.expr]:
    return [leaf for each in node.targets for leaf in _leaves(each)]


def _returned_if_there(statement: ast.stmt) -> tuple[str, ...]:
    """Return the name in `if name is not None: return ...`, after which it is missing."""
    match statement:
        case ast.If(
            test=ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(None)])
            | (ast.Name() as left),
            body=[ast.Return()],
            orelse=[],
        ):
            return (_root(left),)
        case ast.If(
            test=ast.Compare(ops=[ast.In()], comparators=[right]), body=[ast.Return()], orelse=[]
        ):
            return (_root(right),)
    return ()


def _behind_names(function: Function, tested: tuple[str, ...]) -> frozenset[str]:
    """Return the tested names, and of which global or container their values were taken."""
    found = list(tested)
    for name in tested:
        for value in stored(name, function):
            match value:
                case ast.Name() | ast.Attribute() | ast.Subscript():
                    found.append(_root(value))
                case ast.Call(func=ast.Attribute(value=base, attr="get")):
                    found.append(_root(base))
    return frozenset(name for name in found if name)


def _tested_missing(test: ast.expr) -> tuple[str, ...]:
    """Return the names that a condition finds missing: None, empty, or without a key."""
    match test:
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(None)]):
            return (_root(left),)
        case ast.Compare(ops=[ast.NotIn()], comparators=[right]):
            return (_root(right),)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return (_root(operand),) if isinstance(operand, ast.Name | ast.Attribute) else ()
        case ast.BoolOp(values=values):
            return tuple(name for value in values for name in _tested_missing(value))
    return ()


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _waits(node: ast.AST) -> bool:
    """Tell whether a value depends on when it is made: it awaits, or asks a clock."""
    moody = ("now", "time", "monotonic", "uuid4", "random", "randint", "choice", "uuid1")
    for each in ast.walk(node):
        if isinstance(each, ast.Await):
            return True
        if isinstance(each, ast.Call):
            name = getattr(each.func, "attr", getattr(each.func, "id", ""))
            if name in moody:
                return True
    return False
