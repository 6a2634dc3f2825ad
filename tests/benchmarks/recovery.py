"""How long a host's successor takes until it is ready, and what memory, after the host was killed.

In the successor's process, imports done: the fence, the latest snapshot, the logs after it,
every agent as it was, a first snapshot of its own. Ray's part (seeing that a process is dead
and starting another) comes on top.
"""

import shutil
import tempfile
from pathlib import Path

from tests.benchmarks.recovery_programs import Found, Life, killed, recovered
from tests.benchmarks.table import Row

ROUNDS = 5
AGENTS = 100
SHORT, LONG = 10_000, 100_000
FLAT = 1.5
"""How much longer, or larger, ten times the run may make it."""
MANY = Life(agents=1000, events=50_000, holding=500)
MANY_SECONDS = 2.0


def measure() -> list[Row]:
    """Kill each host at its worst moment, right before a snapshot; recover from copies."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        tiny, short, long = (
            _recoveries(base / str(events), Life(agents=AGENTS, events=events))
            for events in (1000, SHORT, LONG)
        )
        many = _recoveries(base / "many", MANY)
    return [
        Row(name="recover, 1,000 events", unit="s", values=_seconds(tiny)),
        *_flat("recover", "s", _seconds(short), _seconds(long)),
        *_flat("memory of the recovered", "MB", _megabytes(short), _megabytes(long)),
        Row(
            name="recover 1,000 agents, 500 in a turn",
            unit="s",
            values=_seconds(many),
            target=MANY_SECONDS,
            at_least=False,
        ),
    ]


def _flat(name: str, unit: str, short: list[float], long: list[float]) -> list[Row]:
    return [
        Row(name=f"{name}, {SHORT:,} events", unit=unit, values=short),
        Row(
            name=f"{name}, {LONG:,} events",
            unit=unit,
            values=long,
            baseline=f"{SHORT:,} events",
            baseline_values=short,
            target=FLAT,
            at_least=False,
        ),
    ]


def _recoveries(folder: Path, life: Life) -> list[Found]:
    plan, _ = killed(folder / "killed", life)
    found = []
    for number in range(ROUNDS):
        copy = folder / str(number)
        shutil.copytree(folder / "killed", copy)
        found.append(recovered(plan, copy))
        shutil.rmtree(copy)
    return found


def _seconds(found: list[Found]) -> list[float]:
    return [each.seconds for each in found]


def _megabytes(found: list[Found]) -> list[float]:
    return [each.megabytes for each in found]
