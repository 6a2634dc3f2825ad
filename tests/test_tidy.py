"""The source keeps its own rules: what no linter checks, checked by reading the source.

Every check is first shown sources with the fault planted in them: a check that
cannot fail says nothing. The checks themselves are in `tests/tidy/`.
"""

import importlib.metadata
import tomllib
from collections.abc import Callable, Iterator
from posixpath import join

import pytest

from tests.tidy import determinism, graph, sizes, wording
from tests.tidy.source import ROOT, Finding, Source, prose_sources, python_sources

Check = Callable[[Source], Iterator[Finding]]

TOO_LONG: dict[str, int] = {}
"""Files over the soft limit, with the lines they have. Numbers go down, and entries go away."""

IMPORTED_BY_USERS = {
    "agentmesh": "the front door",
    "agentmesh.testing": "what users' tests import",
    "agentmesh.__main__": "python -m agentmesh",
}
"""Modules that nobody inside needs to import, and who does."""

PLUGINS = "agentmesh.testing.plugin"
"""Where the modules are that are installed beside agentmesh."""

OF_AN_EXTRA = {"agentmesh/cli/ide.py": ["debugpy"]}
"""Modules that say what to install if what they need is missing, and what that is."""
UNDECLARED = {
    "annotated-types": "pydantic's constraints are made of it",
    "fsspec": "tried where pyarrow knows no filesystem; the error says to install it",
    "pydantic-core": "pydantic asks for exactly the version it fits",
    "pytest": "it is what loads the plugin that imports it",
}
"""Libraries that are imported and not asked for, and why that is right."""

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def check_file_sizes(source: Source) -> Iterator[Finding]:
    """Bind the size check to this project's list."""
    return sizes.long_files(source, TOO_LONG)


def check_front_door(source: Source) -> Iterator[Finding]:
    """Bind the import check to this project's packages."""
    packages = [path.stem for path in (ROOT / "agentmesh").iterdir()]
    return graph.front_door_imports(source, packages)


ON_PYTHON: dict[str, Check] = {
    "file size": check_file_sizes,
    "function size": sizes.long_functions,
    "module docstring": wording.missing_docstrings,
    "notes": wording.leftover_notes,
    "machine paths": wording.machine_paths,
    "set order": determinism.set_iteration,
    "hash and id": determinism.hash_and_id,
    "ambient imports": determinism.ambient_imports,
    "front door": check_front_door,
}
ON_PROSE: dict[str, Check] = {
    "notes": wording.leftover_notes,
    "machine paths": wording.machine_paths,
}

NOTE = "TO" + "DO"
LONG_FUNCTION = "def f():\n" + "    pass\n" * sizes.FUNCTION_LINES_MAX

PLANTED: dict[str, tuple[str, ...]] = {
    "file size": ("pass\n" * (sizes.FILE_LINES_SOFT + 1), "pass\n" * (sizes.FILE_LINES_HARD + 1)),
    "function size": (LONG_FUNCTION, "async " + LONG_FUNCTION, f"class A:\n  {LONG_FUNCTION}"),
    "module docstring": ("", "# a comment\n", "import ast\n'too late'\n"),
    "notes": (f"x = 1  # {NOTE}: later\n", f'"""{NOTE}"""\n'),
    "machine paths": ('x = "/' + 'home/ada/runs"\n', "# see /" + "work/notes.md\n"),
    "set order": (
        "for x in {1, 2}: pass",
        "list({1, 2})",
        "[x for x in set(y)]",
        "{x: 1 for x in frozenset(y)}",
        "print(*{x for x in y})",
        "def f(names: set[str]): return ','.join(names)",
        "def f(names: 'set[str] | None'): yield from names",
        "from collections import abc\ndef f(names: abc.Set[str]): return tuple(names)",
        "def f():\n  seen = set()\n  return next(iter(seen))",
        "def f():\n  seen = set()\n  return seen.pop()",
        "def f(a: dict, b: dict):\n  for key in a.keys() & b.keys(): pass",
        "def f(a: set, b):\n  for key in a - b: pass",
        "def f(a: set, b):\n  for key in a.union(b): pass",
        "class A:\n  waiting: set[str]\n  def f(self):\n    for x in self.waiting: pass",
        "class A:\n  def __init__(self): self.x = set()\n  def f(self): return [*self.x]",
        "class A:\n  def g(self): self.x: set[int] = g()\n  def f(self): return list(self.x)",
        "def f(a: set):\n  first, second = a",
        "async def f(a: set):\n  return [x async for x in g(*a)]",
    ),
    "hash and id": (
        "x = id(y)",
        "x = hash(y)",
        "sorted(x, key=id)",
        "map(hash, x)",
        "class A:\n  def __hash__(self): return id(self)",
        "def f(x): return {hash(x): 1}",
    ),
    "ambient imports": (
        "import time",
        "from time import monotonic",
        "import os.path",
        "from datetime import datetime",
        "import uuid",
        "def f():\n  import secrets",
        "import random\nrandom.random()",
        "from random import random",
        "import random\nrandom.SystemRandom()",
    ),
    "front door": (
        "import agentmesh",
        "import agentmesh as am",
        "from agentmesh import agent",
        "from agentmesh import kernel, agent",
        "import agentmesh.errors",
    ),
}

