"""The modules, classes, functions and names of a program, as its trees say.

Which scope a name belongs to is asked of `symtable`, as the compiler would: `global`,
`nonlocal`, parameters and assignments need no rules of our own. Knows nothing of agents,
and follows no references: that is `names`.

Only statements are gone through when a file is read. Which names functions have, which nodes and
what classes set on `self` is found out when somebody asks, which for most of a program is never.
"""

import ast
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from agentmesh.linting.source import Source

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Variable:
    """A name that a module assigns at its top level."""

    name: str
    module: "Module"
    values: list[ast.expr] = field(default_factory=list)
    annotation: ast.expr | None = None
    node: ast.AST | None = None
    """Where it is assigned first."""
    in_main: list[ast.AST] = field(default_factory=list)
    """Where it is assigned below `if __name__ == "__main__"`."""


@dataclass(eq=False)
class Class:
    """A class, wherever it stands."""

    name: str
    module: "Module"
    node: ast.ClassDef
    parent: "Function | None"
    methods: dict[str, "Function"] = field(default_factory=dict)
    declared: dict[str, ast.expr] = field(default_factory=dict)
    """Annotations of attributes in the class itself."""
    plain: dict[str, ast.expr] = field(default_factory=dict)
    """Values of attributes that only the class has: no annotation, or `ClassVar`."""

    @cached_property
    def annotated(self) -> dict[str, ast.expr]:
        """Annotations of attributes: in the class, and of `self.name: ...` in its methods."""
        return self._on_self[0] | self.declared

    @cached_property
    def set_on_self(self) -> frozenset[str]:
        """Attributes that its methods set."""
        return frozenset(self._on_self[1])

    @cached_property
    def _on_self(self) -> tuple[dict[str, ast.expr], dict[str, None]]:
        annotated: dict[str, ast.expr] = {}
        found: dict[str, None] = {}
        methods = (one for one in self.module.every_function if one.owner is self)
        for node in (each for method in methods for each in method.nodes):
            match node:
                case ast.AnnAssign(
                    target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=given
                ):
                    annotated.setdefault(name, given)
                    found[name] = None
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    found[name] = None
        return annotated, found


@dataclass(eq=False)
class Function:
    """A function or method; lambdas and comprehensions belong to the function around them."""

    name: str
    module: "Module"
    node: FunctionNode
    owner: Class | None
    """The class whose method it is."""
    parent: "Function | None"
    nested: dict[str, "Function"] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)

    @cached_property
    def locals(self) -> frozenset[str]:
        """Names that it assigns, and parameters."""
        table = self._table
        named = (
            (each.get_name() for each in table.get_symbols() if each.is_local()) if table else ()
        )
        return frozenset({*named, *(each.arg for each in self.parameters())})

    @cached_property
    def frees(self) -> frozenset[str]:
        """Names of an enclosing function."""
        return frozenset(self._table.get_frees()) if self._table else frozenset()

    @cached_property
    def globals(self) -> frozenset[str]:
        """Names declared `global`."""
        symbols = self._table.get_symbols() if self._table else ()
        return frozenset(each.get_name() for each in symbols if each.is_declared_global())

    @cached_property
    def _table(self) -> symtable.Function | None:
        place = (self.name, self.node.lineno)
        first = min((each.lineno for each in self.node.decorator_list), default=place[1])
        tables = self.module.tables
        return tables.get(place) or tables.get((self.name, first))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes of its body, with lambdas, without functions and classes in it.

        Decorators and defaults are not part of the body: they are evaluated outside.
        """
        found: list[ast.AST] = []
        todo: list[ast.AST] = list(reversed(self.node.body))
        while todo:
            node = todo.pop()
            if not isinstance(node, _SCOPES):
                found.append(node)
                todo.extend(reversed(children(node)))
        return found

    @property
    def shown(self) -> str:
        """How findings call it."""
        return f"{self.owner.name}.{self.name}" if self.owner else self.name

    @property
    def is_async(self) -> bool:
        """Whether it is `async def`."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    def parameters(self) -> Iterator[ast.arg]:
        """Yield all parameters."""
        arguments = self.node.args
        yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


