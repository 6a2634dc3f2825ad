"""How often the lint objects, and how often it is right, over code written for something else.

Every `async def` is taken for a handler, which is far stricter than what a program of agents meets:
there, only what its handlers reach is judged, and these code bases have no findings at all.
"""

import importlib.metadata
import importlib.util
import time
from collections import Counter
from pathlib import Path

from agentmesh.linting.checking import RULES, check_program
from agentmesh.linting.loading import load
from tests.benchmarks.table import Row
from tests.linting.judged import compare, read_judged

PACKAGES = {
    "starlette": "starlette",
    "langgraph": "langgraph",
    "agents": "openai-agents",
    "pydantic_ai": "pydantic-ai-slim",
    "anyio": "anyio",
    "uvicorn": "uvicorn",
    "openai": "openai",
}
"""Each with the distribution that has it."""
PER = 1_000
MILLISECONDS_MAX = 20
"""CPU time for 1,000 lines of code without agents."""
PRECISION_MIN = 80
"""Percent of all judged findings."""


def measure() -> list[Row]:
    """Check each package that is installed, twice: as it is, and with every coroutine a handler."""
    counts: Counter[str] = Counter()
    found: dict[tuple[str, int, str], None] = {}
    versions: dict[str, str] = {}
    milliseconds: list[float] = []
    functions = plain = 0
    for package, distribution in PACKAGES.items():
        folder = _folder(package)
        if folder is None:
            continue
        versions[package] = importlib.metadata.version(distribution)
        began = time.process_time()
        program = load([package], folder=folder.parent)
        plain += len(check_program(program).findings)
        seconds = time.process_time() - began
        milliseconds.append(seconds * 1e3 * PER / _lines(folder))
        report = check_program(program, every_async=True)
        counts.update(one.rule for one in report.findings)
        found |= {(one.path, one.line, one.rule): None for one in report.findings}
        functions += report.functions
    return [
        Row(
            name="findings in code without agents",
            unit="findings",
            values=[plain],
            target=0,
            at_least=False,
        ),
        Row(
            name="CPU time for code without agents",
            unit="ms per 1,000 lines",
            values=milliseconds,
            target=MILLISECONDS_MAX,
            at_least=False,
        ),
        Row(name="functions looked at, as if in handlers", unit="functions", values=[functions]),
        *_precision(found, versions),
        *_rules(counts, functions, found, versions),
    ]


def _precision(found: dict[tuple[str, int, str], None], versions: dict[str, str]) -> list[Row]:
    verdicts, stale = compare(read_judged(), found, versions)
    true = sum(one.true for one in verdicts.values())
    total = true + sum(one.false for one in verdicts.values())
    rows = [Row(name="labels that match no more", unit="labels", values=[stale])]
    if total:
        rows.append(
            Row(
                name=f"judged true, {true} of {total}",
                unit="%",
                values=[100 * true / total],
                target=PRECISION_MIN,
            )
        )
    return rows


def _rules(
    counts: Counter[str],
    functions: int,
    found: dict[tuple[str, int, str], None],
    versions: dict[str, str],
) -> list[Row]:
    verdicts, _ = compare(read_judged(), found, versions)
    rows = []
    for rule in RULES:
        if rule in ("AM001", "AM002"):
            continue
        judged = verdicts.get(rule)
        said = f", {judged.true} of {judged.true + judged.false} true" if judged else ""
        rows.append(
            Row(
                name=f"{rule} {RULES[rule].name} ({counts[rule]} found{said})",
                unit="per 1,000 functions",
                values=[counts[rule] * PER / max(functions, 1)],
            )
        )
    return rows


def _folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    return Path(next(iter(places))) if places else None


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.py"))
