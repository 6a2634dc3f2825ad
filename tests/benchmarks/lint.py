"""How often the lint objects, over code bases that were written for something else.

Every `async def` is taken for a handler, which is far stricter than what a program of agents meets:
there, only what its handlers reach is judged, and these code bases have no findings at all.
"""

import importlib.util
from collections import Counter
from pathlib import Path

from agentmesh.linting.checking import RULES, check_targets
from tests.benchmarks.table import Row

PACKAGES = ("starlette", "langgraph", "agents", "pydantic_ai", "anyio", "uvicorn", "openai")
PER = 1_000


def measure() -> list[Row]:
    """Check each package that is installed, twice: as it is, and with every coroutine a handler."""
    counts: Counter[str] = Counter()
    functions = found_plainly = 0
    for package in PACKAGES:
        folder = _folder(package)
        if folder is not None:
            report = check_targets([str(folder)], every_async=True)
            counts.update(one.rule for one in report.findings)
            functions += report.functions
            plain = check_targets([str(folder)]).findings
            found_plainly += sum(one.rule != "AM001" for one in plain)
    rows = [
        Row(
            name="findings in code without agents",
            unit="findings",
            values=[found_plainly],
            target=0,
            at_least=False,
        ),
        Row(name="functions judged as if in handlers", unit="functions", values=[functions]),
    ]
    return rows + [
        Row(
            name=f"{rule} {RULES[rule].name}",
            unit="per 1,000 functions",
            values=[counts[rule] * PER / max(functions, 1)],
        )
        for rule in sorted(counts)
    ]


def _folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    return Path(next(iter(places))) if places else None
