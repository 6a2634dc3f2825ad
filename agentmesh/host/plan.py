"""What every process of a run must know to take part in it: plain data, the same everywhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.host.clock import SteadyClock
from agentmesh.kernel.envelope import ASK, CLIENT, Envelope, address
from agentmesh.sdk.agent import WORKFLOW_HANDLER
from agentmesh.sdk.program import Program, Redactor, RunContext

ROOT_KEY = "root"
"""Key of the workflow's agent."""

DURABILITY_PROCESS = "process"
"""Journal writes survive the process: the operating system has them."""
DURABILITY_DISK = "disk"
"""Journal writes survive the machine: fdatasync before anything leaves."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where the workflow is defined, so that another process can import it."""

    module: str
    """Module name; `__main__` for a script."""
    file: str
    """Absolute path of the source file; empty when there is none (a notebook)."""
    workflow: str
    """Name of the workflow."""
    sys_path: tuple[str, ...] = ()
    """Directories that must be importable."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run, as decided by whoever started it."""

    run_id: str
    entry: Entry
    input_type: str
    """Name of the input message's type; empty for none."""
    input_payload: bytes
    """JSON of the input message, or `null`."""
    deadline_seconds: float
    """How long the run may take, counted from its first message."""
    seed: str
    store: str
    """Location of the store that the run's directory is in."""
    durability: str = DURABILITY_PROCESS
    settings: Mapping[str, str] = field(default_factory=dict)
    """Recorded settings for effects; never secrets."""
    prices: Mapping[str, Any] = field(default_factory=dict)
    """What model calls cost: the table, as it is recorded."""
    redact_patterns: tuple[str, ...] = ()
    """Regular expressions of secrets, beside the built-in ones."""
    drain_seconds: float = 5.0
    """How long messages still in flight may finish after the workflow has returned."""
    companions: tuple[str, ...] = ()
    """Modules that each process of the run imports before the program; they have a function
    `announce`, which sees to libraries that the program may use."""
    started_at_ns: int = 0
    """When the run began, nanoseconds since the epoch; 0 for now."""

    behind_ns: int = 0
    """How far the clocks of its hosts are behind: a branch goes on from when it was."""
    known_as: str = ""
    """Of a branch: the run that its handlers think they are in; empty for itself."""

    def clock(self) -> SteadyClock | None:
        """Return the clock of a host, if it is behind; None if it is just any."""
        behind = self.behind_ns
        return SteadyClock(lambda: time.time_ns() - behind) if behind else None

    @property
    def root(self) -> str:
        """Address of the workflow's agent."""
        return address(self.entry.workflow, ROOT_KEY)

    def first_message(self) -> Envelope:
        """Return the message that starts the run; its deadline counts from the run's beginning."""
        started = self.started_at_ns or time.time_ns()
        return Envelope(
            CLIENT,
            1,
            self.root,
            ASK,
            WORKFLOW_HANDLER,
            self.input_type,
            self.input_payload,
            0,
            started + int(self.deadline_seconds * 1e9),
        )

    def context(self, program: Program, redactor: Redactor) -> RunContext:
        """Return what handlers find of this run."""
        return RunContext(
            run_id=self.known_as or self.run_id,
            outside_id=self.run_id if self.known_as else "",
            program=program,
            redactor=redactor,
            root=self.root,
            settings=dict(self.settings),
        )
