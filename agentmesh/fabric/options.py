"""What can be chosen about Ray for one run: plain data."""

import os
from dataclasses import dataclass, field

from agentmesh.errors import UsageError

SILENT_VARIABLE = "AGENTMESH_SILENT_SECONDS"
"""Environment variable with how long a host or driver may be silent and not be taken for dead."""
SILENT_SECONDS = 30.0


def silent_seconds() -> float:
    """Return how long a host may be silent: what the environment says, or 30 seconds.

    Raises:
        UsageError: It says something else than a number of seconds.
    """
    text = os.environ.get(SILENT_VARIABLE, "")
    try:
        seconds = float(text) if text else SILENT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise UsageError(
            f"{SILENT_VARIABLE}={text!r} is not a number of seconds above 0.",
            fix=f"Unset it for {SILENT_SECONDS:g}, or say how long a host may be silent.",
        )
    return seconds


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Where Ray is, and how patient to be with it."""

    address: str | None = None
    """Address of a cluster. None: the one in `RAY_ADDRESS` (a submitted job has it), the one
    this process is connected to already, or else a fresh one on this machine."""
    num_cpus: int | None = None
    """CPUs that a fresh local Ray offers; all of the machine by default."""
    num_gpus: int | None = None
    """GPUs that a fresh local Ray offers; all of the machine by default."""
    keep: bool = False
    """Leave a fresh Ray running for the next run of this process; it ends with the process."""
    include_dashboard: bool = False
    """Start Ray's dashboard with a fresh Ray."""
    log_to_driver: bool = True
    """Show on this terminal what hosts print."""
    placement_seconds: float = 120.0
    """How long Ray may take to start a host whose resources some node has."""
    infeasible_seconds: float = 10.0
    """How long to wait for a node that has the resources when none has them now."""
    silent_seconds: float = field(default_factory=silent_seconds)
    """How long a host may be silent before it is taken for dead and replaced, and the driver
    before its run is left to be resumed; by default what `AGENTMESH_SILENT_SECONDS` says, or 30."""
