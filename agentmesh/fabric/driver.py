"""Driving one run on Ray: connect, start the supervisor, wait for the root's answer, clean up.

Importable without Ray: what needs it is imported after its version was checked.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from agentmesh.errors import FabricError, RunFailedError, rebuild
from agentmesh.fabric.jobs import is_unpacked_copy, submission
from agentmesh.fabric.options import RayOptions
from agentmesh.fabric.version import check_ray
from agentmesh.host.plan import Plan
from agentmesh.journal.store import RunDirectory
from agentmesh.kernel.envelope import Envelope

if TYPE_CHECKING:
    from agentmesh.fabric.session import Session

Progress = Callable[[int], None]
"""Called now and then with the number of events handled."""

GRACE_SECONDS = 60.0
"""How long after the run's deadline the root may take to start, and to say that it has passed."""
_POLL_SECONDS = 0.5


def run(
    plan: Plan,
    directory: RunDirectory,
    *,
    options: RayOptions | None = None,
    resumes: bool = False,
    on_progress: Progress | None = None,
    before_leaving: Callable[[], object] = lambda: None,
) -> Envelope:
    """Run a workflow to its end on Ray.

    Args:
        plan: The run.
        directory: The run's directory, made already.
        options: Where Ray is.
        resumes: Whether the run has begun before.
        on_progress: Called about twice a second.
        before_leaving: Called when the workflow has answered, while Ray is still there.

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

    _note_job(plan, directory)
    session = Session(plan, options or RayOptions(), resumes=resumes)
    with _Termination() as termination, session:
        termination.install()  # again: Ray has put its own in place when it was started
        answer = _drive(session, plan, on_progress)
        before_leaving()
        return answer


def _note_job(plan: Plan, directory: RunDirectory) -> None:
    """Tie the run to the job it is part of, and say so if its journal will not outlive it."""
    job = submission()
    if job is None:
        return
    directory.update(submission_id=job.submission_id)
    if is_unpacked_copy(plan.store):
        structlog.get_logger("agentmesh").warning(
            "the run is kept in the copy that Ray unpacked for the job, which will be deleted; "
            "set AGENTMESH_STORE to a place that stays",
            store=plan.store,
            run=plan.run_id,
        )


def _drive(session: "Session", plan: Plan, on_progress: Progress | None) -> Envelope:
    until = time.monotonic() + plan.deadline_seconds + GRACE_SECONDS
    while time.monotonic() < until:
        report = session.wait(_POLL_SECONDS, events=on_progress is not None)
        if on_progress is not None:
            on_progress(report.events)
        if report.failure:
            raise rebuild(report.failure)
        if report.answer is not None and session.drain():
            return report.answer
    raise FabricError(
        f"The workflow did not end within its {plan.deadline_seconds:g} s, and does not say why.",
        cause="Usually a handler blocks its host's loop: a computation, or a call that waits.",
        fix="Put blocking work into an @am.tool, which runs in a thread.",
    )


class _Termination:
    """While entered, SIGTERM ends the run as an error instead of killing the process.

    Ray swallows what a signal's handler raises while it waits, unless it is a
    KeyboardInterrupt: so that is raised, and exchanged when it has come out.
    """

    def __init__(self) -> None:
        self._terminated = False
        self._main = threading.current_thread() is threading.main_thread()
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = self.install()
        return self

    def install(self) -> Any:
        """Handle SIGTERM from now on; return what did before."""
        return signal.signal(signal.SIGTERM, self._on_signal) if self._main else None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._before)
        if self._terminated and isinstance(error, KeyboardInterrupt):
            raise RunFailedError(
                "The run was told to terminate (SIGTERM).",
                cause="Usually the job was stopped, or the machine shuts down.",
                fix="What happened until then is in the journal: `agentmesh show`.",
            ) from None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._terminated:  # a second one must not interrupt the cleaning up
            self._terminated = True
            raise KeyboardInterrupt