ACCEPTED: dict[str, tuple[str, ...]] = {
    "file size": ("pass\n" * sizes.FILE_LINES_SOFT,),
    "function size": ("def f():\n" + "    pass\n" * (sizes.FUNCTION_LINES_MAX - 1),),
    "module docstring": ('"""What it is."""\n',),
    "notes": ("methodology = 1\n",),
    "machine paths": (
        f"# {join('runs', 'home', 'ada')}\n",
        f"# {join('https://example.org', 'work', 'x')}\n",
        f"x = {join('/', 'tmp')!r}\n",
    ),
    "set order": (
        "def f(names: set[str]): return sorted(names)",
        "def f(names: set[str]): return sorted(name.upper() for name in names)",
        "def f(names: set[str]): return len(names), 'x' in names, max(names)",
        "def f(names: set[str]): return {name.upper() for name in names}",
        "def f(names: set[str]):\n  for x in names: pass  # tidy: each is cancelled, in any order",
        "def f(names: dict[str, None]):\n  for x in names: pass",
        "def f(names: list[str]):\n  seen = set(names)\n  names = list(names)",
        "x = [1].pop()",
    ),
    "hash and id": (
        "class A:\n  def __hash__(self): return hash(self.key)",
        "class A:\n  def id(self): return self.id",
        "def f(id): return g(id)",
        "x = id(y)  # tidy: looked up, never ordered",
    ),
    "ambient imports": (
        "import random\nclass G(random.Random): pass",
        "from random import Random",
        "import asyncio, heapq",
    ),
    "front door": (
        "from agentmesh.errors import AgentMeshError",
        "from agentmesh import kernel",
        "import agentmesh.kernel.cell as cell_module",
        "import agentmesh_extras",
    ),
}


@pytest.fixture(scope="module")
def sources() -> tuple[Source, ...]:
    """Every Python file of the project; each is parsed once for all rules."""
    return python_sources()


def planted(text: str) -> Source:
    """Pretend that a text is a module of the kernel, where every rule holds."""
    return Source(path="agentmesh/kernel/planted.py", text=text)


@pytest.mark.parametrize("rule", ON_PYTHON)
def test_each_rule_finds_its_fault_where_it_was_planted(rule: str) -> None:
    """A rule that finds nothing here would find nothing anywhere."""
    missed = [text for text in PLANTED[rule] if not list(ON_PYTHON[rule](planted(text)))]

    assert missed == []


@pytest.mark.parametrize("rule", ON_PYTHON)
def test_each_rule_lets_sound_source_pass(rule: str) -> None:
    """A rule that objects to everything would be switched off within a week."""
    objections = [str(found) for text in ACCEPTED[rule] for found in ON_PYTHON[rule](planted(text))]

    assert objections == []


@pytest.mark.parametrize("rule", ON_PYTHON)
def test_python_sources_keep_the_rule(rule: str, sources: tuple[Source, ...]) -> None:
    """The rule, over every Python file of the project."""
    assert_none(finding for source in sources for finding in ON_PYTHON[rule](source))


@pytest.mark.parametrize("rule", ON_PROSE)
def test_prose_keeps_the_rule(rule: str) -> None:
    """The rule, over every page and configuration file."""
    assert_none(finding for source in prose_sources() for finding in ON_PROSE[rule](source))


