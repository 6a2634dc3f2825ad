"""Rules AM1: state that belongs to the process, and not to an agent.

A process hosts many agents, in another combination each time: a replay may run one alone. What
one of them writes for all to read is therefore different in a replay. Filling a table once with
what anybody would put there (`if key not in CACHE: CACHE[key] = ...`) is let through.
"""

import ast
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from agentmesh.linting import writes
from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.names import Names
from agentmesh.linting.program import Class, Function, Module, Variable
from agentmesh.linting.reach import Reached, inside_nodes
from agentmesh.linting.writes import Write

_HANDLER = "@am.handler\nasync def take(self, job: Job) -> int:\n"

WRITTEN = Rule(
    id="AM101",
    name="global-written",
    why="A module's global belongs to the process: other agents write it, too, and a replay or "
    "a recovered host starts with another value.",
    fix="Keep it in an annotated attribute of the agent, or in an agent that others ask.",
    bad=f"CALLS = 0\n\n{_HANDLER}    global CALLS\n    CALLS += 1\n    return CALLS",
    good="@am.agent\nclass Counter:\n    calls: int = 0\n\n    @am.handler\n"
    "    async def take(self, job: Job) -> int:\n"
    "        self.calls += 1\n        return self.calls",
)
READ = Rule(
    id="AM102",
    name="changing-global-read",
    why="The global is set at run time by code that a replay and other hosts do not run: they "
    "import the module, and find its first value.",
    fix="Pass the value in with the workflow's message or as an agent's state.",
    bad="LIMIT = 3\n\ndef configure(limit: int) -> None:\n    global LIMIT\n    LIMIT = limit\n\n"
    f"{_HANDLER}    return LIMIT",
    good=f"class Job(am.Message):\n    limit: int = 3\n\n{_HANDLER}    return job.limit",
)
CLASS = Rule(
    id="AM103",
    name="class-attribute-written",
    why="A class belongs to the process: all instances of all agents share the attribute, and it "
    "is not part of any agent's state.",
    fix="Annotate it (`seen: list[str] = []`): each instance gets its own, and it is stored.",
    bad="@am.agent\nclass Desk:\n    seen = []\n\n    @am.handler\n"
    "    async def take(self, job: Job) -> int:\n        self.seen.append(job.id)",
    good="@am.agent\nclass Desk:\n    seen: list[str] = []\n\n    @am.handler\n"
    "    async def take(self, job: Job) -> int:\n        self.seen.append(job.id)",
)
DEFAULT = Rule(
    id="AM104",
    name="default-argument-changed",
    why="A default value is made once for the process: every call of every agent changes the same "
    "one.",
    fix="Default to None, and make the value inside the function.",
    bad="def collect(item: str, found: list[str] = []) -> list[str]:\n    found.append(item)",
    good="def collect(item: str, found: list[str] | None = None) -> list[str]:\n"
    "    found = [*(found or []), item]",
)
CLOSURE = Rule(
    id="AM105",
    name="closure-written",
    why="The variable belongs to the function that defined the agent: it outlives every turn, and "
    "a replay makes it anew.",
    fix="Keep it in an annotated attribute of the agent.",
    bad="def make_agent():\n    calls = 0\n    @am.agent\n    async def counter(job: Job) -> int:\n"
    "        nonlocal calls\n        calls += 1\n        return calls",
    good="@am.agent\nclass Counter:\n    calls: int = 0",
)
RULES = (WRITTEN, READ, CLASS, DEFAULT, CLOSURE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RunTimeWrites:
    """Where globals are changed at run time by code that no handler reaches."""

    places: dict[Variable, str]
    told: dict[tuple[Variable, Module], None] = field(default_factory=dict)
    """Where reads were reported: once in a module is enough."""

    @classmethod
    def of(cls, names: Names, reached: list[Reached]) -> "RunTimeWrites":
        """Look through the functions of a program that name what handlers read."""
        read = {found: None for one in reached for _, found in _globals_read(names, one)}
        found = {one: _place(one.module, one.in_main[0]) for one in read if one.in_main}
        inside = {one.function: None for one in reached}
        wanted = {one.name for one in read}
        at_import: dict[Function, None] | None = None
        for module in names.modules.values():
            named = wanted.intersection(_WORD.findall(module.source.text)) if wanted else ()
            for function in module.every_function if named else ():
                if function in inside or _registers(function) or not _mentions(function, named):
                    continue
                for write in writes.of(names, function, function.nodes):
                    target = write.target
                    if not isinstance(target, Variable) or write.once or target not in read:
                        continue
                    at_import = _called_at_import(names) if at_import is None else at_import
                    if function not in at_import and not _decorates(function):
                        found.setdefault(target, _place(module, write.node))
        return cls(found)


def _globals_read(names: Names, here: Reached) -> Iterator[tuple[ast.expr, Variable]]:
    function = here.function
    for node in inside_nodes(names, function):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            found = names.resolve(node, function, function.module)
            if isinstance(found, Variable):
                yield node, found


def _registers(function: Function) -> bool:
    """Tell whether a function is by its name one that modules call as they are imported."""
    return function.name.lstrip("_").startswith("register")


def _mentions(function: Function, named: Container[str]) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in named)
        or (isinstance(node, ast.Attribute) and node.attr in named)
        for node in function.nodes
    )


