"""What can be chosen about Ray for one run: plain data."""

from dataclasses import dataclass


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
    silent_seconds: float = 30.0
    """How long a host may be silent before it is taken for dead and replaced."""
