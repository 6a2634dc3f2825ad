"""What an expression refers to, and what type its value has, as far as that can be read.

A name is followed through imports, aliases and other modules of the program to a function, a
class or a variable of it, or to a dotted name outside: `sleep` after `from time import sleep` is
`time.sleep`. What can't be followed is None, and rules take None to be harmless.
"""

import ast
import builtins
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from agentmesh.linting.program import Class, Function, Module, Variable

Thing = str | Function | Class | Variable
"""A dotted name outside the program, or a part of the program."""
Type = str | Class

_DEPTH_MAX = 8
"""Aliases that are followed one after the other."""
_OPTIONAL = ("typing.Optional", "typing.Annotated", "typing.Final", "typing.ClassVar")
_MAKERS = {
    "pathlib.Path.cwd": "pathlib.Path",
    "pathlib.Path.home": "pathlib.Path",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "agentmesh.spawn": "agentmesh.ref",
}
"""What calls return, where that is not the called class itself."""
_SAME = {
    "os.path": "os.path",
    "posixpath": "os.path",
    "io.open": "builtins.open",
    "_thread.start_new": "_thread.start_new_thread",
    "concurrent.futures.thread": "concurrent.futures",
    "concurrent.futures.process": "concurrent.futures",
    "multiprocessing.context": "multiprocessing",
    "asyncio.events": "asyncio",
    "asyncio.tasks": "asyncio",
}
"""Modules that pass on names of others."""
BUILTINS = frozenset(dir(builtins))
_PATH_PARTS = (
    "parent",
    "resolve",
    "absolute",
    "expanduser",
    "joinpath",
    "with_suffix",
    "with_name",
)


