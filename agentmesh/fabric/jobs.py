"""What a run must know when it is started by `ray job submit`: knows no Ray, only its habits.

Ray unpacks the submitted directory into a cache and starts the entry point there: what
is written below the working directory is lost with the cache. Ray tells the driver who
it is by one environment variable with JSON.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_ID = "job_submission_id"
_UNPACKED = "working_dir_files"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The job that this process is the entry point of."""

    submission_id: str
    """As `ray job status` wants it; not Ray's own number of the driver."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What was given with `--metadata-json`, and Ray's own entries."""


def submission(environ: Mapping[str, str] | None = None) -> Submission | None:
    """Return the job that this process is the entry point of; None outside a job.

    Args:
        environ: Environment variables; this process's by default.
    """
    text = (os.environ if environ is None else environ).get(CONFIG_VARIABLE, "")
    try:
        config = json.loads(text) if text else {}
        metadata = {str(key): str(value) for key, value in config.get("metadata", {}).items()}
    except (ValueError, AttributeError):
        return None  # not ours to complain about: the variable belongs to Ray
    if _ID not in metadata:
        return None
    return Submission(submission_id=metadata[_ID], metadata=metadata)


def is_unpacked_copy(path: str | Path) -> bool:
    """Tell whether a path is in the copy that Ray unpacked for a job: it will be deleted."""
    return _UNPACKED in Path(path).absolute().parts


def durable_store(location: str) -> str:
    """Return where a job's runs are to be kept, given where they would be outside one.

    Args:
        location: An absolute path, or a URL.

    Returns:
        The same, unless it is in the unpacked copy: then a folder in the user's home.
    """
    if "://" in location or not is_unpacked_copy(location):
        return location
    return str(Path.home() / ".agentmesh" / "runs")
