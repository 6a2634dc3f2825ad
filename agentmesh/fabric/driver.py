"""Driving one run on Ray: connect, start the supervisor, wait for the root's answer, clean up.

Importable without Ray: what needs it is imported after its version was checked.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from agentmesh.errors import FabricError, RunFailedError, rebuild
from agentmesh.fabric.options import RayOptions
from agentmesh.fabric.version import check_ray
from agentmesh.host.plan import Plan
from agentmesh.journal.store import RunDirectory
from agentmesh.kernel.envelope import Envelope

if TYPE_CHECKING:
    from agentmesh.fabric.session import Session

Progress = Callable[[int], None]
"""Called now and then with the number of events handled."""

GRACE_SECONDS = 30.0
"""How long after the run's deadline the root may take to say that it has passed."""
_POLL_SECONDS = 1.0


def run(
    plan: Plan,
    directory: RunDirectory,
    *,
    options: RayOptions | None = None,
    on_progress: Progress | None = None,
) -> Envelope:
    """Run a workflow to its end on Ray.

    Args:
        plan: The run.
        directory: The run's directory, made already.
        options: Where Ray is.
        on_progress: Called about once a second.

    Returns:
        The root's `REPLY` or `FAIL`.

    Raises:
        RayVersionError: Ray is missing, or has a version that does not fit.
        FabricError: There is no cluster, or a host could not start or has died.
        JournalError: A host could not write its journal; nothing was released after that.
        RunFailedError: The run was told to terminate.
        KeyboardInterrupt: The user interrupted; open work is journaled as cancelled.
    """
    check_ray()
    from agentmesh.fabric.session import Session

    del directory  # hosts find it by the plan
    with _terminable(), Session(plan, options or RayOptions()) as session:
        return _drive(session, plan, on_progress)


def _drive(session: "Session", plan: Plan, on_progress: Progress | None) -> Envelope:
    until = time.monotonic() + plan.deadline_seconds + GRACE_SECONDS
    while time.monotonic() < until:
        report = session.wait(_POLL_SECONDS, events=on_progress is not None)
        if report.failure:
            raise rebuild(report.failure)
        if report.answer is not None:
            session.drain()
            return report.answer
        if on_progress is not None:
            on_progress(report.events)
    raise FabricError(
        f"The run's deadline passed {GRACE_SECONDS:g} s ago, and the workflow did not end.",
        cause="Usually a handler blocks its host's loop: a computation, or a call that waits.",
        fix="Put blocking work into an @am.tool, which runs in a thread.",
    )


@contextmanager
def _terminable() -> Iterator[None]:
    """While entered, SIGTERM ends the run as an error instead of killing the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise RunFailedError(
            "The run was told to terminate (SIGTERM).",
            cause="Usually the job was stopped, or the machine shuts down.",
            fix="What happened until then is in the journal: `agentmesh show`.",
        )

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
