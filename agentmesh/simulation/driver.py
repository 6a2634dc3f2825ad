"""The local driver: a whole run in this process, with real effects and a real clock.

One host engine on one asyncio loop; every agent is local, nothing is routed. The
journal is the same as on Ray, and so is a replay.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from agentmesh import ambient
from agentmesh.errors import RunFailedError
from agentmesh.host.engine import Host
from agentmesh.host.plan import Plan
from agentmesh.host.ports import Journal, Keeper
from agentmesh.kernel.envelope import Envelope
from agentmesh.sdk.program import RunContext

Progress = Callable[[int], None]
"""Called now and then with the number of events handled."""

_PROGRESS_SECONDS = 0.5
_POLL_SECONDS = 0.01


def run(
    plan: Plan,
    context: RunContext,
    journal: Journal,
    *,
    keeper: Keeper | None = None,
    prepare: Callable[[Host], object] | None = None,
    on_progress: Progress | None = None,
) -> Envelope:
    """Run a workflow to its end in this process.

    Args:
        plan: The run.
        context: What handlers find of it.
        journal: An open log; stays open.
        keeper: Looks after the journal.
        prepare: Called with the engine before the first message: lets a run be resumed.
        on_progress: Called now and then.

    Returns:
        The root's `REPLY` or `FAIL`.

    Raises:
        JournalError: The journal can't be written; nothing was released after that.
        RunFailedError: The run was told to terminate.
        KeyboardInterrupt: The user interrupted; open work is journaled as cancelled.
    """
    ambient.install()
    local = _LocalRun(plan, context, journal, keeper, prepare, on_progress)
    if not _loop_runs_here():
        return asyncio.run(local.main())
    return _in_thread(local, plan)


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_thread(local: "_LocalRun", plan: Plan) -> Envelope:
    """Run beside a loop that runs already, as in a notebook."""
    done: Future[Envelope] = Future()

    def work() -> None:
        try:
            done.set_result(asyncio.run(local.main()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            done.set_exception(error)

    threading.Thread(target=work, name="agentmesh-local", daemon=True).start()
    return done.result(timeout=plan.deadline_seconds + plan.drain_seconds + _GRACE_SECONDS)


_GRACE_SECONDS = 60.0


class _LocalRun:
    def __init__(  # noqa: PLR0917 - `run` hands on what it was given
        self,
        plan: Plan,
        context: RunContext,
        journal: Journal,
        keeper: Keeper | None,
        prepare: Callable[[Host], object] | None,
        on_progress: Progress | None,
    ) -> None:
        self._plan = plan
        self._context = context
        self._journal = journal
        self._keeper = keeper
        self._prepare = prepare
        self._on_progress = on_progress

    async def main(self) -> Envelope:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Envelope] = loop.create_future()
        host = Host(
            run=self._context,
            seed=self._plan.seed,
            journal=self._journal,
            loop=loop,
            on_client=lambda envelope: _settle(answer, envelope),
            on_failure=lambda error: None if answer.done() else answer.set_exception(error),
            keeper=self._keeper,
            clock_ns=self._plan.clock(),
        )
        with _Terminated(loop, answer):
            if self._prepare is not None:
                self._prepare(host)
            host.deliver([self._plan.first_message()])
            try:
                envelope = await self._wait(host, answer)
                await self._drain(host)
            except (asyncio.CancelledError, RunFailedError):
                await _end_open_work(host, "cancel")
                raise
            finally:
                await host.close()
        return envelope

    async def _wait(self, host: Host, answer: asyncio.Future[Envelope]) -> Envelope:
        if self._on_progress is None:
            return await answer
        while not answer.done():
            await asyncio.wait([answer], timeout=_PROGRESS_SECONDS)
            self._on_progress(host.events_handled)
        return answer.result()

    async def _drain(self, host: Host) -> None:
        """Let messages in flight finish for a while, then end what is left."""
        until = time.monotonic() + self._plan.drain_seconds
        while not host.idle and time.monotonic() < until:  # noqa: ASYNC110 - idleness is no event
            await asyncio.sleep(_POLL_SECONDS)
        await _end_open_work(host, "stop")


async def _end_open_work(host: Host, reason: str) -> None:
    """Give every open message its terminal state in the journal."""
    if host.failed:
        return
    ended = asyncio.get_running_loop().create_future()
    host.stop_open_work(reason)
    host.after_tick(lambda: ended.set_result(None))
    await asyncio.wait([ended], timeout=_GRACE_SECONDS)


def _settle(answer: asyncio.Future[Envelope], envelope: Envelope) -> None:
    if not answer.done():
        answer.set_result(envelope)


class _Terminated:
    """While entered, SIGTERM ends the run as an error instead of killing the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Envelope]) -> None:
        self._loop = loop
        self._answer = answer
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._main:
            self._loop.add_signal_handler(signal.SIGTERM, self._on_signal)

    def __exit__(self, *_exc: object) -> None:
        if self._main:
            self._loop.remove_signal_handler(signal.SIGTERM)

    def _on_signal(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(
                RunFailedError(
                    f"The run was terminated (process {os.getpid()} got SIGTERM).",
                    cause="Usually the job was stopped, or the machine shuts down.",
                    fix="What happened until then is in the journal: `agentmesh show`.",
                )
            )
