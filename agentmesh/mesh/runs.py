"""Opening and listing stored runs."""

from pathlib import Path

from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.options import store_location


def open_run(name: str | Path = LATEST, *, store: str | None = None) -> Run:
    """Open a run for reading.

    Args:
        name: Its id or the start of it, the path of its directory, or `latest`.
        store: Where runs are kept; `AGENTMESH_STORE` or `./.agentmesh/runs` by default.

    Raises:
        UnknownRunError: There is no such run.
        StoreError: There is no store.
    """
    return Store(store_location(store)).open_run(name)


def runs(*, store: str | None = None) -> list[RunInfo]:
    """Return what is known about the stored runs, oldest first.

    Args:
        store: Where runs are kept; `AGENTMESH_STORE` or `./.agentmesh/runs` by default.

    Raises:
        StoreError: The store can't be read.
    """
    return Store(store_location(store)).list_runs()
