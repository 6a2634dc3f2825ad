"""An audit of Python sources: agents walk a real tree, measure it, grade it and report.

A tool lists the files and another one reads them: all I/O is in tools, so that a replay needs
no files. Parsers measure them with `ast`, several batches at once. One critic for each kind of
finding grades what they found, and a reporter writes it down, with a summary by a model if one
is configured (OPENAI_API_KEY or OPENAI_BASE_URL, and OPENAI_MODEL). `--check` counts again in
plain code, one file after the other, and exits with 1 if a number differs.

    python examples/source_audit.py --check $(python -c 'import json; print(json.__path__[0])')
    AGENTMESH_LOCAL=1 python examples/source_audit.py src tests     # without Ray
    agentmesh replay                                                # without the files

Expected output of the first command (`...` depends on your Python):

    5 files, ... lines, ... functions; 0 files can't be read
    kind             minor  major  critical  worst
    long             ...
    deep             ...
    complex          ...
    bare except          0      0         0
    mutable default      0      0         0
    undocumented     ...
    Checked: plain code counts the same.
"""

import argparse
import ast
import asyncio
import os
import sys
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

import agentmesh as am

Grade = Literal["minor", "major", "critical"]
GRADES: tuple[Grade, ...] = ("minor", "major", "critical")
LIMITS = {"long": 50, "deep": 4, "complex": 10}  # lines, levels, ways through a function
MAJOR, CRITICAL = 1.5, 3  # times the limit
UNLIMITED: dict[str, Grade] = {
    "bare except": "major",
    "mutable default": "major",
    "undocumented": "minor",
}
KINDS = (*LIMITS, *UNLIMITED)

PARSERS = 4
BATCH_FILES = 20
UNREADABLE_SHOWN = 10


class Request(am.Message):
    """What to audit."""

    paths: list[str]
    summarise: bool = False


class Batch(am.Message):
    """Files to measure."""

    files: list[str]


class Source(am.Message):
    """A file as it was read."""

    file: str
    text: str = ""
    problem: str = ""


class Finding(am.Message):
    """Something to object to."""

    kind: str
    size: int
    place: str


class Findings(am.Message):
    """What a batch has of one kind."""

    found: list[Finding]


class Totals(am.Message):
    """How much was measured."""

    files: int = 0
    lines: int = 0
    functions: int = 0
    unreadable: tuple[str, ...] = ()


class Verdict(am.Message):
    """How many findings of a kind have which grade, and the largest one."""

    kind: str
    grades: dict[Grade, int]
    worst: tuple[int, str]


class Report(am.Message):
    """All numbers of an audit."""

    base: str
    totals: Totals
    verdicts: list[Verdict]


# --- the world: only tools touch it ---------------------------------------------------------------


