"""Giving runs away and taking them in: one file each. The format is in `journal.packing`."""

from collections.abc import Sequence
from pathlib import Path

from agentmesh.journal.packing import SUFFIX
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.sharing import Exported, export, import_pack
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.options import store_location


def export_run(
    name: str | Path = LATEST,
    output: str | Path | None = None,
    *,
    redact: Sequence[str] = (),
    redact_fields: Sequence[str] = (),
    overwrite: bool = False,
    store: str | None = None,
) -> Exported:
    """Pack a run into one file, which replays on any machine that has the code.

    Args:
        name: The run's id or the start of it, its directory, or `latest`.
        output: The file; the run's id and `.mesh` in this directory by default.
        redact: Regular expressions of secrets that become placeholders in the file.
        redact_fields: Names of JSON fields whose values are hidden in the file, at any depth.
        overwrite: Whether a file that is there is replaced.
        store: Where runs are kept.

    Returns:
        What is in the file, and what was redacted. A handler that looks into what was redacted
        (a model's answer, say) can't be replayed bit for bit; `inputs` says from where on.

    Raises:
        UnknownRunError: There is no such run.
        UsageError: The file exists, or a pattern is no regular expression.
        StoreError: The file can't be written.
        JournalError: The journal can't be read.
    """
    opened = Store(store_location(store))
    with opened.open_run(name) as run:
        target = Path(output) if output is not None else Path(f"{run.id}{SUFFIX}")
        return export(
            run,
            target.expanduser(),
            opened.redactor_for(run.info),
            patterns=redact,
            fields=redact_fields,
            overwrite=overwrite,
        )


def import_run(path: str | Path, *, store: str | None = None) -> RunInfo:
    """Put a packed run into a store, under its own id.

    Args:
        path: The file that `export_run` wrote.
        store: Where runs are kept; `AGENTMESH_STORE` or `./.agentmesh/runs` by default.

    Returns:
        What is known about the run.

    Raises:
        JournalDamagedError: The file is damaged, or no packed run.
        JournalVersionError: Another version recorded the run.
        RunExistsError: The store has a run of that id.
        StoreError: The store can't be written.
    """
    return import_pack(Path(path).expanduser(), Store(store_location(store)))