class Names:
    """Resolves names of a program.

    Args:
        modules: The program's modules, by dotted name.
    """

    def __init__(self, modules: dict[str, Module]) -> None:
        self.modules = modules
        self._types: dict[tuple[Function | Module, str], Type | None] = {}
        self._found: dict[tuple[Function | Module, str], Thing | None] = {}

    def resolve(
        self, node: ast.AST, function: Function | None, module: Module, depth: int = 0
    ) -> Thing | None:
        """Return what a name or attribute refers to."""
        if depth > _DEPTH_MAX:
            return None
        match node:
            case ast.Name(id=name):
                if depth > 1:
                    return self._name(name, function, module, depth)
                key = (function or module, name)
                if key not in self._found:
                    self._found[key] = self._name(name, function, module, depth)
                return self._found[key]
            case ast.Attribute(value=value, attr=attribute):
                base = self.resolve(value, function, module, depth + 1)
                if isinstance(base, str):
                    return self.dotted(f"{base}.{attribute}", depth + 1)
                if isinstance(base, Class):
                    return self.method(base, attribute)
        return None

    def _name(
        self, name: str, function: Function | None, module: Module, depth: int
    ) -> Thing | None:
        scope = function
        while scope is not None:
            if name in scope.globals:
                break
            found = scope.nested.get(name) or scope.classes.get(name)
            if found is not None:
                return found
            if name in scope.imports:
                return self.dotted(scope.imports[name], depth + 1)
            if name in scope.locals:
                return self._alias(name, scope, depth)
            scope = scope.parent
        return self.in_module(name, module, depth)

    def _alias(self, name: str, scope: Function, depth: int) -> Thing | None:
        """Follow `post = requests.post` inside a function."""
        values = stored(name, scope)
        if len(values) == 1 and isinstance(values[0], ast.Name | ast.Attribute):
            value = values[0]
            if not (isinstance(value, ast.Name) and value.id == name):
                return self.resolve(value, scope, scope.module, depth + 1)
        return None

    def in_module(self, name: str, module: Module, depth: int = 0) -> Thing | None:
        """Return what a module's global name refers to."""
        if depth > _DEPTH_MAX:
            return None
        found = module.functions.get(name) or module.classes.get(name)
        if found is not None:
            return found
        if name in module.variables:
            variable = module.variables[name]
            if len(variable.values) == 1 and isinstance(
                variable.values[0], ast.Name | ast.Attribute
            ):
                aliased = self.resolve(variable.values[0], None, module, depth + 1)
                return variable if aliased is None else aliased
            return variable
        if name in module.imports:
            return self.dotted(module.imports[name], depth + 1)
        for star in module.stars:
            if star == "agentmesh":
                return f"agentmesh.{name}"
            if star in self.modules:
                there = self.in_module(name, self.modules[star], depth + 1)
                if not (isinstance(there, str) and "." not in there):
                    return there
        return f"builtins.{name}" if name in BUILTINS else None

    def dotted(self, name: str, depth: int = 0) -> Thing | None:
        """Return what a dotted name refers to: a part of the program, or itself."""
        if depth > _DEPTH_MAX:
            return None
        base, _, last = name.rpartition(".")
        if base in self.modules and name not in self.modules:
            return self.in_module(last, self.modules[base], depth + 1)
        if base.rpartition(".")[0] in self.modules:
            owner = self.dotted(base, depth + 1)
            if isinstance(owner, Class):
                return self.method(owner, last)
            return None if not isinstance(owner, str) else f"{owner}.{last}"
        return _public(name)

    def method(self, cls: Class, name: str) -> Function | None:
        """Return a method of a class or of its bases in the program."""
        for each in self.family(cls):
            if name in each.methods:
                return each.methods[name]
        return None

    def family(self, cls: Class, depth: int = 0) -> Iterator[Class]:
        """Yield a class and those of its bases that belong to the program."""
        yield cls
        if depth < _DEPTH_MAX:
            for base in cls.node.bases:
                found = self.resolve(base, cls.parent, cls.module)
                if isinstance(found, Class) and found is not cls:
                    yield from self.family(found, depth + 1)

    def bases(self, cls: Class) -> Iterator[str]:
        """Yield the dotted names of a class's bases outside the program."""
        for each in self.family(cls):
            for base in each.node.bases:
                found = self.resolve(base, each.parent, each.module)
                if isinstance(found, str):
                    yield found

    def type_of(
        self, node: ast.AST | None, function: Function | None, module: Module, depth: int = 0
    ) -> Type | None:
        """Return the type of an expression's value."""
        if node is None or depth > _DEPTH_MAX:
            return None
        match node:
            case ast.Await(value=value):
                return self.type_of(value, function, module, depth + 1)
            case ast.Call(func=called):
                return self._made_by(called, function, module, depth)
            case ast.BinOp(left=left, op=ast.Div()):
                found = self.type_of(left, function, module, depth + 1)
                return found if found == "pathlib.Path" else None
            case ast.Name(id="self"):
                return function_owner(function)
            case ast.Name(id=name):
                return self._type_of_name(name, function, module, depth)
            case ast.Attribute():
                return self._type_of_attribute(node, function, module, depth)
        return None

    def _made_by(
        self, called: ast.expr, function: Function | None, module: Module, depth: int
    ) -> Type | None:
        name = self.called(called, function, module, depth + 1)
        if isinstance(name, Class):
            return name
        if isinstance(name, Function):
            return self.type_named(name.node.returns, name.parent, name.module)
        if isinstance(name, str):
            base, _, last = name.rpartition(".")
            if base == "pathlib.Path" and last in _PATH_PARTS:
                return base
            return _MAKERS.get(name, name)
        return None

    def _type_of_name(
        self, name: str, function: Function | None, module: Module, depth: int
    ) -> Type | None:
        key = (function or module, name)
        if key not in self._types:
            self._types[key] = None  # while it is looked for: it may be made of itself
            self._types[key] = self._find_type(name, function, module, depth)
        return self._types[key]

    def _find_type(
        self, name: str, function: Function | None, module: Module, depth: int
    ) -> Type | None:
        scope = function
        while scope is not None and name not in scope.globals:
            if name in scope.locals:
                for each in scope.parameters():
                    if each.arg == name:
                        return self.type_named(each.annotation, scope, scope.module)
                types = [
                    self.type_of(value, scope, scope.module, depth + 2)
                    for value in stored(name, scope)
                ]
                return types[0] if types and all(one == types[0] for one in types) else None
            scope = scope.parent
        found = self.in_module(name, module)
        if isinstance(found, Variable):
            given = self.type_named(found.annotation, None, found.module)
            if given is not None:
                return given
            for value in found.values:
                made = self.type_of(value, None, found.module, depth + 2)
                if made is not None:
                    return made
        return None

    def _type_of_attribute(
        self,
        node: ast.Attribute,
        function: Function | None,
        module: Module,
        depth: int,
    ) -> Type | None:
        value, attribute = node.value, node.attr
        owner = self.type_of(value, function, module, depth + 1)
        if owner == "pathlib.Path":
            return owner if attribute in _PATH_PARTS else None
        if isinstance(owner, Class):
            for each in self.family(owner):
                if attribute in each.annotated:
                    return self.type_named(each.annotated[attribute], each.parent, each.module)
            return None
        found = self.resolve(node, function, module)
        if isinstance(found, Variable):
            return self._type_of_name(found.name, None, found.module, depth + 1)
        return None

    def makers(
        self, node: ast.expr, function: Function | None, module: Module
    ) -> Iterator[ast.expr]:
        """Yield the expressions that may have made the value of a name."""
        yield node
        if not isinstance(node, ast.Name | ast.Attribute):
            return
        scope = function
        while isinstance(node, ast.Name) and scope is not None:
            if node.id in scope.locals:
                yield from stored(node.id, scope)
                return
            scope = scope.parent
        found = self.resolve(node, function, module)
        if isinstance(found, Variable):
            yield from found.values

    def type_named(
        self, annotation: ast.expr | None, function: Function | None, module: Module
    ) -> Type | None:
        """Return the type that an annotation names, whether or not it may be None."""
        match annotation:
            case ast.Constant(value=str(text)):
                try:
                    return self.type_named(ast.parse(text, mode="eval").body, function, module)
                except (SyntaxError, ValueError, RecursionError):
                    return None
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self.type_named(left, function, module) or self.type_named(
                    right, function, module
                )
            case ast.Subscript(value=value, slice=inner):
                outer = self.resolve(value, function, module)
                if outer in _OPTIONAL:
                    first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
                    return self.type_named(first, function, module)
                return outer if isinstance(outer, str | Class) else None
            case ast.Name() | ast.Attribute():
                found = self.resolve(annotation, function, module)
                return found if isinstance(found, str | Class) else None
        return None

    def called(
        self, node: ast.expr, function: Function | None, module: Module, depth: int = 0
    ) -> Thing | None:
        """Return what a call calls: `path.read_text` is `pathlib.Path.read_text`."""
        if depth > _DEPTH_MAX:
            return None
        found = self.resolve(node, function, module)
        if isinstance(found, str | Function | Class):
            return found
        if isinstance(node, ast.Attribute):
            owner = self.type_of(node.value, function, module, depth + 1)
            if isinstance(owner, Class):
                return self.method(owner, node.attr)
            if isinstance(owner, str):
                return f"{owner}.{node.attr}"
        return found


def function_owner(function: Function | None) -> Class | None:
    """Return the class whose instance `self` is inside a function."""
    while function is not None and function.owner is None:
        function = function.parent
    return function.owner if function is not None else None


def stored(name: str, scope: Function) -> list[ast.expr]:
    """Return the values that a function gives to one of its names."""
    known = _STORED.get(scope)
    if known is None:
        known = _STORED[scope] = {}
        for node in scope.nodes:
            for target, value in _stores(node):
                known.setdefault(target, []).append(value)
    return known.get(name, [])


def _stores(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            | ast.NamedExpr(target=ast.Name(id=name), value=value)
            | ast.withitem(context_expr=value, optional_vars=ast.Name(id=name))
        ):
            yield name, value


_STORED: WeakKeyDictionary[Function, dict[str, list[ast.expr]]] = WeakKeyDictionary()


def _public(name: str) -> str:
    """Return the name under which documentation has it."""
    for inside, outside in _SAME.items():
        if name == inside or name.startswith(f"{inside}."):
            return outside + name.removeprefix(inside)
    if name.startswith("agentmesh."):
        return f"agentmesh.{name.rpartition('.')[2]}"
    return name
