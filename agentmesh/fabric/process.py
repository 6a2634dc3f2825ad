"""One host process: a thread with a loop, the engine, a log, and links to other hosts.

Ray calls come in on Ray's threads; everything here happens on the loop's thread, and
the caller waits for it. What a handler blocks is the loop; health and control still
answer, because whoever waits for the loop waits with a deadline.
"""

import asyncio
import gc
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, Protocol, TypeVar

from agentmesh import ambient
from agentmesh.errors import SupersededError, UnknownAgentError, describe
from agentmesh.fabric.directory import Directory, Located
from agentmesh.fabric.frames import decode
from agentmesh.fabric.gates import Gates
from agentmesh.fabric.host_loop import HostLoop
from agentmesh.fabric.link import Link
from agentmesh.fabric.opening import Identity, open_host
from agentmesh.fabric.peer import Call, Peer
from agentmesh.host.checkpoints import Checkpoints
from agentmesh.host.engine import Host
from agentmesh.host.plan import Plan
from agentmesh.host.recovery import recover
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.kernel.endings import STOP
from agentmesh.kernel.envelope import CLIENT, Envelope, agent_type_of
from agentmesh.sdk.agent import Placement

T = TypeVar("T")

COLLECTOR_THRESHOLDS = (10_000, 20, 50)
"""New objects before a collection, and how many of those before the next generation's."""
SUPERSEDED = 75
"""Exit code of a host that finds that another process has taken its place."""
LOOK_AGAIN_SECONDS = 0.1
"""How long to wait for a host of which a later life is known than the supervisor knew."""
CONTROL_SECONDS = 1.0
"""How long a question about the host's state waits for its loop."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a host says of itself."""

    idle: bool
    """Whether it has nothing to do and nothing of it is under way."""
    events: int
    """Events handled so far."""
    busy: bool = False
    """Whether its loop did not answer in time: a handler blocks it, say."""


class Calls(Protocol):
    """How this host reaches others; all call back on the host's loop."""

    def locate(
        self,
        wanted: dict[str, Placement | None],
        then: Callable[[Located | Exception], None],
    ) -> None:
        """Ask the supervisor where agents live."""

    def contact(
        self, host: str, after: int, then: Callable[[tuple[int, object] | Exception], None]
    ) -> None:
        """Ask the supervisor which life a host is in, later than one, and what it is called by."""

    def call_of(self, contact: object) -> Call:
        """Return how to send frames to a host, given what it is called by."""

    def gone(self, host: str, incarnation: int, reason: str) -> None:
        """Tell the supervisor that a host is dead."""


