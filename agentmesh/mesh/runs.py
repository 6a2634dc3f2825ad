"""Opening and listing stored runs."""

from pathlib import Path

from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.options import store_location
from agentmesh.mesh.recorded_run import RecordedRun


def open_run(name: str | Path = LATEST, *, store: str | None = None) -> RecordedRun:
    """Open a run: to read it, and to ask what happened in it and why.

    Args:
        name: Its id or the start of it, the path of its directory, or `latest`.
        store: Where runs are kept; `AGENTMESH_STORE` or `./.agentmesh/runs` by default.

    Raises:
        UnknownRunError: There is no such run.
        StoreError: There is no store.
    """
    opened = Store(store_location(store))
    return RecordedRun(*opened.locate(name), opened)


def runs(*, store: str | None = None) -> list[RunInfo]:
    """Return what is known about the stored runs, oldest first.

    Args:
        store: Where runs are kept; `AGENTMESH_STORE` or `./.agentmesh/runs` by default.

    Raises:
        StoreError: The store can't be read.
    """
    return Store(store_location(store)).list_runs()
