"""All hosts of one run, seen from the supervisor: placing, watching, draining, ending.

Knows no Ray: `Factory` makes hosts and says what the cluster has, `HostHandle` calls
one. The supervisor is itself an end of links, under the name of the client: the first
message leaves from here, and the root's answer arrives here.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from agentmesh.errors import AgentMeshError, FabricError, describe, rebuild
from agentmesh.fabric.directory import Located
from agentmesh.fabric.frames import decode
from agentmesh.fabric.link import Link
from agentmesh.fabric.peer import Call, Peer
from agentmesh.fabric.placement import HostSpec, Placer
from agentmesh.fabric.process import Identity, Status
from agentmesh.host.plan import Plan
from agentmesh.kernel.envelope import CLIENT, FAIL, REPLY, Envelope, agent_type_of
from agentmesh.sdk.agent import Placement

T = TypeVar("T")

STOP_SECONDS = 0.8
"""How long open turns may take to end when they are told to."""
CLOSE_SECONDS = 0.8
"""How long a host may take to close its log."""


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

    async def close(self, seconds: float) -> bool:
        """Let it close its log."""

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
class _Member:
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


class Ensemble:
    """All hosts of one run.

    Args:
        plan: The run.
        factory: Makes hosts.
    """

    def __init__(self, plan: Plan, factory: Factory) -> None:
        self._plan = plan
        self._factory = factory
        self._placer = Placer(plan.root)
        self._members: dict[str, _Member] = {}
        self._opening: dict[str, asyncio.Task[_Member]] = {}
        self._refused: dict[str, asyncio.Task[None]] = {}
        self._peers: dict[str, Peer] = {}
        self._ended = asyncio.Event()
        self._answer: Envelope | None = None
        self._failure = b""
        self._finishing = False
        self._full = False

    # --- for the driver ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the root's host and send the first message; a problem is reported by `wait`."""
        try:
            await self._member(self._placer.root)
        except AgentMeshError as error:
            self._fail(describe(error))
            return
        self._peer(self._placer.root.name).send([self._plan.first_message()])

    async def wait(self, seconds: float, *, events: bool = False) -> Report:
        """Wait until the run has ended, but not longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        handled = sum(status.events for status in await self._statuses()) if events else 0
        return Report(answer=self._answer, failure=self._failure, events=handled)

    async def finish(self, reason: str, drain_seconds: float) -> None:
        """End the run: let messages in flight finish, then everything else, then close logs.

        Args:
            reason: What open turns are told: `stop` or `cancel`.
            drain_seconds: How long messages in flight may take.
        """
        self._finishing = True
        if drain_seconds > 0 and not self._failure:
            await self._settle(drain_seconds, lambda host: host.status())
        self._full = True
        for opening in self._opening.values():
            opening.cancel()
        await self._settle(STOP_SECONDS, lambda host: host.stop_open_work(reason))
        closing = [member.handle.close(CLOSE_SECONDS) for member in self._alive()]
        await _all_within(CLOSE_SECONDS, closing)
        for member in self._members.values():
            member.watching.cancel()
            member.handle.kill()

    # --- for hosts --------------------------------------------------------------------------------

    async def locate(self, wanted: dict[str, Placement | None]) -> Located:
        """Say where agents live; what does not live yet is placed now."""
        agents, types, contacts = {}, {}, {}
        places = await asyncio.gather(*(self._place(*item) for item in wanted.items()))
        for (address, _), (member, whole_type) in zip(wanted.items(), places, strict=True):
            name = member.spec.name
            contacts[name] = (member.identity.incarnation, member.handle.contact)
            if whole_type:
                types[agent_type_of(address)] = name
            else:
                agents[address] = name
        return Located(agents=agents, types=types, contacts=contacts)

    def contact(self, host: str) -> tuple[int, object]:
        """Say which life a host is in, and what it is called by."""
        member = self._members[host]
        return member.identity.incarnation, member.handle.contact

    def deliver(self, data: bytes) -> bytes:
        """Take in a frame with answers for the client."""
        frame = decode(data)
        answers: list[bytes] = []
        self._peer(frame.src).accept(frame, answers.append)
        return answers[0]

    def take(self, envelopes: list[Envelope], then: Callable[[], None]) -> None:
        """Take in answers for the client (`peer.Sink`)."""
        for envelope in envelopes:
            if envelope.kind in (REPLY, FAIL) and self._answer is None:
                self._answer = envelope
                self._ended.set()
        then()

    def gone(self, host: str, incarnation: int, reason: str) -> None:
        """Learn that somebody could not reach a host any more."""
        member = self._members.get(host)
        if member is not None and member.identity.incarnation == incarnation:
            self._on_lost(member, reason)

    # --- placing ----------------------------------------------------------------------------------

    async def _place(self, address: str, placement: Placement | None) -> tuple[_Member, bool]:
        spec = self._placer.place(address, placement)
        try:
            member = await self._member(spec)
        except AgentMeshError as error:
            if spec is self._placer.root:
                raise
            return await self._refuse(address, error), False
        return member, spec.whole_type and placement is not None

    async def _member(self, spec: HostSpec) -> _Member:
        """Return a host that is up; whoever asks meanwhile waits for the same one."""
        opening = self._opening.get(spec.name)
        if opening is None:
            if self._full:
                raise _too_late(spec)
            opening = self._opening[spec.name] = asyncio.create_task(self._open(spec))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise _too_late(spec) from None
            raise

    async def _open(self, spec: HostSpec) -> _Member:
        identity = Identity(name=spec.name, incarnation=1)
        handle = self._factory.create(spec, identity)
        seconds = self._factory.patience(spec.placement)
        try:
            problem = await asyncio.wait_for(handle.ready(), seconds)
        except TimeoutError:
            handle.kill()
            raise _unplaceable(spec, seconds, self._factory.offer()) from None
        except asyncio.CancelledError:
            handle.kill()
            raise
        except AgentMeshError as error:
            raise _unfit(spec, error) from error
        if problem:
            handle.kill()
            raise _unfit(spec, rebuild(problem))
        member = _Member(spec, identity, handle, asyncio.create_task(self._watch(spec.name)))
        self._members[spec.name] = member
        return member

    async def _refuse(self, address: str, error: AgentMeshError) -> _Member:
        """Let the root's host take the messages of an agent that can't be placed."""
        root = await self._member(self._placer.root)
        if address not in self._refused:
            telling = root.handle.refuse(address, str(error))
            self._refused[address] = asyncio.ensure_future(telling)
        await asyncio.shield(self._refused[address])
        return root

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self, name: str) -> None:
        await asyncio.sleep(0)  # so that the member is known
        member = self._members[name]
        try:
            problem = await member.handle.watch()
        except AgentMeshError as error:
            self._on_lost(member, error.what)
        else:
            if problem:
                self._fail(problem)

    def _on_lost(self, member: _Member, reason: str) -> None:
        """Say that a host has died: the run fails, as nobody restores its agents."""
        if member.lost:
            return
        member.lost = True
        if not self._finishing:
            self._fail(describe(_lost(member, reason)))

    def _fail(self, failure: bytes) -> None:
        if not self._failure:
            self._failure = failure
            self._ended.set()

    # --- ending -----------------------------------------------------------------------------------

    def _alive(self) -> list[_Member]:
        return [member for member in self._members.values() if not member.lost]

    async def _statuses(self) -> list[Status]:
        return await _all_within(2.0, [member.handle.status() for member in self._alive()])

    async def _settle(self, seconds: float, ask: Callable[[HostHandle], Awaitable[Status]]) -> bool:
        """Wait until all hosts are idle, twice with nothing done in between."""
        until = time.monotonic() + seconds
        before, pause = -1, _PAUSE_SECONDS
        while (left := until - time.monotonic()) > 0:
            alive = self._alive()
            statuses = await _all_within(left, [ask(member.handle) for member in alive])
            idle = len(statuses) == len(alive) and all(status.idle for status in statuses)
            done = sum(status.events for status in statuses) if idle else -1
            if idle and done == before and not self._under_way():
                return True
            before = done
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MOST)
        return False

    def _under_way(self) -> bool:
        opening = any(not task.done() for task in self._opening.values())
        return opening or not all(peer.quiet for peer in self._peers.values())

    # --- the client's links -----------------------------------------------------------------------

    def _peer(self, host: str) -> Peer:
        peer = self._peers.get(host)
        if peer is None:
            member = self._members[host]
            link = Link(CLIENT, 1, host, member.identity.incarnation)
            loop = asyncio.get_running_loop()
            peer = self._peers[host] = Peer(link, self, loop, time.time_ns, self._on_gone)
            peer.connect(member.handle.call())
        return peer

    def _on_gone(self, peer: Peer, error: Exception) -> None:
        self.gone(peer.link.peer, peer.link.peer_incarnation, str(error))


_PAUSE_SECONDS = 0.002
_PAUSE_SECONDS_MOST = 0.1


async def _all_within(seconds: float, work: Sequence[Awaitable[T]]) -> list[T]:
    """Wait for all; return what came in time without an error."""
    if not work:
        return []
    tasks = [asyncio.ensure_future(each) for each in work]
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    return [task.result() for task in tasks if task in done and task.exception() is None]


def _unplaceable(spec: HostSpec, seconds: float, offer: str) -> FabricError:
    return FabricError(
        f"Ray found no place within {seconds:g} s for a host of {spec.agent_type}, which needs "
        f"{needs(spec.placement)}. {offer}",
        cause="Usually no node has that much, or others hold it.",
        fix="Ask for less in @am.agent(...), add nodes, or raise num_cpus of a local Ray.",
        agent_type=spec.agent_type,
    )


def _too_late(spec: HostSpec) -> FabricError:
    return FabricError(
        f"The run ended before a host of {spec.agent_type} was up.",
        cause="The workflow had returned, or failed, while messages to it were under way.",
        fix="Await a reply in the workflow, or give the run more time to drain.",
        agent_type=spec.agent_type,
    )


def _unfit(spec: HostSpec, problem: Exception) -> FabricError:
    return FabricError(
        f"The host of {spec.agent_type} could not start: {problem}", agent_type=spec.agent_type
    )


def _lost(member: _Member, reason: str) -> FabricError:
    return FabricError(
        f"The host {member.spec.name} (agents of type {member.spec.agent_type}) has died: {reason}",
        cause="Usually its process was killed, ran out of memory, or its node went away.",
        fix="What happened until then is in the journal: `agentmesh show`. Ray's own logs say "
        "more: `ray logs`, or its session folder.",
        host=member.spec.name,
    )


def needs(placement: Placement) -> str:
    """Say what a placement asks for, as it is written in `@am.agent(...)`."""
    asked = {
        "num_cpus": placement.num_cpus,
        "num_gpus": placement.num_gpus,
        "memory_bytes": placement.memory_bytes,
        "resources": dict(placement.resources) or None,
        "label_selector": dict(placement.label_selector) or None,
    }
    shown = [f"{name}={value!r}" for name, value in asked.items() if value is not None]
    return ", ".join(shown) or "no resources"