class HostProcess:
    """All of one host, except for what Ray sees of it.

    Args:
        identity: Who it is.
        plan: The run.
        calls: Makes what calls others, given the host's loop.

    Raises:
        UsageError: The program is not on this machine.
        JournalError: The log can't be opened.
    """

    def __init__(
        self, identity: Identity, plan: Plan, calls: Callable[[asyncio.AbstractEventLoop], Calls]
    ) -> None:
        self.identity = identity
        self._plan = plan
        self._failure: Future[bytes] = Future()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._peers: dict[str, Peer] = {}
        self._directory = Directory(identity.name)
        self._closing = self._closed = False
        ambient.install()
        opened = open_host(identity, plan)
        self._run, self._log = opened.run, opened.log
        keeper = Checkpoints(opened.directory, opened.log, opened.redactor, self._in_flight)
        _spare_the_collector()
        self._loop = HostLoop()
        self._calls = calls(self._loop)
        self._engine = Host(
            run=self._run,
            seed=plan.seed,
            journal=self._log,
            loop=self._loop,
            route=self._route,
            is_local=self._directory.is_local,
            on_client=lambda envelope: self._peer(CLIENT).send([envelope]),
            on_failure=self._on_failure,
            on_full=lambda full: self._gates.announce(full, self._peers.values()),
            keeper=keeper,
            clock_ns=plan.clock(),
        )
        self._gates = Gates(self._engine.flow)
        if opened.succession is not None:
            encoder = BodyEncoder(opened.redactor, opened.directory.blobs())
            recover(self._engine, opened.succession, opened.log, encoder, keeper)
            opened.succession.close()
        threading.Thread(target=self._loop.run_forever, name="agentmesh-host", daemon=True).start()

    # --- called on Ray's threads ------------------------------------------------------------------

    def deliver(self, data: bytes) -> bytes:
        """Take in a frame; return one when what it brought is journaled and handled."""
        self._loop.call_soon_threadsafe(self._accept, data)
        return self._answers.get()

    def status(self) -> Status:
        """Say whether there is anything left to do."""
        return self._on_loop(self._status, Status(idle=False, events=0, busy=True))

    def refuse(self, address: str, reason: str) -> None:
        """Let an agent that can't be placed have no life but this: its messages are dead."""
        self._on_loop(partial(self._engine.refuse, address, reason), None)

    def stop_open_work(self, reason: str) -> Status:
        """End all open turns, and say how it stands then."""
        self._on_loop(partial(self._engine.stop_open_work, reason), None)
        return self.status()

    def watch(self) -> bytes:
        """Wait until the host ends; return why as a described error, or nothing if it is closed."""
        return self._failure.result()

    def meet(self, host: str, incarnation: int, contact: object) -> None:
        """Learn that another host lives again: it may not be seen that its earlier life is over."""
        self._loop.call_soon_threadsafe(self._on_met, host, incarnation, contact)

    def close(self, seconds: float, *, suspend: bool = False) -> bool:
        """Write what is left, close the log and end the loop.

        Args:
            seconds: How long that may take.
            suspend: Leave open what is open, for whoever resumes the run.

        Returns:
            Whether the log could be closed in time.
        """
        if self._closed:
            return True
        closed: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._close, closed, suspend)
        try:
            closed.result(seconds)
        except TimeoutError:
            return False
        return True

    def _on_loop(self, function: Callable[[], T], otherwise: T) -> T:
        """Run a function on the loop; give up when the loop does not get to it."""
        done: Future[T] = Future()

        def work() -> None:
            try:
                done.set_result(function())
            except Exception as error:  # noqa: BLE001 - handed to the thread that asked
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work)
        try:
            return done.result(CONTROL_SECONDS)
        except TimeoutError:
            return otherwise

    # --- on the loop: links -----------------------------------------------------------------------

    def take(self, envelopes: list[Envelope], then: Callable[[], None]) -> None:
        """Take in messages for this host's agents (`peer.Sink`)."""
        self._engine.deliver(envelopes)
        self._engine.after_tick(then)
        self._engine.pump_now()

    def _accept(self, data: bytes) -> None:
        if self._closed:
            return  # nothing can be journaled any more, so nothing is answered
        try:
            frame = decode(data)
            self._peer(frame.src, frame.src_incarnation).accept(frame, self._answers.put)
        except Exception as error:  # noqa: BLE001 - the host ends; the supervisor is told why
            self._on_failure(error)
            self._answers.put(b"")

    def _peer(self, name: str, incarnation: int = 1, *, ask: bool = True) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            link = Link(self.identity.name, self.identity.incarnation, name, incarnation)
            clock_ns = time.monotonic_ns
            peer = Peer(
                link,
                self,
                self._loop,
                clock_ns,
                on_gone=self._on_gone,
                on_error=self._on_failure,
            )
            self._peers[name] = peer
            if self._engine.flow.full:
                link.announce(self._engine.flow.full)
            if ask:
                self._calls.contact(name, 0, partial(self._on_contact, peer))
        return peer

    def _on_contact(self, peer: Peer, contact: tuple[int, object] | Exception) -> None:
        if isinstance(contact, Exception):
            self._on_failure(contact)
            return
        incarnation, callee = contact
        if incarnation < peer.link.peer_incarnation:  # it was asked for before that one began
            if not peer.connected:
                self._loop.call_later(LOOK_AGAIN_SECONDS, self._look_for, peer)
        elif incarnation > peer.life or not peer.connected:
            peer.link.peer_restarted(incarnation)
            peer.connect(self._calls.call_of(callee))

    def _look_for(self, peer: Peer) -> None:
        if not peer.connected and not self._closed:
            self._calls.contact(peer.link.peer, 0, partial(self._on_contact, peer))

    def _on_met(self, host: str, incarnation: int, contact: object) -> None:
        peer = self._peers.get(host)
        if peer is not None:
            self._on_contact(peer, (incarnation, contact))

    def _on_gone(self, peer: Peer, error: Exception) -> None:
        """Tell the supervisor that a host is dead, and wait for its successor."""
        name, life = peer.link.peer, peer.link.peer_incarnation
        self._calls.gone(name, life, str(error))
        self._calls.contact(name, life, partial(self._on_contact, peer))

    def _in_flight(self) -> list[Envelope]:
        """Return what has left the engine, and is not known to be journaled elsewhere."""
        peers = self._peers.values()
        sent = [each for peer in peers for each in peer.link.outgoing.envelopes]
        return [*sent, *self._directory.envelopes]

    # --- on the loop: flow control ----------------------------------------------------------------

    def on_gates(self, peer: Peer) -> None:
        """Learn which agents of another host can't keep up (`peer.Sink`)."""
        self._gates.on_announced(peer)

    # --- on the loop: routing ---------------------------------------------------------------------

    def _route(self, envelopes: Iterable[Envelope]) -> None:
        """Send committed messages to where their receivers live, or find out where that is."""
        host_of = self._directory.host_of
        by_host: dict[str, list[Envelope]] = {}
        unknown: dict[str, Placement | None] = {}
        for envelope in envelopes:
            host = host_of(envelope.dst)
            if host is None:
                if self._directory.park(envelope):
                    unknown[envelope.dst] = self._placement_of(envelope.dst)
                self._gates.on_parked(envelope)
            elif host in by_host:
                by_host[host].append(envelope)
            else:
                by_host[host] = [envelope]
        for host, batch in by_host.items():
            self._send(host, batch)
        if unknown:
            self._calls.locate(unknown, self._on_located)

    def _send(self, host: str, envelopes: list[Envelope]) -> None:
        if host == self.identity.name:
            self._engine.deliver(envelopes)
        else:
            peer = self._peer(host)
            peer.send(envelopes)
            if peer.link.outgoing.crowded:
                self._gates.on_crowded(peer, envelopes)

    def _on_located(self, located: Located | Exception) -> None:
        if isinstance(located, Exception):
            self._on_failure(located)
            return
        for host, contact in located.contacts.items():
            if host != self.identity.name:
                self._on_contact(self._peer(host, contact[0], ask=False), contact)
        for host, envelopes in self._directory.learn(located):
            self._send(host, envelopes)
            self._gates.on_found(envelopes[0].dst)

    def _placement_of(self, address: str) -> Placement | None:
        try:
            return self._run.program.find(agent_type_of(address)).placement
        except UnknownAgentError:
            return None

    # --- on the loop: state -----------------------------------------------------------------------

    def _status(self) -> Status:
        for peer in self._peers.values():
            peer.link.acknowledge_soon()
            peer.flush()
        quiet = not self._directory.parked and all(peer.quiet for peer in self._peers.values())
        return Status(idle=quiet and self._engine.idle, events=self._engine.events_handled)

    def _on_failure(self, error: Exception) -> None:
        if isinstance(error, SupersededError):
            _leave(error)
        if not self._failure.done():
            self._failure.set_result(describe(error))

    def _close(self, closed: "Future[None]", suspend: bool) -> None:  # noqa: FBT001 - a callback
        if not self._closing:
            self._closing = True
            self._closer = self._loop.create_task(self._end(closed, suspend=suspend))

    async def _end(self, closed: "Future[None]", *, suspend: bool) -> None:
        try:
            if not suspend:
                await self._end_turns()
            await self._engine.close()
            for peer in self._peers.values():
                peer.close()
            self._closed = True
            self._log.close()
        except Exception as error:  # noqa: BLE001 - handed to the thread that asked
            self._on_failure(error)
            closed.set_exception(error)
            return
        if not self._failure.done():
            self._failure.set_result(b"")
        closed.set_result(None)

    async def _end_turns(self) -> None:
        """Give what was begun since everybody was told to stop its recorded end too."""
        if not self._engine.failed:
            ended = self._loop.create_future()
            self._engine.stop_open_work(STOP)
            self._engine.after_tick(lambda: ended.set_result(None))
            await asyncio.wait([ended], timeout=CONTROL_SECONDS)


def _spare_the_collector() -> None:
    """Let garbage collection look at messages, not at every imported module again and again.

    Measured: a quarter of a host's time under load. Must come after `ambient.install`,
    which finds references to clocks by asking the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _leave(error: SupersededError) -> NoReturn:
    """End this process at once: another has its place, and nothing that it does counts.

    Not by an exception: agents' tools run in other threads, and would go on.
    """
    sys.stderr.write(f"agentmesh: {error}\n")
    sys.stderr.flush()
    os._exit(SUPERSEDED)