@am.tool
def list_files(paths: list[str]) -> list[str]:
    """Name the Python files at or below some paths, each once."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return list(dict.fromkeys(str(file) for file in found if file.is_file()))


@am.tool
def read_files(files: list[str]) -> list[Source]:
    """Read files, each in the encoding that it declares."""
    return [_read(file) for file in files]


def _read(file: str) -> Source:
    try:
        with tokenize.open(file) as opened:
            return Source(file=file, text=opened.read())
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        return Source(file=file, problem=f"{type(error).__name__}: {error}")


# --- measuring and grading: plain functions -------------------------------------------------------

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def measure(source: Source) -> tuple[Totals, list[Finding]]:
    """Measure one file; one that is not Python counts as unreadable."""
    try:
        tree = _parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        problem = source.problem or f"{type(error).__name__}: {error}"
        return Totals(files=1, unreadable=(f"{source.file}: {problem}",)), []
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    lines = len(source.text.splitlines())
    return Totals(files=1, lines=lines, functions=len(functions)), [
        Finding(kind=kind, size=size, place=f"{source.file}:{line}")
        for kind, size, line in [
            *_of_functions(functions),
            *_of_handlers(tree),
            *_of_docstrings(tree),
        ]
    ]


def _parse(source: Source) -> ast.Module:
    if source.problem:
        raise ValueError(source.problem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python finds odd in the file is not odd here
        return ast.parse(source.text)


def _of_functions(functions: list[Function]) -> Iterator[tuple[str, int, int]]:
    for function in functions:
        last = function.end_lineno or function.lineno
        sizes = {
            "long": last - function.lineno + 1,
            "deep": _depth(function),
            "complex": _ways_through(function),
        }
        for kind, size in sizes.items():
            if size > LIMITS[kind]:
                yield kind, size, function.lineno
        for default in (*function.args.defaults, *function.args.kw_defaults):
            if isinstance(default, ast.List | ast.Dict | ast.Set):
                yield "mutable default", 1, default.lineno


def _of_handlers(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield "bare except", 1, node.lineno


def _of_docstrings(node: ast.Module | ast.ClassDef | Function) -> Iterator[tuple[str, int, int]]:
    if node.body and ast.get_docstring(node, clean=False) is None:
        yield "undocumented", 1, getattr(node, "lineno", 1)
    for child in () if isinstance(node, Function) else node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield from _of_docstrings(child)


def _depth(node: ast.AST) -> int:
    """Count how deep blocks are nested in each other; an `elif` is not nested in its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            if isinstance(child, Function | ast.ClassDef):
                continue  # measured by themselves
            is_elif = isinstance(node, ast.If) and node.orelse == [child]
            own = isinstance(child, BLOCKS) and not (is_elif and isinstance(child, ast.If))
            deepest = max(deepest, own + _depth(child))
    return deepest


def _ways_through(function: Function) -> int:
    """Count the independent ways through a function: its cyclomatic complexity."""
    ways = 1
    for node in ast.walk(function):
        if isinstance(node, ast.BoolOp):
            ways += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            ways += 1 + len(node.ifs)
        else:
            ways += isinstance(node, BRANCHES)
    return ways


def grade(finding: Finding) -> Grade:
    """Grade a finding by how far it is above the limit."""
    if finding.kind in UNLIMITED:
        return UNLIMITED[finding.kind]
    times = finding.size / LIMITS[finding.kind]
    return "critical" if times >= CRITICAL else "major" if times >= MAJOR else "minor"


def base_of(files: list[str]) -> str:
    """Return the folder that all files are in, which a report need not repeat."""
    folders = [str(Path(file).parent) for file in files]
    return f"{os.path.commonpath(folders)}/" if folders else ""


def add_up(parts: Iterable[Totals]) -> Totals:
    """Add totals up, in any order."""
    every = list(parts)
    return Totals(
        files=sum(part.files for part in every),
        lines=sum(part.lines for part in every),
        functions=sum(part.functions for part in every),
        unreadable=tuple(sorted(line for part in every for line in part.unreadable)),
    )


# --- agents ---------------------------------------------------------------------------------------


@am.agent
class Critic:
    """Grades the findings of one kind: its key."""

    grades: dict[Grade, int] = Field(default_factory=dict)
    worst: tuple[int, str] = (0, "")

    @am.handler
    async def review(self, findings: Findings) -> None:
        """Grade some findings."""
        for finding in findings.found:
            given = grade(finding)
            self.grades[given] = self.grades.get(given, 0) + 1
            self.worst = max(self.worst, (finding.size, finding.place))

    @am.handler
    async def verdict(self) -> Verdict:
        """Sum up."""
        return Verdict(kind=am.context().key, grades=self.grades, worst=self.worst)


@am.agent(per_host=2)  # on Ray, two processes for four parsers
class Parser:
    """Measures batches of files."""

    @am.handler
    async def measure(self, batch: Batch) -> Totals:
        """Measure a batch, and hand what was found to the critics."""
        measured = [measure(source) for source in await read_files(batch.files)]
        found = [finding for _, findings in measured for finding in findings]
        for kind in KINDS:
            ours = [finding for finding in found if finding.kind == kind]
            if ours:
                await am.ref(Critic, kind).review(Findings(found=ours))
        return add_up(totals for totals, _ in measured)