def _place(module: Module, node: ast.AST) -> str:
    return f"{module.source.path}:{getattr(node, 'lineno', 1)}"


def _called_at_import(names: Names) -> dict[Function, None]:
    """Return the functions that a module calls as it is imported, or decorates others with."""
    found: dict[Function, None] = {}
    for module in names.modules.values():
        todo: list[ast.AST] = []
        for statement in module.source.tree.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                todo.extend(statement.decorator_list)
            else:
                todo.append(statement)
        todo += [one for cls in module.every_class for one in cls.node.body]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                todo.extend(node.decorator_list)
                continue
            if isinstance(node, ast.If) and "__main__" in ast.dump(node.test):
                continue
            if isinstance(node, ast.Name | ast.Attribute):
                thing = names.resolve(node, None, module)
                if isinstance(thing, Function):
                    found[thing] = None
            todo.extend(ast.iter_child_nodes(node))
    return found


def _decorates(function: Function) -> bool:
    """Tell whether a function looks like a decorator or registration: it returns what it got."""
    given = {each.arg for each in function.parameters()} | set(function.nested)
    outer = function.parent
    while outer is not None:
        given |= {each.arg for each in outer.parameters()}
        outer = outer.parent
    return any(
        isinstance(node, ast.Return) and isinstance(node.value, ast.Name) and node.value.id in given
        for node in ast.walk(function.node)
    )


def check(names: Names, here: Reached, inside: dict[Function, None]) -> Iterator[Finding]:
    """Report writes of one function to what belongs to the process."""
    function = here.function
    told: dict[tuple[str, int], None] = {}
    for write in writes.of(names, function, inside_nodes(names, function)):
        rule, what = _judge(write, here, inside)
        if rule is None or write.once or (rule.id, write.node.lineno) in told:
            continue
        told[rule.id, write.node.lineno] = None
        yield function.module.source.finding(
            rule, write.node, f"{what} in {function.shown}{here.through}."
        )


def _judge(write: Write, here: Reached, inside: dict[Function, None]) -> tuple[Rule | None, str]:
    target = write.target
    if isinstance(target, Variable):
        return WRITTEN, f"The global {target.name} is {write.how}"
    if isinstance(target, Class):
        return CLASS, f"{target.name}.{write.name}, which all instances share, is {write.how}"
    if isinstance(target, Function):
        if target is here.function:
            return DEFAULT, f"The default value of {write.name} is {write.how}"
        if target not in inside:
            return CLOSURE, f"{write.name}, a variable of {target.shown}, is {write.how}"
        return None, ""
    if isinstance(target, str):
        return WRITTEN, f"{target}.{write.name}, which belongs to another module, is {write.how}"
    return None, ""


def check_reads(names: Names, here: Reached, changed: RunTimeWrites) -> Iterator[Finding]:
    """Report reads of globals that change at run time where no handler is."""
    function = here.function
    # What it writes itself is told as a write.
    own = writes.of(names, function, inside_nodes(names, function))
    written = [write.target for write in own if not write.once]
    for node, found in _globals_read(names, here):
        place = (found, function.module)
        if found in changed.places and found not in written and place not in changed.told:
            changed.told[place] = None
            where = changed.places[found]
            what = f"The global {found.name} is read in {function.shown}{here.through}, and"
            yield function.module.source.finding(READ, node, f"{what} set at {where}.")
