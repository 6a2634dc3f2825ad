"""What Ray sees of a run's supervisor, and the hosts it makes with Ray.

One detached, named actor for each run creates all hosts and owns them: they end with
it. The driver asks it how the run stands; if nobody asks for too long, the driver is
gone, and the supervisor ends the run and itself.

An async actor: it waits for many things at once and needs no order; the link protocol
puts the client's few frames in order.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import ray

from agentmesh.errors import AgentMeshError, describe
from agentmesh.fabric.calls import call_of, sorted_out
from agentmesh.fabric.directory import Located
from agentmesh.fabric.ensemble import SUSPEND, Ensemble
from agentmesh.fabric.host_actor import GROUPS, HostActor
from agentmesh.fabric.hosting import ASK_AGAIN_SECONDS, Report
from agentmesh.fabric.opening import Identity
from agentmesh.fabric.options import RayOptions
from agentmesh.fabric.peer import Call, UnavailableError
from agentmesh.fabric.placement import HostSpec
from agentmesh.fabric.process import Status
from agentmesh.fabric.roster import Roster
from agentmesh.host.plan import Plan
from agentmesh.journal.store import Store
from agentmesh.journal.succession import lives
from agentmesh.kernel.envelope import CLIENT
from agentmesh.sdk.agent import Placement

NAME = "supervisor"
"""Name of the actor in the run's namespace."""


def namespace_of(run_id: str) -> str:
    """Return the Ray namespace of a run: all its named actors are there."""
    return f"agentmesh/{run_id}"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the supervisor is told besides the plan."""

    options: RayOptions
    env_vars: dict[str, str]
    """Environment of hosts on a cluster that was started without it."""


class SupervisorActor:
    """A run's supervisor as a Ray actor.

    Args:
        plan: The run.
        environment: How hosts are made.
    """

    def __init__(self, plan: Plan, environment: Environment) -> None:
        self._plan = plan
        self._silent_seconds = environment.options.silent_seconds
        directory = Store(plan.store).attach(plan.run_id)
        roster = Roster(directory)
        self._term = roster.term
        self._ensemble = Ensemble(
            plan,
            RayFactory(plan, environment),
            roster,
            lives=partial(lives, directory),
            silent_seconds=environment.options.silent_seconds,
        )
        self._asked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the root's host and send the first message; more than once does no harm."""
        if self._tasks:
            return
        self._tasks.append(asyncio.create_task(self._watch_driver()))
        self._tasks.append(asyncio.create_task(self._ensemble.start()))

    async def wait(self, seconds: float, *, events: bool = False) -> Report:
        """Wait until the run has ended, but not longer than so many seconds."""
        self._asked.set()
        return await self._ensemble.wait(seconds, events=events)

    async def finish(self, reason: str, drain_seconds: float) -> None:
        """End the run: drain, end what is open, close logs, end the hosts."""
        self._asked.set()
        await self._ensemble.finish(reason, drain_seconds)

    async def locate(self, wanted: dict[str, Placement | None]) -> Located | bytes:
        """Say where agents live; an error comes as data."""
        try:
            return await self._ensemble.locate(wanted)
        except AgentMeshError as error:
            return describe(error)

    async def contact(self, host: str, after: int) -> tuple[int, object] | bytes:
        """Say which life a host is in, later than one, and what it is called by."""
        if host == CLIENT:
            return self._term, ray.get_runtime_context().current_actor
        try:
            return await self._ensemble.contact(host, after)
        except AgentMeshError as error:
            return describe(error)

    async def deliver(self, frame: bytes) -> bytes:
        """Take in a frame with answers for the client."""
        return self._ensemble.deliver(frame)

    async def gone(self, host: str, incarnation: int, reason: str) -> None:
        """Learn that a host could not be reached any more."""
        self._ensemble.gone(host, incarnation, reason)

    async def _watch_driver(self) -> None:
        """Suspend the run when nobody has asked for too long: it can be resumed."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._silent_seconds)
            if not self._asked.is_set() and not self._ensemble.ending:
                break
            self._asked.clear()
        await self._ensemble.finish(SUSPEND, 0.0)
        ray.kill(ray.get_runtime_context().current_actor)


class RayFactory:
    """Makes hosts with Ray (`ensemble.Factory`).

    Args:
        plan: The run.
        environment: How hosts are made.
    """

    def __init__(self, plan: Plan, environment: Environment) -> None:
        self._plan = plan
        self._environment = environment
        # Ray's hints know neither this option nor what it returns.
        self._actor: Any = ray.remote(concurrency_groups=GROUPS)(HostActor)  # type: ignore[call-overload]

    def create(self, spec: HostSpec, identity: Identity) -> "RayHost":
        """Start a host; it may take a while until it is ready."""
        placement = spec.placement
        options: dict[str, Any] = {
            "name": f"host/{spec.name}/{identity.incarnation}",
            "namespace": namespace_of(self._plan.run_id),
            "num_cpus": placement.num_cpus or 0,
            "num_gpus": placement.num_gpus or 0,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if placement.memory_bytes is not None:
            options["memory"] = placement.memory_bytes
        if placement.resources:
            options["resources"] = dict(placement.resources)
        if placement.label_selector:
            options["label_selector"] = dict(placement.label_selector)
        if self._environment.env_vars:
            options["runtime_env"] = {"env_vars": self._environment.env_vars}
        supervisor = ray.get_runtime_context().current_actor
        handle = self._actor.options(**options).remote(identity, self._plan, supervisor)
        return RayHost(handle)

    def patience(self, placement: Placement) -> float:
        """Return how many seconds a host with such needs may take to start."""
        options = self._environment.options
        fits = any(_fits(placement, node) for node in _nodes())
        return options.placement_seconds if fits else options.infeasible_seconds

    def offer(self) -> str:
        """Say what the cluster has, for errors."""
        nodes = [_shown(node) for node in _nodes()]
        free = _shown({"Resources": ray.available_resources()})  # type: ignore[no-untyped-call]
        return f"The cluster has {len(nodes)} node(s): {'; '.join(nodes)}. Free now: {free}."


class RayHost:
    """Calls one host (`ensemble.HostHandle`).

    Args:
        handle: The actor's handle.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def contact(self) -> object:
        """What other hosts call it by."""
        return self._handle

    def call(self) -> Call:
        """Return how to send frames to it."""
        return call_of(self._handle, asyncio.get_running_loop())

    async def ready(self) -> bytes:
        """Wait until it is up; return why it is not, or nothing."""
        return cast("bytes", await _result(self._handle.ready.remote()))

    async def watch(self) -> bytes:
        """Wait until it ends; return why, or nothing."""
        return cast("bytes", await _result(self._handle.watch.remote()))

    async def status(self) -> Status:
        """Ask what there is left to do."""
        return cast("Status", await _until_told(self._handle.status.remote))

    async def stop_open_work(self, reason: str) -> Status:
        """Let all open turns end."""
        return cast("Status", await _until_told(self._handle.stop_open_work.remote, reason))

    async def refuse(self, address: str, reason: str) -> None:
        """Let it take the messages to an agent that can't be placed as dead letters."""
        await _until_told(self._handle.refuse.remote, address, reason)

    async def meet(self, host: str, incarnation: int, contact: object) -> None:
        """Tell it that another host lives again."""
        await _until_told(self._handle.meet.remote, host, incarnation, contact)

    async def close(self, seconds: float, *, suspend: bool) -> bool:
        """Let it close its log."""
        return cast("bool", await _until_told(self._handle.close.remote, seconds, suspend))

    def kill(self) -> None:
        """End it at once."""
        ray.kill(self._handle)


