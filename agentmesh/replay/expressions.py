"""Questions about the state of agents, as text: `writer.draft_count > 3`.

A subset of Python's expressions, with an evaluator of its own: names, attributes, subscripts,
comparisons, arithmetic, `and`, `or`, `not`, `in`, `if else`, literals, comprehensions and a few
pure functions. Everything else is refused before anything runs. Values are JSON, as
`agentmesh state` shows them, so that no user code runs and nothing can be changed.

A name stands for an agent (`writer`, `Writer['w1']`), or for an attribute of the one agent that
is asked about, if there is one. `changed(x)` tells whether the event has changed `x`.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from agentmesh.errors import UsageError
from agentmesh.replay.operations import COMPARISONS, FUNCTIONS, OPERATIONS, UNARY, member

_NOTHING = object()
SELF = "self"
CHANGED = "changed"
_TEXT_MAX = 4_000


class AgentName(NamedTuple):
    """An agent as an expression names it."""

    name: str
    """A type or, where it is no type's name, whatever was written."""
    key: str | None


class NotThereError(Exception):
    """An agent that the expression looks at has not begun yet, or has no state any more."""


Read = Callable[[int, str], Any]
"""Returns the JSON value of an attribute of an agent, by the agent's place in `agents`."""


class Scope:
    """What one evaluation knows.

    Args:
        read: Reads attributes.
    """

    __slots__ = ("_changes", "_memory", "names", "read")

    def __init__(self, read: Read) -> None:
        self.read = read
        self.names: dict[str, Any] = {}
        """Of comprehensions."""
        self._memory: dict[int, Any] = {}
        self._changes: dict[int, bool | Exception] = {}

    def look(self, watched: "Sequence[Evaluate]") -> None:
        """See what has changed since the last look, whether anybody asks for it or not."""
        for place, evaluate in enumerate(watched):
            before = self._memory.get(place, _NOTHING)
            try:
                value = evaluate(self)
            except NotThereError:
                raise
            except Exception as error:  # noqa: BLE001 - raised again when somebody asks
                self._changes[place], self._memory[place] = error, _NOTHING
            else:
                self._changes[place] = before is not _NOTHING and before != value
                self._memory[place] = value

    def has_changed(self, place: int) -> bool:
        """Tell whether a value differs from the one before; raises what reading it raised."""
        found = self._changes[place]
        if isinstance(found, Exception):
            raise found
        return found


Evaluate = Callable[[Scope], Any]


class Expression:
    """An expression that was understood.

    Args:
        text: As somebody wrote it.
        about_one: Whether names are attributes of one agent, rather than agents.

    Raises:
        UsageError: It can't be understood, or may do more than look.

    Attributes:
        agents: The agents it names, without doubles; one that stands for the agent asked about.
        attributes: The attributes it reads, by place of the agent.
    """

    def __init__(self, text: str, *, about_one: bool = False) -> None:
        self.text = text
        self.agents: list[AgentName] = [AgentName(SELF, None)] if about_one else []
        self.attributes: dict[int, list[str]] = {}
        self.watched: list[Evaluate] = []
        """What `changed` asks about."""
        compiler = _Compiler(self, about_one=about_one)
        try:
            self._evaluate = compiler.compiled(_parsed(text).body)
        except RecursionError as error:
            raise UsageError(
                f"{text[:40]!r}... is nested too deeply.", fix="Ask something simpler."
            ) from error
        if not self.agents:
            raise UsageError(
                f"{text!r} names no agent.",
                cause="It would hold after every event, or after none.",
                fix="Ask about the state of an agent, as in 'writer.draft_count > 3'.",
            )

    def evaluate(self, scope: Scope) -> Any:
        """Return its value.

        Raises:
            NotThereError: An agent is not there.
            Exception: Whatever the operations raise.
        """
        if self.watched:
            scope.look(self.watched)
        return self._evaluate(scope)


def _parsed(text: str) -> ast.Expression:
    if len(text) > _TEXT_MAX:
        raise UsageError(
            f"The expression has {len(text):,} characters.", fix=f"At most {_TEXT_MAX:,} are read."
        )
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        detail = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise UsageError(
            f"{text!r} is no expression: {detail}.",
            cause="Usually a quote or a bracket is missing, or `=` stands for `==`.",
            fix="Write it as Python does: 'writer.draft_count > 3'.",
        ) from error


