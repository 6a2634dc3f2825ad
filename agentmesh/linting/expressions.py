"""What an expression's value depends on: the half of `flow` that looks at expressions and calls.

What an unknown function makes of its arguments is taken to be harmless; a function of the program
is followed for what it returns.
"""

import ast
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from agentmesh.linting.commands import asked, command_name, issues_commands
from agentmesh.linting.kinds import is_disorderly_set, is_number, is_set_annotation
from agentmesh.linting.names import Names
from agentmesh.linting.program import Class, Function, Variable
from agentmesh.linting.reach import decorators, functions_of
from agentmesh.linting.values import (
    ADDRESS,
    CLEAN,
    HASH,
    LISTING,
    ORDERS,
    SET,
    Leak,
    Sink,
    Value,
)

_FREE = (
    *("sorted", "len", "sum", "min", "max", "any", "all", "bool", "isinstance", "print", "type"),
    *("abs", "round", "callable", "hasattr", "range", "int", "float"),
)
_KEEPING = (
    *("list", "tuple", "iter", "next", "enumerate", "zip", "map", "filter", "reversed"),
    *("str", "repr", "dict"),
)
_KEEPING_OUTSIDE = (
    *("json.dumps", "collections.deque", "itertools.chain", "itertools.islice", "copy.copy"),
    *("asyncio.gather", "collections.OrderedDict", "builtins.dict.fromkeys", "itertools.cycle"),
    *("itertools.chain.from_iterable", "random.choice", "random.sample", "itertools.batched"),
)
_LISTINGS = (
    *("os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob"),
    *("pathlib.Path.iterdir", "pathlib.Path.glob", "pathlib.Path.rglob"),
)
_SENDING = ("agentmesh.tell", "agentmesh.publish", "agentmesh.log", "agentmesh.spawn")
_RECORDS = (
    *("agentmesh.Message", "pydantic.BaseModel", "pydantic.main.BaseModel"),
    *("dataclasses.dataclass", "pydantic.dataclasses.dataclass", "typing.NamedTuple"),
)
_SET_METHODS = ("union", "intersection", "difference", "symmetric_difference", "copy")
_ADDING = ("append", "appendleft", "extend", "insert", "update", "put_nowait")
_BLIND = ("count", "index", "sort", "startswith", "endswith", "isdigit", "isalpha", "issubset")

_returned: WeakKeyDictionary[Function, Value] = WeakKeyDictionary()


