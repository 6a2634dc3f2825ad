"""Follows values through one function, from where an order gets out of a set to a command.

Statements are taken in order, branches are joined, a loop's body is looked at once.
"""

import ast
from collections.abc import Iterable

from agentmesh.linting.expressions import Expressions
from agentmesh.linting.kinds import is_disorderly_set, is_number, is_set_annotation
from agentmesh.linting.names import function_owner, stored
from agentmesh.linting.reach import is_agent
from agentmesh.linting.values import (
    ADDRESS,
    CLEAN,
    HASH,
    LISTING,
    ORDERS,
    SET,
    Sink,
    Value,
)

__all__ = ["ADDRESS", "HASH", "LISTING", "SET", "Flow"]


class Flow(Expressions):
    """One function's values, from its first statement to its last."""

    def run(self) -> None:
        """Go through the function."""
        for each in self._function.parameters():
            if is_set_annotation(self._names, each.annotation, self._function):
                self._env[each.arg] = Value(unordered=True)
        self._block(self._function.node.body)

    def _block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _branches(self, *bodies: list[ast.stmt]) -> None:
        before, ends = self._env, []
        for body in bodies:
            self._env = dict(before)
            self._block(body)
            if not (body and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue)):
                ends.append(self._env)
        self._env = {}
        for end in ends or [before]:
            for name, value in end.items():
                self._env[name] = self._env.get(name, CLEAN) | value

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912 - one case each
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.Assign(targets=targets, value=value):
                found = self._value(value)
                for target in targets:
                    self._assign(target, found, value)
            case ast.AnnAssign(target=target, value=value, annotation=annotation):
                found = self._value(value) if value is not None else CLEAN
                if isinstance(target, ast.Name):
                    known = is_set_annotation(self._names, annotation, self._function)
                    found = Value(unordered=known) if found.unordered or known else found
                self._assign(target, found, value)
            case ast.AugAssign(target=target, op=op, value=value):
                self._augment(target, op, self._value(value), value)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While(test=test, body=body, orelse=orelse):
                self._value(test)
                self._branches(body, [])
                self._block(orelse)
            case ast.If(test=test, body=body, orelse=orelse):
                self._value(test)
                self._branches(body, orelse)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._value(item.context_expr)
                self._block(body)
            case ast.Try() | ast.TryStar():
                self._block(node.body)
                self._branches([], *(handler.body for handler in node.handlers))
                self._block([*node.orelse, *node.finalbody])
            case ast.Match(subject=subject, cases=cases):
                self._value(subject)
                self._branches([], *(case.body for case in cases))
            case ast.Return(value=value):
                self._return(node, value)
            case _:
                for each in ast.iter_child_nodes(node):
                    if isinstance(each, ast.expr):
                        self._value(each)

    def _return(self, node: ast.stmt, value: ast.expr | None) -> None:
        if value is None:
            return
        found = self._value(value)
        self.returns |= found
        if self._is_entry:
            self._reach(found, value, Sink(node, "the reply"))

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        disorder = self._consumed(self._value(node.iter), node.iter)
        order = tuple(one for one in disorder.leaks if one.kind in ORDERS)
        self._assign(node.target, disorder.element(), None)
        self._loops.append(order)
        self._branches(node.body, [])
        self._loops.pop()
        self._block(node.orelse)

    def _assign(self, target: ast.expr, value: Value, node: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                if value.unordered and self._has_safe_elements(name):
                    value = CLEAN
                self._env[name] = value
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts = node.elts if isinstance(node, ast.Tuple | ast.List) else []
                if len(parts) == len(elements):
                    for each, part in zip(elements, parts, strict=True):
                        self._assign(each, self._value(part), part)
                    return
                taken = self._consumed(value, node).element() if node is not None else value
                for each in elements:
                    self._assign(each, taken, None)
            case ast.Starred(value=inner):
                self._assign(inner, value, None)
            case ast.Subscript(value=base, slice=key):
                self._value(key)
                keyed = Value(leaks=(*value.leaks, *self._loop_leaks()), mapping=True)
                self._grow(base, keyed, target)
            case ast.Attribute():
                self._grow(target, Value(leaks=value.leaks), target)

    def _augment(self, target: ast.expr, op: ast.operator, value: Value, node: ast.expr) -> None:
        grows = isinstance(node, ast.JoinedStr | ast.List | ast.ListComp | ast.Tuple)
        grows |= isinstance(node, ast.Constant) and isinstance(node.value, str)
        match target:
            case ast.Name(id=name):
                before = self._env.get(name, CLEAN)
                if before.unordered or (is_number(stored(name, self._function)) and not grows):
                    return
                if isinstance(op, ast.Add):
                    leaks = (*value.leaks, *(self._loop_leaks() if grows else ()))
                    self._env[name] = before | Value(leaks=leaks)
            case ast.Attribute() if grows:
                self._grow(target, Value(leaks=(*value.leaks, *self._loop_leaks())), target)

    def _grow(self, container: ast.expr, value: Value, node: ast.expr) -> None:
        """Note that a value became part of a container, or of the agent's state."""
        root = container
        while isinstance(root, ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name):
            known = self._env.get(root.id, CLEAN)
            if not known.unordered:
                self._env[root.id] = known | value
        elif isinstance(root, ast.Attribute) and self._is_state(root):
            self._reach(Value(leaks=value.leaks), node, Sink(node, "the agent's state"))

    def _is_state(self, node: ast.Attribute) -> bool:
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return False
        owner = function_owner(self._function)
        if owner is None or not is_agent(self._names, owner):
            return False
        return not self._attribute_is_set(node)

    def _has_safe_elements(self, name: str) -> bool:
        """Tell whether a set's elements hash alike in every process: tasks and numbers do."""
        return not is_disorderly_set(self._names, name, self._function)
