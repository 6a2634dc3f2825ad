"""All hosts of one run, seen from the supervisor: placing, watching, draining, ending.

Knows no Ray: `Factory` makes hosts and says what the cluster has, `HostHandle` calls
one. The supervisor is itself an end of links, under the name of the client: the first
message leaves from here, and the root's answer arrives here.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

from agentmesh.errors import AgentMeshError, SupersededError, describe, rebuild
from agentmesh.fabric import host_errors
from agentmesh.fabric.directory import Located
from agentmesh.fabric.frames import decode
from agentmesh.fabric.hosting import (
    Factory,
    Member,
    Report,
    all_within,
    end_of,
    readiness,
)
from agentmesh.fabric.link import Link
from agentmesh.fabric.peer import GoneError, Peer
from agentmesh.fabric.placement import HostSpec, Placer
from agentmesh.fabric.process import Status
from agentmesh.fabric.roster import Roster
from agentmesh.fabric.settling import Settling
from agentmesh.fabric.starting import Starter
from agentmesh.host.plan import Plan
from agentmesh.kernel.envelope import CLIENT, FAIL, REPLY, Envelope, agent_type_of
from agentmesh.sdk.agent import Placement

SUSPEND = "suspend"
"""Why a run ends whose driver is gone: what is open stays open."""
PING_SECONDS = 5.0
"""How often a host is asked whether it lives."""

TELL_SECONDS = 30.0
"""How long others are told of a host that lives again; they find out by themselves, too."""
STOP_SECONDS = 3.0
"""How long open turns may take to end when they are told to: far less, unless the machine is
busy with other things. Nobody waits that long for a host whose loop is blocked."""
CLOSE_SECONDS = 0.8
"""How long a host may take to close its log."""
RESTORE_SECONDS = 30.0
"""How long the end of a run waits for hosts that have died: their messages need an end, too."""


class Ensemble:
    """All hosts of one run.

    Args:
        plan: The run.
        factory: Makes hosts.
        roster: What earlier supervisors of the run decided, and this one will.
        lives: Tells how many lives of a host have left something.
        silent_seconds: How long a host may be silent before it is taken for dead; a handler
            that blocks its host's loop does not matter.
    """

    def __init__(
        self,
        plan: Plan,
        factory: Factory,
        roster: Roster,
        lives: Callable[[str], int] = lambda _host: 0,
        *,
        silent_seconds: float,
    ) -> None:
        self._plan = plan
        self._factory = factory
        self._roster = roster
        self._silent_seconds = silent_seconds
        self._placer = Placer(plan.root)
        self._placer.restore(roster.hosts.values(), roster.agents)
        self._starter = Starter(factory, roster, lives)
        self._settling = Settling(self._alive, lambda: bool(self._restoring), self._under_way)
        self._members: dict[str, Member] = {}
        self._opening: dict[str, asyncio.Task[Member]] = {}
        self._refused: dict[str, asyncio.Task[None]] = {}
        self._reasons: dict[str, str] = {}
        self._peers: dict[str, Peer] = {}
        self._ended = asyncio.Event()
        self._answer: Envelope | None = None
        self._failure = b""
        self._finish: asyncio.Task[None] | None = None
        self._restoring: set[str] = set()
        self._tellings: set[asyncio.Future[list[None]]] = set()
        self._full = False
        """Whether there are no new hosts any more."""
        self._over = False
        """Whether hosts that die stay dead."""

    # --- for the driver ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the root's host and send the first message; a problem is reported by `wait`.

        Hosts that lived before live again, because their work may not be done.
        """
        self._roster.add(self._placer.root)
        try:
            await asyncio.gather(*(self._member(spec) for spec in self._roster.hosts.values()))
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
            reason: What open turns are told: `stop` or `cancel`; `suspend` for nothing, so that
                the run can be resumed.
            drain_seconds: How long messages in flight may take.
        """
        if self._finish is None:
            self._finish = asyncio.create_task(self._end(reason, drain_seconds))
        await asyncio.shield(self._finish)  # who asks again waits for the same end

    @property
    def ending(self) -> bool:
        """Whether the run is being ended right now."""
        return self._finish is not None and not self._finish.done()

    async def _end(self, reason: str, drain_seconds: float) -> None:
        if drain_seconds > 0 and not self._failure:
            await self._settling.wait(drain_seconds, lambda host: host.status(), RESTORE_SECONDS)
        self._full = True
        for name, opening in self._opening.items():
            if name not in self._restoring:
                opening.cancel()
        if reason != SUSPEND and not self._failure:
            patience = RESTORE_SECONDS if drain_seconds > 0 else 0.0
            await self._settling.wait(
                STOP_SECONDS,
                lambda host: host.stop_open_work(reason),
                patience,
                leave_busy=True,
            )
        self._over = True
        for opening in self._opening.values():
            opening.cancel()
        suspend = reason == SUSPEND or bool(self._failure)
        alive = self._alive()
        closing = [member.handle.close(CLOSE_SECONDS, suspend=suspend) for member in alive]
        await all_within(CLOSE_SECONDS, closing)
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

    async def contact(self, host: str, after: int = 0) -> tuple[int, object]:
        """Say which life a host is in, later than one, and what it is called by.

        Raises:
            FabricError: It does not live again.
        """
        member = self._members.get(host)
        if member is not None and member.identity.incarnation <= after:
            self._on_lost(member, "another host can't reach it")
        if member is None or member.lost:
            member = await self._member(self._roster.hosts[host])
        if member.lost:
            raise rebuild(self._failure) if self._failure else host_errors.too_late(member.spec)
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

    def on_gates(self, peer: Peer) -> None:
        """Do nothing: the client sends one message (`peer.Sink`)."""

    def gone(self, host: str, incarnation: int, reason: str) -> None:
        """Learn that somebody could not reach a host any more."""
        member = self._members.get(host)
        if member is not None and member.identity.incarnation == incarnation:
            self._on_lost(member, reason)

    # --- placing ----------------------------------------------------------------------------------

    async def _place(self, address: str, placement: Placement | None) -> tuple[Member, bool]:
        spec = self._placer.place(address, placement)
        self._roster.add(spec, "" if spec.whole_type else address)
        try:
            member = await self._member(spec)
        except AgentMeshError as error:
            if spec is self._placer.root:
                raise
            return await self._refuse(address, error), False
        return member, spec.whole_type and placement is not None

    async def _member(self, spec: HostSpec) -> Member:
        """Return a host that is up; whoever asks meanwhile waits for the same one."""
        opening = self._opening.get(spec.name)
        if opening is None:
            if self._full:
                raise host_errors.too_late(spec)
            opening = self._opening[spec.name] = asyncio.create_task(self._open(spec))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise host_errors.too_late(spec) from None
            raise

    async def _open(self, spec: HostSpec, incarnation: int = 0) -> Member:
        """Start a host, and watch it from then on."""
        identity, handle = await self._starter.start(spec, incarnation, lambda: self._over)
        member = Member(spec, identity, handle, asyncio.create_task(self._watch(spec.name)))
        self._members[spec.name] = member
        self._introduce(member)
        return member

    async def _refuse(self, address: str, error: AgentMeshError) -> Member:
        """Let the root's host take the messages of an agent that can't be placed."""
        root = await self._member(self._placer.root)
        if address not in self._refused:
            self._reasons[address] = str(error)
            telling = root.handle.refuse(address, str(error))
            self._refused[address] = asyncio.ensure_future(telling)
        await asyncio.shield(self._refused[address])
        return root

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self, name: str) -> None:
        await asyncio.sleep(0)  # so that the member is known
        member = self._members[name]
        ends = asyncio.ensure_future(end_of(member.handle))
        try:
            while not ends.done():
                await asyncio.wait([ends], timeout=min(PING_SECONDS, self._silent_seconds))
                if not ends.done():
                    await asyncio.wait_for(readiness(member.handle), self._silent_seconds)
            problem = ends.result()
        except TimeoutError:
            self._on_lost(member, f"it has not answered for {self._silent_seconds:g} s")
        except AgentMeshError as error:
            self._on_lost(member, error.what)
        else:
            self._on_ended(member, problem)
        finally:
            ends.cancel()

    def _on_ended(self, member: Member, problem: bytes) -> None:
        """Take in why a host says that it goes on no more, unless its life is over anyway."""
        if not problem or member.lost:
            return
        error = rebuild(problem)
        if isinstance(error, SupersededError):
            self._on_lost(member, error.what)
        else:
            self._fail(problem)

    def _on_lost(self, member: Member, reason: str) -> None:
        """Let a successor take up the work of a host that has died, unless that is hopeless."""
        if member.lost:
            return
        member.lost = True
        name = member.spec.name
        if self._over:
            return
        if not self._starter.may_restart(name):
            self._fail(describe(host_errors.lost(member, reason)))
            return
        self._restoring.add(name)
        self._opening[name] = asyncio.create_task(self._open_again(member))
        self._opening[name].add_done_callback(partial(self._on_opened_again, name))

    def _on_opened_again(self, name: str, task: "asyncio.Task[Member]") -> None:
        if not task.cancelled():
            task.exception()  # which `_open_again` has told
        if self._opening.get(name) is task:
            self._restoring.discard(name)

    async def _open_again(self, lost: Member) -> Member:
        lost.handle.kill()  # it may only have been silent
        try:
            member = await self._open(lost.spec, lost.identity.incarnation + 1)
        except AgentMeshError as error:
            died = isinstance(error.__cause__, GoneError)
            self._fail(describe(host_errors.lost(lost, str(error.__cause__)) if died else error))
            raise
        if lost.spec.name == self._placer.root.name:
            for address, reason in self._reasons.items():
                await member.handle.refuse(address, reason)
        others = [each for each in self._alive() if each is not member]
        name, life = member.spec.name, member.identity.incarnation
        telling = [each.handle.meet(name, life, member.handle.contact) for each in others]
        told = asyncio.ensure_future(all_within(TELL_SECONDS, telling))
        self._tellings.add(told)
        told.add_done_callback(self._tellings.discard)
        return member

    def _introduce(self, member: Member) -> None:
        """Let the client's link call a host that is up."""
        peer = self._peers.get(member.spec.name)
        if peer is not None:
            peer.link.peer_restarted(member.identity.incarnation)
            peer.connect(member.handle.call())

    def _fail(self, failure: bytes) -> None:
        if not self._failure:
            self._failure = failure
            self._ended.set()

    # --- ending -----------------------------------------------------------------------------------

    def _alive(self) -> list[Member]:
        return [member for member in self._members.values() if not member.lost]

    async def _statuses(self) -> list[Status]:
        return await all_within(2.0, [member.handle.status() for member in self._alive()])

    def _under_way(self) -> bool:
        opening = any(not task.done() for task in self._opening.values())
        return opening or not all(peer.quiet for peer in self._peers.values())

    # --- the client's links -----------------------------------------------------------------------

    def _peer(self, host: str) -> Peer:
        peer = self._peers.get(host)
        if peer is None:
            link = Link(CLIENT, self._roster.term, host, 1)
            loop, clock_ns = asyncio.get_running_loop(), time.monotonic_ns
            peer = Peer(link, self, loop, clock_ns, on_gone=self._on_gone, on_error=self._on_broken)
            self._peers[host] = peer
            member = self._members.get(host)
            if member is not None and not member.lost:
                self._introduce(member)
        return peer

    def _on_broken(self, error: Exception) -> None:
        self._fail(describe(error))

    def _on_gone(self, peer: Peer, error: Exception) -> None:
        self.gone(peer.link.peer, peer.link.peer_incarnation, str(error))
