"""The parts of a module that can change one by one: functions, methods, classes, constants.

A run records a digest of each, so that a replay can say which function is another one by
now. It knows text only: nothing is imported, and of what a part does it knows nothing.

A method is a part of its own; a class is what is left of it without its methods. What a
module does besides (imports, other statements) is the part `<module>`; its docstring and
its `if __name__ == "__main__":` block are in none.
"""

import ast
import hashlib
import textwrap
from functools import lru_cache

MODULE = "<module>"
"""Name of the part that has no name of its own."""
BYTES_MAX = 1 << 20
"""A larger module has no parts: it was written by a program."""
_DIGITS = 16

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=256)
def units_of(source: bytes) -> dict[str, str]:
    """Return the text of each part of a module, by qualified name; of a broken one none."""
    if len(source) > BYTES_MAX:
        return {}
    try:
        tree = ast.parse(source)
        lines = source.decode("utf-8").splitlines()
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, list[str]] = {}
    for node in tree.body[_has_docstring(tree) :]:
        if not _is_main_block(node):
            for name, text in _parts(node, lines, ""):
                found.setdefault(name, []).append(text)
    return {name: "\n".join(texts) for name, texts in found.items()}


@lru_cache(maxsize=256)
def digests_of(source: bytes) -> dict[str, str]:
    """Return a digest of each part of a module, by qualified name."""
    return {name: digest(text) for name, text in units_of(source).items()}


def digest(text: str) -> str:
    """Return what is recorded of a part's text: 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _parts(node: ast.stmt, lines: list[str], within: str) -> list[tuple[str, str]]:
    if isinstance(node, _Function):
        return [(f"{within}{node.name}", _text(node, lines))]
    if isinstance(node, ast.ClassDef):
        return _parts_of_class(node, lines, within)
    names = _assigned(node) if not within else []
    return [(names[0] if names else MODULE, _text(node, lines))]


def _parts_of_class(node: ast.ClassDef, lines: list[str], within: str) -> list[tuple[str, str]]:
    name = f"{within}{node.name}"
    inner: list[tuple[str, str]] = []
    head = lines[_first(node) - 1 : _first(node.body[0]) - 1]
    rest = [textwrap.dedent("\n".join(head))] if head else [_text(node, lines)]
    for each in node.body:
        if isinstance(each, _Function | ast.ClassDef):
            inner.extend(_parts(each, lines, f"{name}."))
        elif head:
            rest.append(textwrap.indent(_text(each, lines), "    "))
    return [(name, "\n".join(rest)), *inner]


def _text(node: ast.stmt, lines: list[str]) -> str:
    text = textwrap.dedent("\n".join(lines[_first(node) - 1 : node.end_lineno]))
    return "\n".join(line.rstrip() for line in text.splitlines())


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(int(each.lineno) for each in decorators)])


def _assigned(node: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    return [each.id for each in targets if isinstance(each, ast.Name)]


def _has_docstring(tree: ast.Module) -> bool:
    return ast.get_docstring(tree, clean=False) is not None


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in {
        each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)
    }
