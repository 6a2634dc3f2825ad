"""Which calls ask something of the world: verbs, tools, asks, and whatever is awaited."""

import ast
from weakref import WeakKeyDictionary

from agentmesh.linting.names import Names
from agentmesh.linting.program import Class, Function
from agentmesh.linting.reach import inside_nodes, is_agent, is_tool

VERBS = (
    *("tell", "publish", "spawn", "stop", "log", "llm", "effect", "continue_with", "ref"),
    *("monitor", "sleep"),
)
_QUIET = ("asyncio", "anyio", "builtins", "contextlib", "inspect")
"""Awaiting what is in these asks nothing of the world by itself."""

_known: WeakKeyDictionary[Function, bool] = WeakKeyDictionary()


def asked(names: Names, receiver: ast.expr | None, function: Function) -> bool:
    """Tell whether an expression is a reference to another agent."""
    if receiver is None or (isinstance(receiver, ast.Name) and receiver.id == "self"):
        return False
    kind = names.type_of(receiver, function, function.module)
    return kind == "agentmesh.ref" or (isinstance(kind, Class) and is_agent(names, kind))


def command_name(
    names: Names, node: ast.Call, called: object, function: Function, *, awaited: bool
) -> str:
    """Return how findings call the command that a call issues, or an empty text."""
    shown = ast.unparse(node.func)
    shown = shown if len(shown) <= 40 else f"...{shown[-37:]}"  # noqa: PLR2004 - fits a line
    if isinstance(called, str) and called.startswith("agentmesh."):
        verb = called.removeprefix("agentmesh.")
        if verb in VERBS:
            return f"am.{verb}()"
    if isinstance(called, Function) and is_tool(names, called):
        return f"the tool {called.shown}()"
    if isinstance(node.func, ast.Attribute) and asked(names, node.func.value, function):
        return f"{shown}()"
    if awaited and not isinstance(called, Function | Class):
        if isinstance(called, str) and called.partition(".")[0] in (*_QUIET, "agentmesh"):
            return ""
        return f"{shown}()" if isinstance(node.func, ast.Attribute) else ""
    return ""


def issues_commands(names: Names, function: Function) -> bool:
    """Tell whether a function, or one that it calls, asks something of the world."""
    known = _known.get(function)
    if known is not None:
        return known
    _known[function] = False  # while it is looked at: it may call itself
    found = False
    awaited = {
        id(node.value): None
        for node in inside_nodes(names, function)
        if isinstance(node, ast.Await)
    }
    for node in inside_nodes(names, function):
        if isinstance(node, ast.Call):
            called = names.called(node.func, function, function.module)
            found = bool(
                command_name(names, node, called, function, awaited=id(node) in awaited)
            ) or (
                isinstance(called, Function)
                and called is not function
                and issues_commands(names, called)
            )
            if found:
                break
    _known[function] = found
    return found
