"""What Ray sees of a host: a thin class around `process.HostProcess`.

A sync actor, because Ray keeps the order of calls only there; its methods hand the work
to a loop of their own. Groups of threads keep control apart from deliveries: `deliver`
has one, so that frames of one sender stay in order, `control` answers while deliveries
wait, and `watch` waits for the end.

Ray pickles a decorated class by value, with the globals its methods use. So this class
is not decorated where it is defined, and uses none that are state.
"""

from functools import partial
from typing import Any

import ray

from agentmesh.errors import describe
from agentmesh.fabric.calls import RayCalls
from agentmesh.fabric.opening import Identity
from agentmesh.fabric.process import HostProcess, Status
from agentmesh.host.plan import Plan

GROUPS = {"deliver": 1, "control": 2, "watch": 1}
"""Ray's concurrency groups: threads by group."""


class HostActor:
    """A host as a Ray actor.

    Args:
        identity: Who it is.
        plan: The run.
        supervisor: The supervisor's handle.
    """

    def __init__(self, identity: Identity, plan: Plan, supervisor: Any) -> None:
        self._problem = b""
        try:
            self._process = HostProcess(
                identity, plan, partial(RayCalls, identity.name, supervisor)
            )
        except BaseException as error:  # noqa: BLE001 - told to the supervisor as data
            self._problem = describe(error)

    @ray.method(concurrency_group="control")
    def ready(self) -> bytes:
        """Return nothing when the host is up, or why it is not, as a described error."""
        return self._problem

    @ray.method(concurrency_group="deliver", enable_task_events=False)
    def deliver(self, frame: bytes) -> bytes:
        """Take in a frame; return one when what it brought is journaled and handled."""
        return self._process.deliver(frame)

    @ray.method(concurrency_group="control", enable_task_events=False)
    def status(self) -> Status:
        """Say whether there is anything left to do."""
        return self._process.status()

    @ray.method(concurrency_group="control")
    def refuse(self, address: str, reason: str) -> None:
        """Take the messages to an agent that can't be placed as dead letters."""
        self._process.refuse(address, reason)

    @ray.method(concurrency_group="control", enable_task_events=False)
    def stop_open_work(self, reason: str) -> Status:
        """End all open turns, and say how it stands then."""
        return self._process.stop_open_work(reason)

    @ray.method(concurrency_group="control")
    def close(self, seconds: float, suspend: bool) -> bool:  # noqa: FBT001 - a remote call
        """Write what is left and close the log; return whether that was done in time."""
        return self._process.close(seconds, suspend=suspend)

    @ray.method(concurrency_group="control", enable_task_events=False)
    def meet(self, host: str, incarnation: int, contact: Any) -> None:
        """Learn that another host lives again, and what it is called by."""
        self._process.meet(host, incarnation, contact)

    @ray.method(concurrency_group="watch")
    def watch(self) -> bytes:
        """Wait until the host ends; return why as a described error, or nothing."""
        return self._process.watch()
