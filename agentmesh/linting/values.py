"""What `flow` knows of a value: whether it is a set, and which disorder it depends on."""

import ast
from dataclasses import dataclass, replace

from agentmesh.linting.program import Module

SET, LISTING, ADDRESS, HASH = "set", "listing", "address", "hash"
"""Kinds of what differs from process to process."""
ORDERS = (SET, LISTING)


@dataclass(frozen=True)
class Leak:
    """Where a disorder got into a value."""

    kind: str
    node: ast.expr
    module: Module


@dataclass(frozen=True)
class Sink:
    """Where something is asked of the world."""

    node: ast.AST
    what: str


@dataclass(frozen=True)
class Value:
    """What is known of a value; nothing, by default."""

    unordered: bool = False
    """It is a set whose order differs from process to process."""
    holds_set: bool = False
    """Such a set is somewhere in it, and would be written with it."""
    leaks: tuple[Leak, ...] = ()
    mapping: bool = False
    """It is a dict: its order may differ, and what is under a key does not."""

    def __or__(self, other: "Value") -> "Value":
        """Return what is known of a value that is made of both, or is one of them."""
        if other is CLEAN or other is self:
            return self
        if self is CLEAN:
            return other
        return Value(
            unordered=self.unordered or other.unordered,
            holds_set=self.holds_set or other.holds_set,
            leaks=tuple(dict.fromkeys((*self.leaks, *other.leaks))),
            mapping=self.mapping or other.mapping,
        )

    def element(self) -> "Value":
        """Return what is known of a part of it."""
        return CLEAN if self.mapping else replace(self, unordered=False, holds_set=False)

    def inside(self) -> "Value":
        """Return what is known of a container or object that it becomes part of."""
        held = self.unordered or self.holds_set
        return Value(holds_set=held, leaks=self.leaks)

    def orders(self) -> "Value":
        """Return what is known of something that was made of it, nobody knows how."""
        return Value(leaks=tuple(leak for leak in self.leaks if leak.kind in ORDERS))


CLEAN = Value()
