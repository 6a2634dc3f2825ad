"""Nothing unordered and nothing ambient where a run must replay.

The order of a set of strings depends on the process's hash seed, `id()` on where
an object happens to lie in memory. Both look stable until a run replays somewhere
else. Dictionaries keep their order and serve as ordered sets.

What is a set is told from literals, calls, annotations and assignments within one
file, with attributes known by name. That misses sets that come out of calls; it is
a net, not a proof: the proof is the replay under another hash seed.
"""

import ast
from collections.abc import Iterator

from tests.tidy.source import Finding, Source

ORDERED_PACKAGES = (
    "kernel",
    "journal",
    "replay",
    "causality",
    "sdk",
    "simulation",
    "counterfactual",
)
TIMELESS_PACKAGES = ("kernel", "causality")

_SET_TYPES = ("set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet")
_SET_METHODS = ("union", "intersection", "difference", "symmetric_difference", "copy")
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_ORDER_FREE = ("sorted", "set", "frozenset", "any", "all", "len", "min", "max")
_ORDER_KEEPING = ("list", "tuple", "iter", "next", "enumerate", "zip", "map", "filter", "deque")
_ORDER_KEEPING_METHODS = ("join", "extend", "fromkeys", "chain", "from_iterable", "writelines")
_AMBIENT = ("time", "datetime", "uuid", "secrets", "os")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def set_iteration(source: Source) -> Iterator[Finding]:
    """Report each place in a deterministic package where a set's order gets out."""
    if source.is_in(ORDERED_PACKAGES):
        walker = _SetWalker(attributes=_set_attributes(source.tree))
        walker.visit(source.tree)
        for line in walker.lines:
            if not source.is_exempt(line):
                what = "a set's order gets out; sort it, or keep a dict"
                yield Finding(path=source.path, line=line, what=what)


def hash_and_id(source: Source) -> Iterator[Finding]:
    """Report `hash` and `id` in a deterministic package; `hash` may build a `__hash__`."""
    if not source.is_in(ORDERED_PACKAGES):
        return
    for function, node in _with_function(source.tree, None):
        names = [node.func] if isinstance(node, ast.Call) else []
        names += node.args if isinstance(node, ast.Call) else []
        names += [node.value] if isinstance(node, ast.keyword) else []
        for name in names:
            if not isinstance(name, ast.Name) or name.id not in ("hash", "id"):
                continue
            allowed = name.id == "hash" and function is not None and function.name == "__hash__"
            if not (allowed or _binds(function, name.id) or source.is_exempt(name.lineno)):
                what = f"{name.id}() differs from process to process; count instead"
                yield Finding(path=source.path, line=name.lineno, what=what)


def ambient_imports(source: Source) -> Iterator[Finding]:
    """Report a clock, a generator or an environment in a package that must not know any.

    `random.Random` may be named: the seeded generator is a subclass of it.
    """
    if not source.is_in(TIMELESS_PACKAGES):
        return
    for node in ast.walk(source.tree):
        line = getattr(node, "lineno", 0)
        if _is_ambient(node) and not source.is_exempt(line):
            what = "takes time, chance or environment from outside; they come in as events"
            yield Finding(path=source.path, line=line, what=what)


def _is_ambient(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(alias.name.split(".")[0] in _AMBIENT for alias in names)
        case ast.ImportFrom(module="random", names=names):
            return any(alias.name != "Random" for alias in names)
        case ast.ImportFrom(module=str(module)):
            return module.split(".")[0] in _AMBIENT
        case ast.Attribute(value=ast.Name(id="random"), attr=attribute):
            return attribute != "Random"
    return False


def _with_function(
    node: ast.AST, function: _Function | None
) -> Iterator[tuple[_Function | None, ast.AST]]:
    """Walk a tree, telling for each node the function it stands in."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        inside = child if isinstance(child, _Function) else function
        yield from _with_function(child, inside)


def _binds(function: _Function | None, name: str) -> bool:
    """Tell whether a function gives a builtin's name another meaning."""
    if function is None:
        return False
    stores = (
        node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None
        for node in ast.walk(function)
    )
    arguments = (node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg))
    return name in stores or name in arguments


def _set_attributes(tree: ast.Module) -> frozenset[str]:
    """Names of the attributes that hold sets, whichever class of the file they are in."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    found |= {field.target.id: None} if _names_set(field.annotation) else {}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            found |= {node.target.attr: None} if _names_set(node.annotation) else {}
        elif isinstance(node, ast.Assign) and _makes_set(node.value):
            found |= {each.attr: None for each in node.targets if isinstance(each, ast.Attribute)}
    return frozenset(found)


def _names_set(annotation: ast.expr | None) -> bool:
    match annotation:
        case ast.Subscript(value=value):
            return _names_set(value)
        case ast.BinOp(left=left, right=right):
            return _names_set(left) or _names_set(right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_TYPES
        case ast.Constant(value=str(text)):
            return _names_set(ast.parse(text, mode="eval").body)
    return False


def _makes_set(node: ast.expr) -> bool:
    """Tell whether an expression is a set whatever the names in it stand for."""
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SET_OPERATORS):
            return any(_makes_set(side) or _is_view(side) for side in (left, right))
    return False


def _is_view(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[]):
            return True
    return False


class _SetWalker(ast.NodeVisitor):
    """Finds the lines on which something consumes a set in its order."""

    def __init__(self, *, attributes: frozenset[str]) -> None:
        self.lines: list[int] = []
        self._attributes = attributes
        self._scopes: list[dict[str, bool]] = [{}]

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scopes.append({})
        self.generic_visit(node)
        self._scopes.pop()

    def visit_FunctionDef(self, node: _Function) -> None:
        self._scopes.append({})
        for argument in (each for each in ast.walk(node.args) if isinstance(each, ast.arg)):
            self._scopes[-1][argument.arg] = _names_set(argument.annotation)
        self.generic_visit(node)
        self._scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 -- the visitor's own spelling

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._scopes[-1][node.target.id] = _names_set(node.annotation)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._scopes[-1][target.id] = self._is_set(node.value)
            elif isinstance(target, ast.Tuple | ast.List):
                self._consume(node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._consume(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._consume(node.value)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._consume(node.value)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> None:
        for generator in node.generators:
            self._consume(generator.iter)
        self.generic_visit(node)

    visit_GeneratorExp = visit_ListComp  # noqa: N815 -- the visitor's own spelling
    visit_DictComp = visit_ListComp  # noqa: N815 -- the visitor's own spelling

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id=name) if name in _ORDER_FREE:
                for argument in node.args:  # a generator given to `sorted` may draw from a set
                    self.generic_visit(argument)
                for keyword in node.keywords:
                    self.visit(keyword)
                return
            case ast.Name(id=name) if name in _ORDER_KEEPING:
                self._consume(*node.args)
            case ast.Attribute(attr=name) if name in _ORDER_KEEPING_METHODS:
                self._consume(*node.args)
            case ast.Attribute(attr="pop", value=value) if not node.args:
                self._consume(value)
        self.generic_visit(node)

    def _consume(self, *nodes: ast.expr) -> None:
        self.lines += [node.lineno for node in nodes if self._is_set(node)]

    def _is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                known = [scope[name] for scope in reversed(self._scopes) if name in scope]
                return bool(known) and known[0]
            case ast.Attribute(attr=name):
                return name in self._attributes
            case ast.Call(func=ast.Attribute(attr=name, value=value)) if name in _SET_METHODS:
                return self._is_set(value)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SET_OPERATORS):
                return self._is_set(left) or self._is_set(right) or _makes_set(node)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_set(body) or self._is_set(orelse)
        return _makes_set(node)
