"""What can be chosen about a run, and where runs are stored unless somebody says otherwise."""

import itertools
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentmesh.errors import UsageError
from agentmesh.fabric.jobs import durable_store, submission
from agentmesh.host.plan import DURABILITY_DISK, DURABILITY_PROCESS
from agentmesh.sdk.duration import Duration

STORE_VARIABLE = "AGENTMESH_STORE"
"""Environment variable with the location of the store."""
LOCAL_VARIABLE = "AGENTMESH_LOCAL"
"""Set to 1 to run without Ray, as `local=True` does."""
STORE_DEFAULT = ".agentmesh/runs"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What can be chosen about one run."""

    local: bool = False
    """Run in this process, without Ray."""
    store: str | None = None
    """Where to keep the run: a path or URL."""
    run_id: str | None = None
    """The run's id; made from the time by default, or a submitted job's id."""
    seed: str | None = None
    """Seed of all randomness inside handlers; random by default."""
    deadline: Duration | None = None
    """Overrides the workflow's deadline."""
    durability: str = DURABILITY_PROCESS
    """`process` or `disk`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings for effects, such as `OPENAI_MODEL`; recorded, so never secrets."""
    redact: tuple[str, ...] = ()
    """Regular expressions of secrets, beside the built-in ones."""
    address: str | None = None
    """Address of a Ray cluster; a fresh local one by default."""
    num_cpus: int | None = None
    """CPUs of a fresh local Ray."""
    keep_ray: bool = False
    """Leave Ray running for the next run of this process."""
    quiet: bool = False
    """Do not say on stderr where the run is."""
    drain_seconds: float = 5.0
    """How long messages in flight may finish after the workflow has returned."""

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.durability not in (DURABILITY_PROCESS, DURABILITY_DISK):
            raise UsageError(
                f"durability={self.durability!r} is not known.",
                fix=f"Use {DURABILITY_PROCESS!r} (survives the process) or {DURABILITY_DISK!r} "
                "(survives the machine).",
            )
        if self.run_id is not None:
            check_run_id(self.run_id)


def store_location(chosen: str | None = None) -> str:
    """Return where runs are kept: what was chosen, `AGENTMESH_STORE`, or `./.agentmesh/runs`.

    A submitted job works in a copy that Ray deletes: runs go to the user's home then.
    """
    location = chosen or os.environ.get(STORE_VARIABLE) or STORE_DEFAULT
    absolute = location if "://" in location else str(Path(location).expanduser().absolute())
    return durable_store(absolute)


def wants_local(options: RunOptions) -> bool:
    """Tell whether a run goes without Ray."""
    return options.local or os.environ.get(LOCAL_VARIABLE, "") not in ("", "0", "false")


def new_run_id() -> str:
    """Return an id that sorts by time: `20261123-184530-3f9c2d`."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"{stamp}-{secrets.token_hex(3)}"


def next_run_id() -> str:
    """Return the id of a run that nobody named: a submitted job's own, if this is one.

    A job that runs several workflows gets `<id>`, `<id>-2`, `<id>-3`.
    """
    job = submission()
    if job is None:
        return new_run_id()
    number = next(_of_this_job)
    return job.submission_id if number == 1 else f"{job.submission_id}-{number}"


_of_this_job = itertools.count(1)


def check_run_id(run_id: str) -> None:
    """Refuse ids that can't be a directory's name.

    Raises:
        UsageError: It can't.
    """
    allowed = run_id.replace("-", "").replace("_", "").replace(".", "")
    if not allowed.isalnum() or not allowed.isascii() or run_id.startswith("."):
        raise UsageError(
            f"{run_id!r} can't be a run's id: it names a directory.",
            fix="Use letters, digits, dots, dashes and underscores, and no dot in front.",
        )
