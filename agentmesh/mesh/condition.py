"""How a run stands right now. `run.json` alone can't say: a driver that is killed says nothing.

A run that says `running` and that nobody drives was interrupted. That, and a run that failed
before its workflow had answered (its disk was full, its hosts kept dying), can be resumed.
"""

import time
from dataclasses import dataclass

from agentmesh.errors import JournalError, ResumeError
from agentmesh.host.plan import ROOT_KEY
from agentmesh.journal.lease import Holder
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import DONE, RUNNING, RunInfo
from agentmesh.kernel.envelope import address
from agentmesh.mesh.outcome import has_answered

INTERRUPTED = "interrupted"
"""What is said of a run that has not ended and that nobody drives."""

_STARTING_SECONDS = 1.0
"""A run is made before anybody can hold it."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a run stands."""

    status: str
    """What `run.json` says, or `interrupted`."""
    driver: Holder | None = None
    """Who drives it; None if nobody does."""
    last_driver: Holder | None = None
    """Who drove an interrupted run, if that is known."""
    can_resume: bool = False
    """Whether `agentmesh resume` would go on with it."""


def condition_of(run: Run) -> Condition:
    """Say how a run stands.

    Raises:
        StoreError: The store can't be read.
        JournalDamagedError: `run.json` is damaged.
    """
    holder = run.driver
    alive = holder is not None and not holder.is_dead
    # A driver says how the run ended before it lets go of it: so this must be read after.
    info = run.current_info()
    if alive:
        return Condition(status=info.status, driver=holder)
    if info.status == RUNNING:
        if holder is None and _age_seconds(info) < _STARTING_SECONDS:
            return Condition(status=RUNNING)
        status = INTERRUPTED
    else:
        status, holder = info.status, None
    can_resume = not is_over(info) and not has_ended(run, info)
    return Condition(status=status, last_driver=holder, can_resume=can_resume)


def has_ended(run: Run, info: RunInfo) -> bool:
    """Tell whether nothing is left to do; reads the journal only where the run has failed."""
    if info.status == DONE or run.was_sealed:
        return True
    if info.status == RUNNING:
        return False  # though its workflow may have answered: then that is not noted yet
    try:
        return has_answered(run, address(info.workflow, ROOT_KEY))
    except JournalError:
        return True  # it can't be told; resuming would say what is wrong


def refuse_ended(run: Run) -> None:
    """Refuse to go on with a run that has ended.

    Raises:
        ResumeError: It has.
    """
    info = run.info
    if has_ended(run, info):
        raise ResumeError(
            f"The run {info.id} has ended: {info.status}.",
            cause="Its workflow has returned, failed, or was cancelled; nothing is left to do.",
            fix=f"Look at it with `agentmesh show {info.id}`, or start a new run.",
            run=info.id,
            status=info.status,
        )


def is_over(info: RunInfo) -> bool:
    """Tell whether the time that a run was given has passed."""
    return bool(info.deadline_seconds) and _age_seconds(info) > info.deadline_seconds


def _age_seconds(info: RunInfo) -> float:
    return (time.time_ns() - info.created_at_ns) / 1e9