def test_the_project_is_found() -> None:
    """A pattern that matches no file would make every other test here pass."""
    paths = [source.path for source in (*python_sources(), *prose_sources())]

    assert {"agentmesh/errors.py", "tests/test_tidy.py", "pyproject.toml", ".ci/run"} <= {*paths}


def test_rules_for_deterministic_packages_end_at_their_border() -> None:
    """The command may read the clock and keep a set."""
    text = "import time\nfor x in {1, 2}: print(id(x))\n"
    source = Source(path="agentmesh/cli/planted.py", text=text)
    rules = ("set order", "hash and id", "ambient imports")

    assert [found for rule in rules for found in ON_PYTHON[rule](source)] == []


def test_a_file_on_the_list_of_long_ones_may_only_shrink() -> None:
    """The list is a ratchet: growth is refused, and so is an entry that is no longer needed."""
    source = planted("pass\n" * 450)

    assert list(sizes.long_files(source, {source.path: 450})) == []
    assert list(sizes.long_files(source, {source.path: 449}))
    assert list(sizes.long_files(planted("pass\n" * 400), {source.path: 450}))


def test_the_list_of_long_files_names_files_that_exist() -> None:
    """A file that was moved or removed leaves the list with it."""
    assert [path for path in TOO_LONG if not (ROOT / path).is_file()] == []


def test_an_exemption_needs_a_reason() -> None:
    """The bare marker exempts nothing."""
    assert list(determinism.hash_and_id(planted("x = id(y)  # tidy: ")))


def test_no_module_is_orphaned(sources: tuple[Source, ...]) -> None:
    """Everything is reachable from a command, the front door or what users import."""
    modules = [each for each in sources if each.path.startswith("agentmesh/")]

    assert_none(graph.orphans(modules, [*IMPORTED_BY_USERS, *entry_points()]))


def test_an_orphan_and_a_missing_entry_are_found() -> None:
    """Two modules that only know each other are reachable from nowhere."""
    texts = {
        "agentmesh/__init__.py": "from agentmesh.used import thing",
        "agentmesh/used.py": "LAZY = {'thing': 'agentmesh.lazy.deep:Thing'}",
        "agentmesh/lazy/__init__.py": "",
        "agentmesh/lazy/deep.py": "",
        "agentmesh/one.py": "import agentmesh.two",
        "agentmesh/two.py": "from agentmesh import one",
    }
    sources = [Source(path=path, text=text) for path, text in texts.items()]
    found = [each.path for each in graph.orphans(sources, ["agentmesh", "agentmesh.gone"])]

    assert found == ["pyproject.toml", "agentmesh/one.py", "agentmesh/two.py"]


def test_every_imported_library_is_declared(sources: tuple[Source, ...]) -> None:
    """agentmesh stands on its base dependencies; tests and examples also on the extras."""
    base = [graph.normalised(each) for each in PYPROJECT["project"]["dependencies"]]
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    every = [*UNDECLARED, *base] + [graph.normalised(each) for extra in extras for each in extra]
    distributions = importlib.metadata.packages_distributions()

    assert_none(
        finding
        for source in sources
        for finding in graph.undeclared_libraries(
            source,
            declared=[*base, *UNDECLARED, *OF_AN_EXTRA.get(source.path, ())]
            if source.path.startswith("agentmesh/")
            else every,
            distributions=distributions,
        )
    )


def test_an_undeclared_library_is_found() -> None:
    """A library that is installed by chance works here, and nowhere else."""
    source = planted("import json\nimport yaml.cyaml\nfrom rich.table import Table\n")
    distributions = {"yaml": ["PyYAML"], "rich": ["rich"]}
    found = graph.undeclared_libraries(source, declared=["rich"], distributions=distributions)

    assert [each.line for each in found] == [2]


def entry_points() -> list[str]:
    """Modules that an installer or a plugin's host starts, from `pyproject.toml`."""
    project = PYPROJECT["project"]
    tables = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    targets = [target.partition(":")[0] for table in tables for target in table.values()]
    return [each if each.startswith("agentmesh.") else f"{PLUGINS}.{each}" for each in targets]


def assert_none(findings: Iterator[Finding]) -> None:
    """Fail with one finding a line, each where an editor can jump to."""
    found = sorted(findings)
    if found:
        pytest.fail("\n".join(str(each) for each in found), pytrace=False)
