"""What a supervisor needs of hosts, and of whoever makes them: no word of Ray."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from agentmesh.fabric.opening import Identity
from agentmesh.fabric.peer import Call, UnavailableError
from agentmesh.fabric.placement import HostSpec
from agentmesh.fabric.process import Status
from agentmesh.kernel.envelope import Envelope
from agentmesh.sdk.agent import Placement

T = TypeVar("T")


class HostHandle(Protocol):
    """Calls one host."""

    @property
    def contact(self) -> object:
        """What other hosts call it by."""

    def call(self) -> Call:
        """Return how to send frames to it."""

    async def ready(self) -> bytes:
        """Wait until it is up; return why it is not, as a described error, or nothing."""

    async def watch(self) -> bytes:
        """Wait until it ends; return why, as a described error, or nothing."""

    async def status(self) -> Status:
        """Ask what there is left to do."""

    async def stop_open_work(self, reason: str) -> Status:
        """Let all open turns end."""

    async def refuse(self, address: str, reason: str) -> None:
        """Let it take the messages to an agent that can't be placed as dead letters."""

    async def meet(self, host: str, incarnation: int, contact: object) -> None:
        """Tell it that another host lives again, and what that is called by."""

    async def close(self, seconds: float, *, suspend: bool) -> bool:
        """Let it close its log; leave open what is open, if it is to be resumed."""

    def kill(self) -> None:
        """End it at once."""


class Factory(Protocol):
    """Makes hosts."""

    def create(self, spec: HostSpec, identity: Identity) -> HostHandle:
        """Start a host; it may take a while until it is ready."""

    def patience(self, placement: Placement) -> float:
        """Return how many seconds a host with such needs may take to start."""

    def offer(self) -> str:
        """Say what the cluster has, for errors."""


@dataclass
class Member:
    """A host of the run, in one of its lives."""

    spec: HostSpec
    identity: Identity
    handle: HostHandle
    watching: "asyncio.Task[None]"
    lost: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a run stands."""

    answer: Envelope | None = None
    """What the root sent to the client; None while it has not."""
    failure: bytes = b""
    """Why the run can't go on, as a described error."""
    events: int = 0
    """Events handled so far, where they were asked for."""


async def readiness(handle: HostHandle) -> bytes:
    """Wait until a host is up, and return why it is not, or nothing."""
    while True:
        try:
            return await handle.ready()
        except UnavailableError:
            await asyncio.sleep(ASK_AGAIN_SECONDS)


async def end_of(handle: HostHandle) -> bytes:
    """Wait until a host ends; return why, as a described error, or nothing."""
    while True:
        try:
            return await handle.watch()
        except UnavailableError:
            await asyncio.sleep(ASK_AGAIN_SECONDS)


ASK_AGAIN_SECONDS = 0.2


async def all_within(seconds: float, work: Sequence[Awaitable[T]]) -> list[T]:
    """Wait for all; return what came in time without an error."""
    if not work:
        return []
    tasks = [asyncio.ensure_future(each) for each in work]
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    return [task.result() for task in tasks if task in done and task.exception() is None]


def only_busy(statuses: list[Status]) -> bool:
    """Tell whether hosts whose loops do not answer are all that is left to wait for."""
    waiting = [status for status in statuses if not status.idle]
    return bool(waiting) and all(status.busy for status in waiting)
