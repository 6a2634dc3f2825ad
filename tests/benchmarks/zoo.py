"""The bug zoo: how many worlds each way of searching needs, and what is left after shrinking.

Also `python -m tests.benchmarks.zoo`, which prints the table bug by bug.
"""

import statistics

from agentmesh.simulation.hunting import Found, Strategy
from tests.benchmarks.table import Row
from tests.zoo.bugs import Bug
from tests.zoo.every import BUGS

WAYS: tuple[Strategy, ...] = ("random", "pct", "all")
RUNS = 300
SEEDS = ("1", "2", "3")


def measure() -> list[Row]:
    """Look for every bug in every way, and in its twin."""
    rows, alarms = [], 0
    found = {way: [_runs(bug, way) for bug in BUGS] for way in WAYS}
    for way in WAYS:
        hits = [runs for runs in found[way] if runs is not None]
        rows.append(
            Row(
                name=f"{way}: bugs found of {len(BUGS)}",
                unit="bugs",
                values=[len(hits)],
                target=len(BUGS),
            )
        )
        rows.append(Row(name=f"{way}: worlds until found", unit="worlds", values=hits))
    left = [len(each.case.held) for bug in BUGS if (each := _shrunk(bug)) is not None]
    rows.append(Row(name="deviations after shrinking", unit="", values=left))
    for bug in BUGS:
        alarms += sum(
            bug.hunt(way, RUNS, fixed=True, seed="twin").found is not None for way in WAYS
        )
    rows.append(
        Row(name="false alarms on twins", unit="", values=[alarms], target=0, at_least=False)
    )
    return rows


def _runs(bug: Bug, way: Strategy) -> float | None:
    """Return the median of the worlds needed under several seeds."""
    needed = []
    for seed in SEEDS:
        found = bug.hunt(way, RUNS, seed=seed, shrinks=False).found
        if found is None:
            return None
        needed.append(found.runs)
    return statistics.median(needed)


def _shrunk(bug: Bug) -> Found | None:
    return bug.hunt("pct", RUNS, seed="1").found


def main() -> None:
    """Print a line for each bug."""
    print(f"{'bug':30}{'random':>8}{'pct':>8}{'all':>8}{'before':>8}{'after':>8}{'twins':>7}")
    for bug in BUGS:
        needed = [_runs(bug, way) for way in WAYS]
        found = _shrunk(bug)
        alarms = sum(bug.hunt(way, RUNS, fixed=True, seed="t").found is not None for way in WAYS)
        shown = "".join(f"{'-' if each is None else f'{each:g}':>8}" for each in needed)
        before, after = ("-", "-") if found is None else (found.deviations, len(found.case.held))
        print(f"{bug.name:30}{shown}{before:>8}{after:>8}{alarms:>7}")


if __name__ == "__main__":
    main()
