"""Rules about what is called inside a handler: one table of names for each rule.

The tables follow what `agentmesh.ambient` refuses at run time, and add what it can't see.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.names import Names, Thing
from agentmesh.linting.reach import Reached, inside_nodes

Exception_ = Callable[[ast.Call, "Site"], bool]


@dataclass(frozen=True)
class Site:
    """Where a call stands."""

    names: Names
    here: Reached

    def called(self, node: ast.expr) -> Thing | None:
        """Return what a call calls."""
        function = self.here.function
        return self.names.called(node, function, function.module)


@dataclass(frozen=True)
class Calls:
    """The calls that one rule objects to."""

    rule: Rule
    exact: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    """Everything whose name begins with one of these and a dot."""
    spared: Exception_ = lambda node, site: False  # noqa: ARG005 - nothing is spared

    def has(self, name: str) -> bool:
        """Tell whether a dotted name is in the table."""
        return name in self.exact or name.startswith(tuple(f"{one}." for one in self.below))


def check(
    tables: tuple[Calls, ...], names: Names, here: Reached, *, verbs: Mapping[str, str]
) -> Iterator[Finding]:
    """Report the calls of one function that a table has.

    Args:
        tables: The tables, the first that has a name decides.
        names: The program.
        here: The function.
        verbs: For each rule, what the call does.
    """
    site = Site(names, here)
    for node in inside_nodes(names, here.function):
        if not isinstance(node, ast.Call):
            continue
        name = site.called(node.func)
        if not isinstance(name, str):
            continue
        table = next((one for one in tables if one.has(name)), None)
        if table is not None and not table.spared(node, site):
            shown = name.removeprefix("builtins.")
            what = f"{shown}() {verbs[table.rule.id]} in {here.function.shown}{here.through}."
            yield here.function.module.source.finding(table.rule, node, what)