class Expressions:
    """The values of one function's expressions; what statements do to names is `flow`'s.

    Args:
        names: The program.
        function: The function.
        is_entry: Whether what it returns is the reply of a handler.
    """

    def __init__(self, names: Names, function: Function, *, is_entry: bool) -> None:
        self.found: list[tuple[Leak, Sink]] = []
        self.returns = CLEAN
        self._names = names
        self._function = function
        self._is_entry = is_entry
        self._env: dict[str, Value] = {}
        self._loops: list[tuple[Leak, ...]] = []

    def run(self) -> None:
        """Go through the function."""
        raise NotImplementedError

    def _loop_leaks(self) -> tuple[Leak, ...]:
        """Return the disorder of the loops around what is looked at."""
        return tuple(leak for loop in self._loops for leak in loop)

    def _assign(self, target: ast.expr, value: Value, node: ast.expr | None) -> None:
        raise NotImplementedError

    def _grow(self, container: ast.expr, value: Value, node: ast.expr) -> None:
        raise NotImplementedError

    # ----------------------------------------------------------------- expressions

    def _value(  # noqa: C901, PLR0911, PLR0912 - one case for each form of expression
        self, node: ast.expr
    ) -> Value:
        match node:
            case ast.Constant() | ast.Lambda():
                return CLEAN
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=base):
                found = self._value(base)
                if self._attribute_is_set(node):
                    return Value(unordered=True)
                return found.element()
            case ast.Set(elts=elements):
                for each in elements:
                    self._value(each)
                return Value(unordered=not is_number(elements))
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Call():
                return self._call(node, awaited=False)
            case ast.Await(value=ast.Call() as call):
                return self._call(call, awaited=True)
            case ast.BinOp(left=left, op=op, right=right):
                both = self._value(left) | self._value(right)
                if isinstance(op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
                    return both
                return Value(leaks=both.leaks, holds_set=both.holds_set)
            case ast.Compare(left=left, comparators=others):
                for each in (left, *others):
                    self._value(each)
                return CLEAN
            case ast.BoolOp(op=ast.And(), values=values):
                return [self._value(each) for each in values][-1]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._value(test)
                known, single = self._env, _single(test)
                if single in known:
                    self._env = {**known, single: CLEAN}  # one element has one order
                chosen = self._value(body)
                self._env = known
                return chosen | self._value(orelse)
            case ast.FormattedValue(value=inner):
                return self._consumed(self._value(inner), inner)
            case ast.Starred(value=inner):
                return self._consumed(self._value(inner), inner)
            case ast.Subscript(value=base, slice=key):
                self._value(key)
                return self._value(base).element()
            case ast.Dict(keys=keys, values=values):
                parts = [self._value(each).inside() for each in (*keys, *values) if each]
                return joined(parts) | Value(mapping=True)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return joined(self._value(each).inside() for each in elements)
            case ast.NamedExpr(target=target, value=inner):
                found = self._value(inner)
                self._assign(target, found, inner)
                return found
            case ast.Yield(value=inner) | ast.YieldFrom(value=inner):
                return self._yield(node, inner)
        return joined(
            self._value(each) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)
        )

    def _named(self, name: str) -> Value:
        if name in self._env:
            return self._env[name]
        if name in self._function.locals:
            return CLEAN
        found = self._names.resolve(
            ast.Name(id=name, ctx=ast.Load()), self._function, self._function.module
        )
        if isinstance(found, Variable) and any(
            (isinstance(one, ast.Set) and not is_number(one.elts))
            or self._names.type_of(one, None, found.module)
            in ("builtins.set", "builtins.frozenset")
            for one in found.values
        ):
            return Value(unordered=True)
        return CLEAN

    def _attribute_is_set(self, node: ast.Attribute) -> bool:
        owner = self._names.type_of(node.value, self._function, self._function.module)
        if not isinstance(owner, Class):
            return False
        for each in self._names.family(owner):
            if node.attr in each.annotated:
                return is_set_annotation(self._names, each.annotated[node.attr], None, each.module)
        return False

    def _comprehension(
        self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
    ) -> Value:
        before = dict(self._env)
        order: tuple[Leak, ...] = ()
        for generator in node.generators:
            taken = self._consumed(self._value(generator.iter), generator.iter)
            order += tuple(one for one in taken.leaks if one.kind in ORDERS)
            self._assign(generator.target, taken.element(), None)
            for test in generator.ifs:
                self._value(test)
        self._loops.append(order)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        made = joined(self._value(each).inside() for each in parts)
        self._loops.pop()
        self._env = before
        if isinstance(node, ast.SetComp):
            return Value(unordered=is_disorderly_set(self._names, node.elt, self._function))
        return Value(leaks=(*made.leaks, *order), mapping=isinstance(node, ast.DictComp))

    def _yield(self, node: ast.expr, inner: ast.expr | None) -> Value:
        if inner is not None:
            found = self._value(inner)
            if isinstance(node, ast.YieldFrom):
                found = self._consumed(found, inner)
            self.returns |= Value(leaks=(*found.leaks, *self._loop_leaks()))
            if self._is_entry:
                sink = Sink(node, "the items of the reply")
                self._reach(found | Value(leaks=self._loop_leaks()), inner, sink)
        return CLEAN

    # ----------------------------------------------------------------------- calls

    def _call(self, node: ast.Call, *, awaited: bool) -> Value:
        names, function = self._names, self._function
        called = names.called(node.func, function, function.module)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        values = [self._value(each) for each in given]
        command = command_name(names, node, called, function, awaited=awaited)
        if command:
            sink = Sink(node, command)
            for each, value in zip(given, values, strict=True):
                # Only messages are written with their sets as they are: requests sort them.
                sets = value if self._sends(node, called) else Value(leaks=value.leaks)
                self._reach(sets, each, sink)
        disorder = self._loop_leaks()
        if disorder and (
            (command and called != "agentmesh.ref")
            or (isinstance(called, Function) and issues_commands(names, called))
        ):
            what = command or f"what {called.shown}() asks for"  # type: ignore[union-attr]
            self.found += [(leak, Sink(node, what)) for leak in disorder]
        if command and not isinstance(called, Function):
            receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
            if receiver is not None and asked(names, receiver, function):
                self._value(receiver)
            return CLEAN
        made = self._result(node, called, given, values)
        if isinstance(node.func, ast.Subscript):
            table = names.resolve(node.func.value, function, function.module)
            made |= joined(self._returned(each) for each in functions_of(names, table))
        return made

    def _result(
        self, node: ast.Call, called: object, given: list[ast.expr], values: list[Value]
    ) -> Value:
        taken = joined(
            self._consumed(value, each) for value, each in zip(values, given, strict=True)
        )
        if isinstance(called, Function):
            return self._returned(called) | self._passed_on(called, joined(values))
        if isinstance(called, Class):
            held = joined(value.inside() for value in values)
            return held if self._is_record(called) else held.orders()
        known = self._known_result(node, called, taken) if isinstance(called, str) else None
        if known is not None:
            return known
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, taken, values)
        return CLEAN

    def _sends(self, node: ast.Call, called: object) -> bool:
        """Tell whether a command's arguments are written into a message or the log."""
        if isinstance(called, str) and called in _SENDING:
            return True
        return isinstance(node.func, ast.Attribute) and asked(
            self._names, node.func.value, self._function
        )

    def _is_record(self, cls: Class) -> bool:
        """Tell whether all that a class is made of is written with it."""
        if any(name in _RECORDS for name in self._names.bases(cls)):
            return True
        return any(name in _RECORDS for name, _ in decorators(self._names, cls))

    def _known_result(self, node: ast.Call, called: str, taken: Value) -> Value | None:
        """Return what a function outside the program makes, if it is one that is known."""
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        base, _, name = called.rpartition(".")
        if called in _LISTINGS:
            return Value(leaks=(Leak(LISTING, node, self._function.module),))
        if called == "builtins.id":
            return Value(leaks=(Leak(ADDRESS, node, self._function.module),))
        if called == "builtins.hash":
            plain = is_number(given) or self._function.name == "__hash__"
            return CLEAN if plain else Value(leaks=(Leak(HASH, node, self._function.module),))
        if called in ("builtins.set", "builtins.frozenset"):
            return Value(unordered=not (given and is_number(given)))
        if called in _KEEPING_OUTSIDE:
            sorts = any(each.arg == "sort_keys" for each in node.keywords)
            return CLEAN if sorts else taken
        if base == "builtins":
            if name in _FREE:
                return CLEAN
            if name in _KEEPING:
                return Value(leaks=taken.leaks, mapping=name == "dict")
        return None

    def _method(
        self, node: ast.Call, func: ast.Attribute, taken: Value, values: list[Value]
    ) -> Value:
        owner = self._value(func.value)
        name = func.attr
        if owner.unordered:
            if name == "pop":
                return self._consumed(owner, func.value)
            return owner if name in _SET_METHODS else CLEAN
        if name == "sort" and isinstance(func.value, ast.Name):
            self._env[func.value.id] = CLEAN
            return CLEAN
        if name == "join":
            return taken
        if name in _ADDING:
            grown = taken if name in ("extend", "update") else joined(v.inside() for v in values)
            leaks = (*grown.leaks, *self._loop_leaks())
            made = Value(leaks=leaks, holds_set=grown.holds_set, mapping=name == "update")
            self._grow(func.value, made, node)
            return CLEAN
        if name in ("keys", "items", "values"):
            return Value(leaks=owner.leaks)
        if name == "format":
            return taken | owner.element()
        return CLEAN if name in _BLIND else owner.element()

    def _returned(self, called: Function) -> Value:
        known = _returned.get(called)
        if known is None:
            _returned[called] = CLEAN  # while it is looked at: it may call itself
            flow = type(self)(self._names, called, is_entry=False)
            flow.run()
            known = _returned[called] = flow.returns
        return known

    def _passed_on(self, called: Function, taken: Value) -> Value:
        """Return what a function of the program is likely to make of disorderly arguments.

        A set may be looked into, and an address looked up: only orders are taken to stay.
        """
        returns = called.node.returns
        if returns is not None and ast.unparse(returns).split("[")[0] in (
            *("int", "float", "bool", "None", "set", "frozenset"),
        ):
            return CLEAN
        sorts = any(isinstance(each, ast.Name) and each.id == "sorted" for each in called.nodes)
        return CLEAN if sorts else taken.orders()

    # ----------------------------------------------------------------------- leaks

    def _consumed(self, value: Value, node: ast.expr) -> Value:
        """Return what is made of a value by taking its elements in their order."""
        if not value.unordered:
            return value
        leak = Leak(SET, node, self._function.module)
        return Value(leaks=(*value.leaks, leak), holds_set=value.holds_set)

    def _reach(self, value: Value, node: ast.expr, sink: Sink) -> None:
        leaks = value.leaks
        if value.unordered or value.holds_set:
            leaks = (*leaks, Leak(SET, node, self._function.module))
        self.found += [(leak, sink) for leak in leaks]


def _single(test: ast.expr) -> str:
    """Return the name that a test finds to have one element."""
    match test:
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=1)],
        ):
            return name
    return ""


def joined(values: Iterable[Value]) -> Value:
    """Return what is known of what is made of several values."""
    made = CLEAN
    for value in values:
        made |= value
    return made