@dataclass(eq=False)
class Module:
    """One file."""

    name: str
    source: Source
    package: str = ""
    """What relative imports start from."""
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    """Modules of which everything is imported."""
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    every_function: list[Function] = field(default_factory=list)
    every_class: list[Class] = field(default_factory=list)
    wanted: dict[str, None] = field(default_factory=dict)
    """Dotted names that are imported anywhere in it."""

    @cached_property
    def tables(self) -> dict[tuple[str, int], symtable.Function]:
        """The compiler's tables of its functions, by name and line."""
        found: dict[tuple[str, int], symtable.Function] = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                todo = [symtable.symtable(self.source.text, self.source.path, "exec")]
        except (SyntaxError, ValueError):
            return found  # `nonlocal` without owner and the like: no name is known then
        while todo:
            for child in todo.pop().get_children():
                todo.append(child)
                if isinstance(child, symtable.Function):
                    found.setdefault((child.get_name(), child.get_lineno()), child)
        return found


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below a node, without `Load` and the like."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    return found


def read_module(name: str, source: Source, *, package: str) -> Module:
    """Return what a file defines.

    Args:
        name: Dotted name under which others import it.
        source: The file.
        package: Dotted name of the package it is in.

    Raises:
        RecursionError: It is nested deeper than the stack.
    """
    module = Module(name=name, source=source, package=package)
    _Reader(module).read()
    return module


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the dotted name of the module that `from ... import` names."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".") if module.package else []
    kept = parts[: len(parts) - (node.level - 1)]
    return ".".join([*kept, *([node.module] if node.module else [])])


class _Reader:
    """Walks a module's statements with the function and class around them."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def read(self) -> None:
        self._body(self.module.source.tree.body, None, None, in_main=False)

    def _body(
        self, body: list[ast.stmt], function: Function | None, cls: Class | None, *, in_main: bool
    ) -> None:
        for statement in body:
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._function(statement, function, cls)
                case ast.ClassDef():
                    self._class(statement, function)
                case ast.Import() | ast.ImportFrom():
                    self._import(statement, function)
                case _:
                    if cls is not None:
                        _read_attribute(cls, statement)
                    elif function is None:
                        self._variable(statement, in_main=in_main)
                    main = in_main or (function is None and cls is None and _is_main(statement))
                    for inner in _bodies(statement):
                        self._body(inner, function, cls, in_main=main)

    def _function(self, node: FunctionNode, parent: Function | None, owner: Class | None) -> None:
        made = Function(node.name, self.module, node, owner, parent)
        self.module.every_function.append(made)
        if owner is not None:
            owner.methods[node.name] = made
        elif parent is not None:
            parent.nested[node.name] = made
        else:
            self.module.functions[node.name] = made
        self._body(node.body, made, None, in_main=False)

    def _class(self, node: ast.ClassDef, parent: Function | None) -> None:
        made = Class(node.name, self.module, node, parent)
        self.module.every_class.append(made)
        (parent.classes if parent else self.module.classes)[node.name] = made
        self._body(node.body, parent, made, in_main=False)

    def _import(self, node: ast.Import | ast.ImportFrom, function: Function | None) -> None:
        names = function.imports if function else self.module.imports
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
                self.module.wanted[alias.name] = None
            return
        base = absolute(self.module, node)
        self.module.wanted[base] = None
        for alias in node.names:
            if alias.name == "*":
                self.module.stars.append(base)
            else:
                names[alias.asname or alias.name] = f"{base}.{alias.name}"
                self.module.wanted[f"{base}.{alias.name}"] = None

    def _variable(self, statement: ast.stmt, *, in_main: bool) -> None:
        for name, value, annotation in _assigned(statement):
            variable = self.module.variables.setdefault(name, Variable(name, self.module))
            if in_main:
                variable.in_main.append(statement)
            else:
                variable.node = variable.node or statement
                variable.values += [value] if value is not None else []
                variable.annotation = variable.annotation or annotation


def _assigned(
    statement: ast.stmt,
) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value, None
                elif isinstance(target, ast.Tuple | ast.List):
                    for each in target.elts:
                        if isinstance(each, ast.Name):
                            yield each.id, None, None
        case ast.AnnAssign(target=ast.Name(id=name), value=value, annotation=annotation):
            yield name, value, annotation
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, None, None
        case ast.For(target=ast.Name(id=name)):
            yield name, None, None


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(statement, name, None)
        if isinstance(inner, list):
            yield inner
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def _is_main(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
    return False


def _read_attribute(cls: Class, statement: ast.stmt) -> None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            cls.declared[name] = annotation
            if "ClassVar" in ast.dump(annotation) and value is not None:
                cls.plain[name] = value
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            cls.plain[name] = value
