"""Who imports whom, where import-linter does not look.

import-linter holds the layers. Here: nobody inside imports the front door, every
module is reachable from something that people start or import, and every library
that is imported is declared.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from tests.tidy.source import Finding, Source

_MODULE_NAME = re.compile(r"(agentmesh(?:\.\w+)+)(?::\w+)?")


def front_door_imports(source: Source, packages: Sequence[str]) -> Iterator[Finding]:
    """Report names that are taken from the front door within agentmesh.

    Args:
        source: The file to read.
        packages: What may be taken from it all the same: its packages, as modules.
    """
    if not source.path.startswith("agentmesh/"):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                tops = [each.name.split(".")[0] for each in names if not each.asname]
                wrong = "agentmesh" in [*tops, *(each.name for each in names)]
            case ast.ImportFrom(module="agentmesh", names=names):
                wrong = any(each.name not in packages for each in names)
            case _:
                continue
        if wrong and not source.is_exempt(node.lineno):
            what = "imports the front door; import from the module that defines the name"
            yield Finding(path=source.path, line=node.lineno, what=what)


def orphans(sources: Sequence[Source], roots: Sequence[str]) -> Iterator[Finding]:
    """Report modules that cannot be reached from any root, and roots that do not exist."""
    modules = {source.module: source for source in sources}
    for root in roots:
        if root not in modules:
            yield Finding(path="pyproject.toml", line=1, what=f"{root} is an entry, and not there")
    reached: dict[str, None] = {}
    waiting = [root for root in roots if root in modules]
    while waiting:
        name = waiting.pop()
        if name in modules and name not in reached:
            reached[name] = None
            waiting.extend(_mentioned(modules[name]))
    for name, source in modules.items():
        if name not in reached:
            what = "no entry point leads here: use it, or remove it"
            yield Finding(path=source.path, line=1, what=what)


def undeclared_libraries(
    source: Source, *, declared: Sequence[str], distributions: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """Report an import of a library that `pyproject.toml` does not ask for.

    Args:
        source: The file to read.
        declared: Normalised names of the distributions that are asked for.
        distributions: Which distributions provide an importable name.
    """
    own = {"agentmesh", "tests", "examples", *sys.stdlib_module_names}
    for node in ast.walk(source.tree):
        for name in _imported(node):
            top = name.split(".")[0]
            names = [normalised(each) for each in distributions.get(top, [top])]
            if top not in own and not any(each in declared for each in names):
                what = f"imports {top}, which pyproject.toml does not ask for"
                yield Finding(path=source.path, line=getattr(node, "lineno", 1), what=what)


def normalised(requirement: str) -> str:
    """Return the bare, lower-case name of a distribution or requirement."""
    name = re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _mentioned(source: Source) -> Iterator[str]:
    """Every name that may be a module: imported, or written down for a lazy import."""
    for node in ast.walk(source.tree):
        names = _imported(node)
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _MODULE_NAME.fullmatch(node.value)
            names += [match[1]] if match else []
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
