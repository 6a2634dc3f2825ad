"""Rules AM4: clocks, generators and values that were taken before a handler runs.

What agentmesh answers at run time is not reported: `now = time.monotonic` in a module is found and
replaced, as are defaults and class attributes. Out of its reach are tuples, sets and compiled
validators, and every value that was computed while the module was imported.
"""

import ast
from collections.abc import Iterator

from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.names import Names
from agentmesh.linting.program import Class, Function, Variable
from agentmesh.linting.reach import Reached, inside_nodes

_HANDLER = "@am.handler\nasync def take(self, job: Job) -> float:\n    "

CLOCK = Rule(
    id="AM401",
    name="captured-clock",
    why="A reference in a tuple, a set or a compiled validator can't be replaced: it reads the "
    "machine's clock or generator inside the handler, also in a replay.",
    fix="Call it by its name (`time.monotonic()`), or use am.now() and am.random().",
    bad=f"CLOCKS = (time.monotonic,)\n\n{_HANDLER}return CLOCKS[0]()",
    good=f"{_HANDLER}return time.monotonic()  # logical time inside a handler",
)
GENERATOR = Rule(
    id="AM402",
    name="process-generator",
    why="A generator kept by the process goes on where the last agent left it; a replay begins "
    "it anew. Seeding it does not help.",
    fix="Draw from am.random(), or from the functions of `random`: the turn's own generator.",
    bad=f"RNG = random.Random(7)\n\n{_HANDLER}return RNG.random()",
    good=f"{_HANDLER}return am.random().random()",
)
IMPORTED = Rule(
    id="AM403",
    name="import-time-value",
    why="It was computed when the module was imported, which a replay does at another time, in "
    "another process.",
    fix="Compute it in the handler (clocks and random numbers are logical there), or pass it in.",
    bad=f"STARTED = time.time()\n\n{_HANDLER}return time.time() - STARTED",
    good="@am.agent\nclass Desk:\n    started: float | None = None  # set in the first handler",
)
RULES = (CLOCK, GENERATOR, IMPORTED)

_UNTOUCHED = (
    *("time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
    *("time.process_time", "time.process_time_ns", "random.random", "random.getrandbits"),
    *("os.urandom",),
)
"""What can't be answered through a copy that was taken early; `time.time` can."""
_VALIDATORS = ("pydantic.Field", "pydantic.fields.Field", "pydantic.PrivateAttr")
_GENERATORS = (
    *("random.Random", "random.SystemRandom", "numpy.random.default_rng", "numpy.random.Generator"),
    *("numpy.random.RandomState", "faker.Faker", "torch.Generator"),
)
_NUMPY_SAFE = ("default_rng", "Generator", "SeedSequence", "RandomState", "PCG64", "BitGenerator")
_MOODY = (
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter"),
    *("time.perf_counter_ns", "time.ctime", "time.localtime", "time.gmtime", "time.strftime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"),
    *("random.random", "random.randint", "random.randrange", "random.choice", "random.choices"),
    *("random.sample", "random.uniform", "random.getrandbits", "random.gauss", "random.randbytes"),
    *("secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes", "secrets.randbelow"),
    *("secrets.choice", "os.urandom", "os.getpid", "os.getppid", "socket.gethostname"),
    *("os.getenv", "os.environ.get", "os.getcwd", "platform.node", "pathlib.Path.cwd"),
)
_ENVIRONMENT = ("os.environ",)


def check(names: Names, here: Reached) -> Iterator[Finding]:
    """Report captured clocks, kept generators and values of import time in one function."""
    function = here.function
    source = function.module.source
    told: dict[object, None] = {}
    for node in inside_nodes(names, function):
        if isinstance(node, ast.Call):
            name = names.called(node.func, function, function.module)
            if isinstance(name, str) and _is_numpy_global(name):
                what = f"{name}() draws from the process's generator in {function.shown}"
                yield source.finding(GENERATOR, node, f"{what}{here.through}.")
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        found = names.resolve(node, function, function.module)
        if isinstance(found, Variable) and found not in told:
            told[found] = None
            for rule, what in _of_variable(names, found):
                place = f"{found.module.source.path}:{getattr(found.node, 'lineno', 1)}"
                text = f"{found.name} {what} at {place}, and is used in {function.shown}"
                yield source.finding(rule, node, f"{text}{here.through}.")
    yield from _defaults(names, here)
    yield from _class_values(names, here, told)


def _is_numpy_global(name: str) -> bool:
    base, _, last = name.rpartition(".")
    return base == "numpy.random" and last not in _NUMPY_SAFE


def _of_variable(names: Names, variable: Variable) -> Iterator[tuple[Rule, str]]:
    for value in variable.values:
        if names.type_of(value, None, variable.module) in _GENERATORS:
            yield GENERATOR, "is a generator of the process, made"
            return
        if _holds_clock(names, value, variable):
            yield CLOCK, "holds a clock or generator out of reach"
            return
        moody = _moody_call(names, value, None, variable)
        if moody:
            yield IMPORTED, f"was computed by {moody} when the module was imported"
            return


def _holds_clock(names: Names, value: ast.expr, variable: Variable) -> bool:
    for each in ast.walk(value):
        if isinstance(each, ast.Tuple | ast.Set):
            for one in each.elts:
                if names.resolve(one, None, variable.module) in _UNTOUCHED:
                    return True
    return False


def _moody_call(
    names: Names, value: ast.expr, function: Function | None, owner: Variable | Function
) -> str:
    """Return what an expression computes anew in each process, or an empty text."""
    todo: list[ast.AST] = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Lambda):
            continue  # computed when it is called
        if isinstance(each, ast.Call):
            name = names.called(each.func, function, owner.module)
            if name in _MOODY:
                return f"{name}()"
        if (
            isinstance(each, ast.Subscript)
            and names.resolve(each.value, function, owner.module) in _ENVIRONMENT
        ):
            return "os.environ[...]"
        todo.extend(ast.iter_child_nodes(each))
    return ""


