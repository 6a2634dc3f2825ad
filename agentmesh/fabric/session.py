"""One run's supervisor as the driver sees it: started, asked, ended, and nothing left behind."""

import contextlib
import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import ray

from agentmesh.errors import FabricError
from agentmesh.fabric import supervisor
from agentmesh.fabric.calls import sorted_out
from agentmesh.fabric.cluster import connected
from agentmesh.fabric.ensemble import CLOSE_SECONDS, RESTORE_SECONDS, STOP_SECONDS
from agentmesh.fabric.hosting import ASK_AGAIN_SECONDS, Report
from agentmesh.fabric.options import RayOptions
from agentmesh.fabric.peer import GoneError, UnavailableError
from agentmesh.fabric.supervisor import Environment, SupervisorActor, namespace_of
from agentmesh.host.plan import Plan

SUPERVISORS_MAX = 5
"""How many supervisors one driver replaces."""
START_SECONDS = 60.0
"""How long Ray may take to start the supervisor."""
GONE_SECONDS = 2.0
"""How long to wait until the run's actors have left Ray's list of names."""


class Session:
    """A run on Ray while it goes on; a context manager, so that it ends in any case.

    Args:
        plan: The run.
        options: Where Ray is.
        resumes: Whether the run has begun before.
    """

    def __init__(self, plan: Plan, options: RayOptions, *, resumes: bool = False) -> None:
        self._plan = plan
        self._options = options
        self._resumes = resumes
        self._supervisors = 0
        self._started = False
        self._stack = contextlib.ExitStack()
        self._supervisor: Any = None
        self._finished = False

    def __enter__(self) -> Self:
        """Connect to Ray and start the supervisor.

        Raises:
            FabricError: There is no cluster, or the supervisor does not start.
        """
        settings = self._plan.settings
        seed = settings.get("hash_seed") or settings.get("PYTHONHASHSEED")
        with self._stack:
            env_vars = self._stack.enter_context(connected(self._options, seed))
            self._stack.callback(self._clear)
            self._environment = Environment(options=self._options, env_vars=env_vars)
            if self._resumes:
                self._end_leftovers()
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what is left of the run: journals are flushed, actors are gone."""
        with self._stack:
            self._finish("cancel" if kind is not None else "stop", 0.0)

    def wait(self, seconds: float, *, events: bool) -> Report:
        """Wait until the run has ended, but not longer than so many seconds.

        A supervisor that has died is replaced: its hosts die with it, and the new one's take
        up their work.
        """
        try:
            if not self._started:
                self._get_again(self._supervisor.start.remote, START_SECONDS)
                self._started = True
            answer = self._get_again(
                lambda: self._supervisor.wait.remote(seconds, events=events),
                seconds + START_SECONDS,
            )
        except GoneError as error:
            if self._supervisors > SUPERVISORS_MAX:
                raise _dead(error) from error
            self._end_leftovers()
            self._start()
            return Report()
        return cast("Report", answer)

    def drain(self) -> bool:
        """Let messages in flight finish, then end everything.

        Returns:
            Whether that was done; if not, the supervisor has died, and `wait` replaces it.
        """
        return self._finish("stop", self._plan.drain_seconds)

    def _end_leftovers(self) -> None:
        """Kill what is left of an earlier supervisor, so that nothing is done twice for long.

        What can't be reached is no danger: it will find its fence.
        """
        namespace = namespace_of(self._plan.run_id)
        for name in _names_in(namespace):
            with contextlib.suppress(ValueError, ray.exceptions.RayError):
                ray.kill(ray.get_actor(name, namespace=namespace))

    def _start(self) -> None:
        environment = self._environment
        self._supervisors += 1
        self._started = self._finished = False
        actor = ray.remote(SupervisorActor).options(
            name=f"{supervisor.NAME}/{secrets.token_hex(4)}",
            namespace=namespace_of(self._plan.run_id),
            lifetime="detached",
            num_cpus=0,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": environment.env_vars} if environment.env_vars else None,
        )
        self._supervisor = actor.remote(self._plan, environment)

    def _finish(self, reason: str, drain_seconds: float) -> bool:
        if self._finished or self._supervisor is None:
            return True
        self._finished = True
        seconds = drain_seconds + STOP_SECONDS + CLOSE_SECONDS + 1.0
        if drain_seconds > 0:
            seconds += 2 * RESTORE_SECONDS
        try:
            self._get_again(lambda: self._supervisor.finish.remote(reason, drain_seconds), seconds)
        except GoneError:
            return False
        except FabricError:
            pass  # it does not answer: what it has not ended is left to whoever resumes
        return True

    def _get_again(self, call: Callable[[], Any], seconds: float) -> object:
        """Ask until there is an answer: asking twice does no harm."""
        until = time.monotonic() + seconds
        while True:
            try:
                return self._get(call(), max(0.1, until - time.monotonic()))
            except UnavailableError:
                if time.monotonic() > until:
                    raise
                time.sleep(ASK_AGAIN_SECONDS)

    def _get(self, ref: Any, seconds: float) -> object:
        try:
            return ray.get(ref, timeout=seconds)
        except ray.exceptions.GetTimeoutError as error:
            raise FabricError(
                f"The run's supervisor did not answer for {seconds:g} s.",
                cause="Usually the cluster has lost its head node, or is overloaded.",
                fix="Look at `ray status`; what was journaled is safe.",
            ) from error
        except ray.exceptions.RayError as error:
            raise sorted_out(error) from error

    def _clear(self) -> None:
        """Kill the supervisor, with it its hosts, and wait until their names are free."""
        if self._supervisor is None:
            return
        ray.kill(self._supervisor)
        namespace = namespace_of(self._plan.run_id)
        until = time.monotonic() + GONE_SECONDS
        while time.monotonic() < until and _names_in(namespace):
            time.sleep(0.01)


def _names_in(namespace: str) -> list[str]:
    found = ray.util.list_named_actors(all_namespaces=True)
    return [str(each["name"]) for each in found if each["namespace"] == namespace]


def _dead(error: Exception) -> FabricError:
    return FabricError(
        f"The run's supervisor has died {SUPERVISORS_MAX} times: {error}",
        cause="Usually agentmesh or the program can't be imported on the cluster, or the node "
        "of the supervisor went away.",
        fix="Install agentmesh on all nodes, in the version used here; Ray's logs say more. "
        "Nothing is lost: `agentmesh resume` goes on.",
    )