class _Compiler:
    """Turns the nodes of an expression into functions of a scope."""

    def __init__(self, expression: Expression, *, about_one: bool) -> None:
        self._expression = expression
        self._about_one = about_one
        self._bound: list[str] = []  # names of comprehensions around

    def compiled(self, node: ast.AST) -> Evaluate:
        """Return what evaluates a node.

        Raises:
            UsageError: It is not one of those that only look.
        """
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self._refused(node, _NAMES.get(type(node), "it has something that is not read"))
        compiled: Evaluate = method(node)
        return compiled

    # --- what names stand for ---------------------------------------------------------------------

    def _agent(self, node: ast.AST) -> int | None:
        """Return the place of the agent that a node names; None if it names none."""
        key: str | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = str(node.slice.value)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._bound:
            return None
        if self._about_one:
            return 0 if node.id == SELF and key is None else None
        if node.id in FUNCTIONS or node.id == CHANGED:
            return None
        named = AgentName(node.id, key)
        agents = self._expression.agents
        if named not in agents:
            agents.append(named)
        return agents.index(named)

    def _read(self, agent: int, name: str) -> Evaluate:
        known = self._expression.attributes.setdefault(agent, [])
        if name not in known:
            known.append(name)
        return lambda scope: scope.read(agent, name)

    def _name(self, node: ast.Name) -> Evaluate:
        name = node.id
        if name in self._bound:
            return lambda scope: scope.names[name]
        if name in FUNCTIONS or name == CHANGED:
            raise self._refused(node, f"{name} is a function, and is not called")
        if self._about_one and name != SELF:
            return self._read(0, name)
        raise self._refused(node, f"{name} is an agent, and nothing is said about its state")

    def _attribute(self, node: ast.Attribute) -> Evaluate:
        name = node.attr
        if name.startswith("__"):
            raise self._refused(node, f"{name} is none of the agent's attributes")
        agent = self._agent(node.value)
        if agent is not None:
            return self._read(agent, name)
        inner = self.compiled(node.value)
        return lambda scope: member(inner(scope), name)

    def _subscript(self, node: ast.Subscript) -> Evaluate:
        if self._agent(node) is not None:
            raise self._refused(node, "it names an agent, and says nothing about its state")
        inner, index = self.compiled(node.value), self.compiled(node.slice)
        return lambda scope: inner(scope)[index(scope)]

    def _slice(self, node: ast.Slice) -> Evaluate:
        parts = [each and self.compiled(each) for each in (node.lower, node.upper, node.step)]
        return lambda scope: slice(*(each(scope) if each else None for each in parts))

    def _constant(self, node: ast.Constant) -> Evaluate:
        value = node.value
        return lambda _: value

    # --- what is done with them -------------------------------------------------------------------

    def _boolop(self, node: ast.BoolOp) -> Evaluate:
        parts = [self.compiled(each) for each in node.values]
        if isinstance(node.op, ast.And):
            return lambda scope: all(each(scope) for each in parts)
        return lambda scope: any(each(scope) for each in parts)

    def _compare(self, node: ast.Compare) -> Evaluate:
        first = self.compiled(node.left)
        rest = [
            (COMPARISONS[type(op)], self.compiled(each))
            for op, each in zip(node.ops, node.comparators, strict=True)
        ]
        if len(rest) == 1:
            compare, second = rest[0]
            return lambda scope: compare(first(scope), second(scope))

        def chained(scope: Scope) -> bool:
            left = first(scope)
            for compare, part in rest:
                right = part(scope)
                if not compare(left, right):
                    return False
                left = right
            return True

        return chained

    def _binop(self, node: ast.BinOp) -> Evaluate:
        operation = OPERATIONS.get(type(node.op))
        if operation is None:
            raise self._refused(node, "it has an operator that is not read")
        left, right = self.compiled(node.left), self.compiled(node.right)
        return lambda scope: operation(left(scope), right(scope))

    def _unaryop(self, node: ast.UnaryOp) -> Evaluate:
        operation, inner = UNARY[type(node.op)], self.compiled(node.operand)
        return lambda scope: operation(inner(scope))

    def _ifexp(self, node: ast.IfExp) -> Evaluate:
        test, then, other = map(self.compiled, (node.test, node.body, node.orelse))
        return lambda scope: then(scope) if test(scope) else other(scope)

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Evaluate:
        parts = [self.compiled(each) for each in node.elts]
        return lambda scope: [each(scope) for each in parts]

    def _tuple(self, node: ast.Tuple) -> Evaluate:
        return self._list(node)

    def _set(self, node: ast.Set) -> Evaluate:
        return self._list(node)

    def _dict(self, node: ast.Dict) -> Evaluate:
        if None in node.keys:
            raise self._refused(node, "it unpacks a dictionary")
        keys = [self.compiled(each) for each in node.keys if each is not None]
        values = [self.compiled(each) for each in node.values]
        pairs = list(zip(keys, values, strict=True))
        return lambda scope: {key(scope): value(scope) for key, value in pairs}

    # --- calls ------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Evaluate:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == CHANGED:
            return self._changed(node)
        function = FUNCTIONS.get(name)
        if function is None:
            what = f"it calls {ast.unparse(node.func)}()"
            raise self._refused(node, what)
        if any(each.arg not in ("default", "reverse", "start") for each in node.keywords):
            raise self._refused(node, f"{name}() is given an argument that is not read")
        parts = [self.compiled(each) for each in node.args]
        named = {each.arg: self.compiled(each.value) for each in node.keywords if each.arg}
        if not named and len(parts) == 1:
            only = parts[0]
            return lambda scope: function(only(scope))
        return lambda scope: function(
            *(each(scope) for each in parts), **{key: each(scope) for key, each in named.items()}
        )

    def _changed(self, node: ast.Call) -> Evaluate:
        if len(node.args) != 1 or node.keywords:
            raise self._refused(node, "changed() takes one argument")
        if self._bound:
            raise self._refused(node, "changed() stands in a comprehension")
        about = node.args[0]
        if isinstance(about, ast.Constant) and isinstance(about.value, str):
            about = _parsed(about.value).body  # changed('writer.status')
        place = len(self._expression.watched)
        self._expression.watched.append(self.compiled(about))
        return lambda scope: scope.has_changed(place)

    # --- comprehensions ---------------------------------------------------------------------------

    def _generatorexp(self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp) -> Evaluate:
        return self._comprehension(node.generators, [node.elt])

    def _listcomp(self, node: ast.ListComp) -> Evaluate:
        return self._generatorexp(node)

    def _setcomp(self, node: ast.SetComp) -> Evaluate:
        return self._generatorexp(node)

    def _dictcomp(self, node: ast.DictComp) -> Evaluate:
        pairs = self._comprehension(node.generators, [node.key, node.value])
        return lambda scope: dict(pairs(scope))

    def _comprehension(
        self, generators: Sequence[ast.comprehension], wanted: list[ast.expr]
    ) -> Evaluate:
        """Return what makes a list of a comprehension's items."""
        if not generators:
            parts = [self.compiled(each) for each in wanted]
            if len(parts) == 1:
                return lambda scope: [parts[0](scope)]
            return lambda scope: [tuple(each(scope) for each in parts)]
        first = generators[0]
        items = self.compiled(first.iter)
        names = _targets(first.target)
        if names is None or first.is_async:
            raise self._refused(first.target, "it takes items apart in a way that is not read")
        before = len(self._bound)
        self._bound += names
        tests = [self.compiled(each) for each in first.ifs]
        rest = self._comprehension(generators[1:], wanted)
        del self._bound[before:]
        single = isinstance(first.target, ast.Name)

        def made(scope: Scope) -> list[Any]:
            found: list[Any] = []
            for item in items(scope):
                values = [item] if single else list(item)
                scope.names.update(zip(names, values, strict=True))
                if all(test(scope) for test in tests):
                    found += rest(scope)
            return found

        return made

    def _refused(self, node: ast.AST, what: str) -> UsageError:
        place = getattr(node, "col_offset", 0) + 1
        return UsageError(
            f"{self._expression.text!r} is refused: {what} (column {place}).",
            cause="An expression looks at the state of agents, and does nothing else. It may call "
            f"{', '.join(FUNCTIONS)} and {CHANGED}.",
            fix="Write it without that; or give run.when() a function, in Python.",
        )


_NAMES: dict[type[ast.AST], str] = {
    ast.NamedExpr: "it assigns a name",
    ast.Lambda: "it makes a function",
    ast.Await: "it awaits something",
    ast.Yield: "it yields something",
    ast.Starred: "it unpacks a list",
    ast.JoinedStr: "it formats a text",
}


def _targets(target: ast.expr) -> list[str] | None:
    """Return the names that a comprehension binds; None if it binds something else."""
    every = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [each.id for each in every if isinstance(each, ast.Name)]
    return names if len(names) == len(every) else None
