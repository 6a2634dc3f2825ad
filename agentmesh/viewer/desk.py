"""The runs that the viewer has open, and where they are.

A run is found by its exact id in the one store that the viewer was started for: an id is a name of
a folder and never a path, and a folder that leads out of the store is none of its runs. The one
exception is the run that was named when the viewer was started, wherever it lies.
"""

import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError, UnknownRunError
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.answers import Refusal
from agentmesh.viewer.opened import OpenRun

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
OPEN_MAX = 6
"""Runs whose columns are in memory; who was not asked about for longest is closed."""


class Desk:
    """What a viewer's server knows.

    Args:
        store: Where runs are kept.
        named: The run that it was started for: an id, or a path to somewhere else.
        cache: Where columns of finished runs are kept; None for nowhere.
    """

    def __init__(self, store: str, named: str | None = None, cache: Path | None = None) -> None:
        self.store = Store(store)
        self.cache = cache
        self.named_id: str | None = None
        self._elsewhere: dict[str, str] = {}
        self._open: dict[str, OpenRun] = {}
        self._lock = threading.Lock()
        if named is not None:
            _, path, info = self.store.locate(named)
            self.named_id = info.id
            if not self._is_ours(path, info.id):
                self._elsewhere[info.id] = path

    def run(self, run_id: str) -> OpenRun:
        """Return a run, opened if it was not.

        Raises:
            UnknownRunError: There is no such run.
            JournalError: It can't be read.
        """
        with self._lock:
            found = self._open.pop(run_id, None)
            if found is not None and found.is_gone:
                found.close()
                found = None
        if found is None:
            with self.open(run_id) as run:  # errors come from here
                info = run.info
            found = OpenRun(info, lambda: self.open(run_id), self.cache)
        with self._lock:
            other = self._open.setdefault(run_id, found)
            self._open[run_id] = self._open.pop(run_id)  # now the latest
            old = list(self._open.values())[:-OPEN_MAX]
            for one in old:
                del self._open[one.id]
        if other is not found:
            found.close()
        for one in old:
            one.close()
        return other

    def opened(self, run_id: str) -> OpenRun | None:
        """Return a run if it is open; does not count as asking about it."""
        return self._open.get(run_id)

    def open(self, run_id: str) -> RecordedRun:
        """Open a run anew.

        Raises:
            UnknownRunError: There is no such run.
            JournalError: It can't be read.
        """
        if not RUN_ID.fullmatch(run_id):
            raise _no_run(run_id)
        files, path, info = self.store.locate(self._elsewhere.get(run_id, run_id))
        if info.id != run_id or (run_id not in self._elsewhere and not self._is_ours(path, run_id)):
            raise _no_run(run_id)
        return RecordedRun(files, path, info, self.store)

    def place(self, run_id: str) -> str:
        """Return what another process opens a run by: its id, or its path elsewhere."""
        return self._elsewhere.get(run_id, run_id)

    def runs(self) -> tuple[list[RunInfo], dict[str, AgentMeshError]]:
        """Return what is known of all runs, the oldest first, and which can't be read."""
        problems: dict[str, AgentMeshError] = {}
        try:
            found = self.store.list_runs(problems.__setitem__)
        except AgentMeshError as error:
            if not self._elsewhere:
                raise
            found, problems = [], {"": error}
        kept = []
        for info in found:
            if self._is_ours(f"{self.store.root}/{info.id}", info.id):
                kept.append(info)
            else:
                problems[info.id] = _no_run(info.id)
        for run_id in self._elsewhere:
            with self.open(run_id) as run:
                kept.append(run.info)
        return kept, problems

    def close(self) -> None:
        """Let go of all runs."""
        with self._lock:
            every = list(self._open.values())
            self._open.clear()
        for one in every:
            one.close()

    def _is_ours(self, path: str, run_id: str) -> bool:
        """Tell whether a path is a folder of the store, of that name, and leads nowhere else."""
        if not self.store.files.local:
            return True
        root = Path(self.store.root).resolve()
        return Path(path).resolve() == root / run_id


def _no_run(run_id: str) -> UnknownRunError:
    return UnknownRunError(
        f"There is no run {run_id[:200]!r} in this store.",
        cause="It was removed, or the link is another store's.",
        fix="Go back to the list of runs.",
        run=run_id[:200],
        nearest=[],
    )


def must_be(value: str, known: dict[str, Any] | frozenset[str] | tuple[str, ...], what: str) -> str:
    """Return a word of a request, if it is one of those that are known.

    Raises:
        Refusal: It is not.
    """
    if value not in known:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "UsageError",
            f"There is no {what} {value[:100]!r}.",
            fix=f"Use one of: {', '.join(known)}.",
        )
    return value


Opens = Callable[[], RecordedRun]
