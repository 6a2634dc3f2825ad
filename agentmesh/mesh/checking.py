"""Recorded runs against today's code: which behave the same, which differ, from where, and why.

Each program gets processes of its own, under the hash seed of its runs: two programs never
meet in one process, and what one leaves behind does not reach another's runs. A process
answers for its runs one by one (`check_worker`); one that dies or hangs costs the run that it
was at, which is then one that could not be checked, and never one that is the same.
"""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError, UnknownRunError, UsageError
from agentmesh.journal.packing import SUFFIX
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.check_process import Checker, Job
from agentmesh.mesh.check_report import Checked, CheckReport, unchecked
from agentmesh.mesh.options import store_location

DEADLINE_SECONDS = 600.0
"""How long one run may take."""

_GLOB = "*?["
_INFO = "run.json"


Progress = Callable[[int, int], None]
"""Called now and then with how many runs are done, and how many there are."""


def check(
    *runs: str | Path,
    store: str | None = None,
    program: str | Path | None = None,
    agents: Sequence[str] = (),
    processes: int = 0,
    deadline_seconds: float = DEADLINE_SECONDS,
    on_progress: Progress | None = None,
) -> CheckReport:
    """Replay recorded runs on today's code.

    Args:
        runs: Ids, directories of runs or of many, packed runs, `latest`, and patterns such as
            `2026112*` or `tests/runs/*`.
        store: Where runs are kept.
        program: The program's file, when it is not where they ran.
        agents: Only these agents: addresses (`Type/key`) or types.
        processes: At most so many at a time; 0 for as many as there are processors.
        deadline_seconds: How long one run may take; after that it could not be checked.
        on_progress: Called now and then.

    Returns:
        Which runs are the same, which differ, and which could not be checked.

    Raises:
        UnknownRunError: A name stands for no run.
        UsageError: No run is named.
    """
    location = store_location(store)
    opened = Store(location)
    names = resolve(opened, runs)
    jobs = [
        Job(
            name=name,
            store=location,
            program=str(Path(program).resolve()) if program is not None else "",
            agents=tuple(agents),
        )
        for name in names
    ]
    done: dict[str, Checked] = {}
    workflows: dict[str, str] = {}

    def take(name: str, answer: dict[str, Any]) -> None:
        done[name] = Checked(**{"workflow": workflows.get(name, ""), **answer})
        if on_progress is not None:
            on_progress(len(done), len(names))

    groups: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        try:
            info = opened.open_run(job.name).info
        except AgentMeshError as error:
            take(job.name, unchecked(job.name, error))
            continue
        workflows[job.name] = info.workflow
        key = (job.program or info.entry.file or info.entry.module, info.hash_seed or "")
        groups.setdefault(key, []).append(job)
    count = processes or len(os.sched_getaffinity(0))
    parts = [(key[1], part) for key, group in groups.items() for part in _dealt(group, count)]
    with ThreadPoolExecutor(max_workers=count) as pool:
        checkers = [Checker(seed, part, deadline_seconds, take) for seed, part in parts]
        for future in [pool.submit(each.run) for each in checkers]:
            future.result()
    return CheckReport(runs=[done[name] for name in names])


def resolve(store: Store, names: Iterable[str | Path]) -> list[str]:
    """Return the runs that names and patterns stand for, each once, in order.

    Raises:
        UnknownRunError: One stands for no run.
        UsageError: There are none.
    """
    found: dict[str, None] = {}
    for name in names:
        for each in _runs_of(store, str(name)):
            found[each] = None
    if not found:
        raise UsageError(
            "No run was named.", fix="Name some: `agentmesh check latest`, or `tests/runs/*`."
        )
    return list(found)


def _runs_of(store: Store, name: str) -> list[str]:
    path = Path(name).expanduser()
    if any(char in name for char in _GLOB) and not path.exists():
        paths = [each for each in sorted(glob.glob(str(path))) if _is_run(Path(each))]  # noqa: PTH207
        found = [_as_path(each) for each in paths]
        if not found and os.sep not in name:
            found = [info.id for info in store.list_runs() if fnmatchcase(info.id, name)]
    elif path.is_dir() and not _is_run(path):
        found = [_as_path(each) for each in sorted(path.iterdir()) if _is_run(each)]
    elif path.exists():
        found = [_as_path(path)]
    elif name == LATEST:
        found = [store.open_run(name).id]
    else:
        store.locate(name)
        found = [name]
    if not found:
        raise UnknownRunError(
            f"{name!r} stands for no run.",
            cause=f"Neither files nor the store {store.root} have one that fits.",
            fix="List the runs with `agentmesh runs`; put patterns in quotes.",
        )
    return found


def _is_run(path: Path) -> bool:
    return (path / _INFO).is_file() or (path.suffix == SUFFIX and path.is_file())


def _as_path(path: str | Path) -> str:
    return str(Path(path).absolute())


def _dealt(jobs: list[Job], count: int) -> list[list[Job]]:
    """Deal a program's runs out to processes: not more of these than are worth starting."""
    hands = max(1, min(count, len(jobs) // _WORTH))
    return [jobs[start::hands] for start in range(hands)]


_WORTH = 4
"""Runs from which on another process gains more than it takes to start it."""
