"""Names of the files in a run's directory, and the error for a place that can't be used."""

from agentmesh.errors import StoreError

INFO = "run.json"
EVENTS = "events"
BLOBS = "blobs"
SNAPSHOTS = "snapshots"
FENCES = "fences"
DRIVER = "driver.json"
LOCK = "driver.lock"
SEALED = "events.parquet"


def unusable(path: str, what: str, error: Exception) -> StoreError:
    """Return the error for a file or folder of a store that can't be used.

    Args:
        path: Which one.
        what: What failed, as in "can't be read".
        error: Why.
    """
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(
        f"{path} {what}: {reason}.",
        cause="Usually the store is read-only or full, or its credentials do not fit.",
        fix="Check the location, or choose another with --store or AGENTMESH_STORE.",
        path=path,
    )