async def _until_told(call: Callable[..., Any], *arguments: object) -> object:
    """Ask until there is an answer: asking twice does no harm. Whoever asks has a deadline."""
    pause = ASK_AGAIN_SECONDS / 8
    while True:
        try:
            return await _result(call(*arguments))
        except UnavailableError:
            await asyncio.sleep(pause)
            pause = min(2 * pause, ASK_AGAIN_SECONDS)


async def _result(ref: Any) -> object:
    try:
        return await ref
    except ray.exceptions.RayError as error:
        raise sorted_out(error) from error


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node.get("Alive")]  # type: ignore[no-untyped-call]


def _fits(placement: Placement, node: dict[str, Any]) -> bool:
    has, labels = node["Resources"], node.get("Labels", {})
    asked = {
        "CPU": placement.num_cpus or 0,
        "GPU": placement.num_gpus or 0,
        "memory": placement.memory_bytes or 0,
        **placement.resources,
    }
    if any(has.get(name, 0) < amount for name, amount in asked.items()):
        return False
    plain = {name: value for name, value in placement.label_selector.items() if "(" not in value}
    return all(
        (labels.get(name) != value[1:]) if value.startswith("!") else labels.get(name) == value
        for name, value in plain.items()
    )


def _shown(node: dict[str, Any]) -> str:
    resources = {
        name: amount
        for name, amount in sorted(node["Resources"].items())
        if not name.startswith("node:")
    }
    shown = [
        f"{name} {amount / 2**30:.1f} GiB" if "memory" in name else f"{name} {amount:g}"
        for name, amount in resources.items()
    ]
    return ", ".join(shown) or "nothing"