@am.agent
class Reporter:
    """Writes reports."""

    @am.handler
    async def write(self, report: Report) -> str:
        """Write the numbers down."""
        return table(report)

    @am.handler
    async def summarise(self, report: Report) -> str:
        """Have a model say what matters."""
        return await am.llm(f"In two sentences, what should be mended first?\n\n{table(report)}")


def table(report: Report) -> str:
    """Return a report as text."""
    totals, unreadable = report.totals, report.totals.unreadable
    counted = f"{totals.files:,} files, {totals.lines:,} lines, {totals.functions:,} functions"
    lines = [f"{counted}; {len(unreadable)} files can't be read"]
    lines += [f"  {problem}" for problem in unreadable[:UNREADABLE_SHOWN]]
    lines += [f"{'kind':15}  minor  major  critical  worst"]
    for verdict in report.verdicts:
        minor, major, critical = (verdict.grades.get(name, 0) for name in GRADES)
        size, place = verdict.worst
        worst = f"{size:,} at {place}" if verdict.kind in LIMITS and size else place
        lines.append(f"{verdict.kind:15}  {minor:5}  {major:5}  {critical:8}  {worst}".rstrip())
    return "\n".join(lines).replace(report.base, "")


@am.workflow(deadline="30m")
async def main(request: Request) -> tuple[Report, str]:
    """Audit some paths; return the numbers and the text."""
    files = await list_files(request.paths)
    batches = iter([files[n : n + BATCH_FILES] for n in range(0, len(files), BATCH_FILES)])

    async def keep_busy(name: str) -> list[Totals]:
        parser = am.ref(Parser, name)  # the batches are shared: whoever is free takes the next
        return [await parser.measure(Batch(files=batch)) for batch in batches]

    parts = await asyncio.gather(*(keep_busy(f"parser-{n}") for n in range(PARSERS)))
    verdicts = await asyncio.gather(*(am.ref(Critic, kind).verdict() for kind in KINDS))
    totals = add_up(part for each in parts for part in each)
    report = Report(base=base_of(files), totals=totals, verdicts=verdicts)
    reporter = am.ref(Reporter)
    text = await reporter.write(report)
    if request.summarise:
        try:
            text += f"\n\n{await reporter.summarise(report)}"
        except am.AgentMeshError as error:  # the numbers are worth having without it
            text += f"\n\nNo summary: {error.what}"
    return report, text


# --- the same without agents, and the command line ------------------------------------------------


def count_again(paths: list[str]) -> Report:
    """Audit some paths in plain code, one file after the other."""
    files = list_files.function(paths)
    measured = [measure(_read(file)) for file in files]
    found = [finding for _, findings in measured for finding in findings]
    verdicts = []
    for kind in KINDS:
        ours = [finding for finding in found if finding.kind == kind]
        worst = max([(finding.size, finding.place) for finding in ours], default=(0, ""))
        verdicts.append(Verdict(kind=kind, grades=Counter(map(grade, ours)), worst=worst))
    totals = add_up(totals for totals, _ in measured)
    return Report(base=base_of(files), totals=totals, verdicts=verdicts)


def run() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description="Audit Python sources.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, and folders of files")
    parser.add_argument("--check", action="store_true", help="count again in plain code")
    options = parser.parse_args()
    paths = [str(Path(path).absolute()) for path in options.paths]  # tools may run elsewhere
    for path in paths:
        if not Path(path).exists():
            parser.error(f"there is no file or folder {path}")
    has_model = bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))
    report, text = am.run(main, Request(paths=paths, summarise=has_model))
    if not report.totals.files:
        parser.error(f"there is no Python file in {', '.join(options.paths)}")
    print(text)
    if not options.check:
        return 0
    again = count_again(paths)
    print(f"Checked: plain code counts {'the same' if again == report else 'otherwise'}.")
    if again != report:
        print(table(again), file=sys.stderr)
    return 0 if again == report else 1


if __name__ == "__main__":
    sys.exit(run())
