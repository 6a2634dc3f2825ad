"""Whether a divergence report names the right event, cause and code, fault by fault.

Prints a table of its own on the way: one line for each planted fault, with what was expected
and what the report said.
"""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.table import Row
from tests.replay import mutations
from tests.replay.mutations import MUTATIONS, Mutation


def measure() -> list[Row]:
    """Plant every fault, and count the reports that are right."""
    with tempfile.TemporaryDirectory() as folder:
        found = mutations.check(Path(folder), MUTATIONS)
    right = []
    lines = [("fault", "first event", "cause", "named", "report")]
    for mutation, checked in found:
        wrong = mutations.problems(mutation, checked)
        right.append(not wrong)
        lines.append((*_expected(mutation), "; ".join(wrong) or "right"))
    _print(lines)
    return [
        Row(
            name="reports that name the right event, cause and code",
            unit=f"of {len(MUTATIONS)}",
            values=[float(sum(right))],
            target=float(len(MUTATIONS)),
        ),
    ]


def _expected(mutation: Mutation) -> tuple[str, str, str, str]:
    name = f"{mutation.name} (leaked)" if mutation.leaks else mutation.name
    return name, mutation.event, mutation.cause, mutation.changed or "-"


def _print(lines: list[tuple[str, str, str, str, str]]) -> None:
    """Print a Markdown table beside the one of the numbers."""
    rows = [lines[0], ("---",) * len(lines[0]), *lines[1:]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(f"| {' | '.join(cells)} |", file=sys.stderr)