def _defaults(names: Names, here: Reached) -> Iterator[Finding]:
    function = here.function
    arguments = function.node.args
    for value in (*arguments.defaults, *arguments.kw_defaults):
        if value is None or function.parent is not None:
            continue  # a nested function's defaults are computed by the turn
        moody = _moody_call(names, value, None, function)
        if moody:
            what = f"A default of {function.shown} was computed by {moody} at import{here.through}."
            yield function.module.source.finding(IMPORTED, value, what)


def _class_values(names: Names, here: Reached, told: dict[object, None]) -> Iterator[Finding]:
    """Report attributes of the agent's own class that were computed when it was defined."""
    cls = here.function.owner
    if cls is None or cls.parent is not None:
        return
    for statement in cls.node.body:
        match statement:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                moody = _moody_call(names, value, None, here.function)
                field = next(iter(_names_of(statement)), "")
                used = any(
                    isinstance(node, ast.Attribute) and node.attr == field
                    for node in inside_nodes(names, here.function)
                )
                if moody and used and id(statement) not in told:
                    told[id(statement)] = None
                    what = f"{cls.name}.{field} was computed by {moody} when the class was made"
                    what += f", and is used in {here.function.shown}{here.through}."
                    yield cls.module.source.finding(IMPORTED, value, what)


def _names_of(statement: ast.stmt) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    yield from (one.id for one in targets if isinstance(one, ast.Name))


def check_messages(names: Names, reached: list[Reached]) -> Iterator[Finding]:
    """Report validators of messages that hold a clock which can't be replaced."""
    if not reached:
        return
    for module in names.modules.values():
        for cls in module.every_class:
            if "agentmesh.Message" not in names.bases(cls):
                continue
            for node in (each for one in cls.node.body for each in ast.walk(one)):
                if isinstance(node, ast.Call) and (
                    names.resolve(node.func, cls.parent, module) in _VALIDATORS
                ):
                    yield from _factory(names, node, cls)


def _factory(names: Names, node: ast.Call, cls: Class) -> Iterator[Finding]:
    for keyword in node.keywords:
        if keyword.arg == "default_factory":
            found = names.resolve(keyword.value, cls.parent, cls.module)
            if found in _UNTOUCHED:
                what = f"A compiled validator of {cls.name} holds {found}."
                yield cls.module.source.finding(CLOCK, keyword.value, what)
