"""Which sets have an order that differs from process to process: not those of numbers or tasks."""

import ast
from collections.abc import Iterable

from agentmesh.linting.names import Names, stored
from agentmesh.linting.program import Function, Module

_SETS = (
    *("builtins.set", "builtins.frozenset", "typing.Set", "typing.FrozenSet"),
    *("typing.AbstractSet", "typing.MutableSet", "collections.abc.Set"),
    *("collections.abc.MutableSet",),
)
_ORDERLY = ("int", "float", "bool", "Task", "Future", "complex", "Handle", "TimerHandle")
_TASKS = ("create_task", "ensure_future", "start_soon", "run_in_executor", "create_future")


def is_set_annotation(
    names: Names,
    annotation: ast.expr | None,
    function: Function | None,
    module: Module | None = None,
) -> bool:
    """Tell whether an annotation names a set whose order can differ."""
    where = module or (function.module if function else None)
    if annotation is None or where is None:
        return False
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                parsed = ast.parse(text, mode="eval").body
            except (SyntaxError, ValueError, RecursionError):
                return False
            return is_set_annotation(names, parsed, function, module)
        case ast.BinOp(left=left, right=right):
            return is_set_annotation(names, left, function, module) or is_set_annotation(
                names, right, function, module
            )
        case ast.Subscript(value=value, slice=inner):
            return names.resolve(value, function, where) in _SETS and not _is_orderly(inner)
        case ast.Name() | ast.Attribute():
            return names.resolve(annotation, function, where) in _SETS
    return False


def _is_orderly(annotation: ast.expr) -> bool:
    """Tell whether values of a type hash alike in every process."""
    named = {each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)}
    named |= {each.attr for each in ast.walk(annotation) if isinstance(each, ast.Attribute)}
    return bool(named & {*_ORDERLY}) and "str" not in named


def is_number(nodes: Iterable[ast.expr]) -> bool:
    """Tell whether all of some expressions are numbers, as far as can be read; not of none."""
    listed = list(nodes)
    return bool(listed) and all(_is_number(each) for each in listed)


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(operand=operand):
            return _is_number(operand)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) and _is_number(right)
        case ast.Set(elts=elements) | ast.List(elts=elements) | ast.Tuple(elts=elements):
            return is_number(elements)
        case ast.Call(func=ast.Name(id="range" | "len" | "int" | "float" | "sum" | "round")):
            return True
    return False


def _is_task(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name in _TASKS
    return False


def is_disorderly_set(names: Names, made: str | ast.expr, function: Function) -> bool:
    """Tell whether a set's elements hash differently in another process.

    Args:
        names: The program.
        made: The set's name in the function, or the expression that makes its elements.
        function: The function.
    """
    if isinstance(made, ast.expr):
        return not (_is_task(made) or _is_number(made) or _names_task(names, made, function))
    for value in stored(made, function):
        match value:
            case ast.Set(elts=elements) if elements:
                if all(_names_task(names, each, function) for each in elements):
                    return False
            case ast.SetComp(elt=element) if _names_task(names, element, function):
                return False
    added = [
        node.args[0]
        for node in function.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == made
        and node.args
    ]
    orderly = [_is_number(one) or _names_task(names, one, function) for one in added]
    return not (orderly and all(orderly))


def _names_task(names: Names, node: ast.expr, function: Function) -> bool:
    del names
    if _is_task(node):
        return True
    if isinstance(node, ast.Name):
        values = list(stored(node.id, function))
        return bool(values) and all(_is_task(value) for value in values)
    return False
