"""The protocol between two hosts: first in first out, exactly once, over calls that may fail.

Sans-IO: a `Link` is given what arrives and when, and returns what to transmit. It
knows no transport, reads no clock and starts no timer.

Theory of operation. Each ordered pair of hosts has one state machine in two halves:
`Outgoing` where messages leave, `Incoming` where they arrive. A `Link` is one host's
end of both directions, so that every frame also acknowledges.

* Messages are numbered from 1. `Incoming` hands them out in order, each once: what came
  before is dropped, what comes too early waits. So frames may be lost, come twice, and
  overtake each other.
* An acknowledgement is cumulative, and means *journaled*: it moves only when the host
  says `commit`. Until then the sender keeps the message.
* `credit` is the highest number the other side takes. It is absolute, so that a frame
  which comes late or twice can't grant the same room again.
* What may be lost is sent again with the same numbers: after a failed transmission
  (`lost`), when the other side asks for it (`rewind`), and, in case nobody noticed, when
  no acknowledgement came for a while.
* A host that was restarted has a higher *incarnation*. A frame for an earlier one of this
  host is not taken, and its answer tells the sender. A frame from an earlier one of the
  other host is not taken either: that one is dead, or will read in the answer that it is
  `superseded`. When the other side is new, a new session starts: numbers begin at 1
  again, and everything not acknowledged goes first, in the old order.

Across sessions a message can arrive twice: the earlier life may have journaled it
without having been able to say so. Whoever restores a host knows from its journal what
it has seen, by the messages' own ids, and drops those, but commits their mark only after
all that was handed out before is journaled.

Guaranteed, for hosts that write before they send, that give a restored link first (`send`)
what their journal does not know to be acknowledged, and that look for their successor's
fence after they write and before they acknowledge or transmit: per pair of agents a
receiver's journal is at any time a beginning of what was sent; nothing is acknowledged that
is not journaled; credit, window and bytes are kept; and once faults end, all arrives.
`tests/fabric/test_link_exploration.py` takes every way through small worlds (one or two
messages each way, a window of one or two, one or two faults of any kind at any step: up to
some 70,000 states each), and random ones through worlds of two or three hosts, with many
lives, limits of all sizes, and every fault together: millions of steps by hand.
"""

from collections.abc import Iterable

from agentmesh.errors import InternalError
from agentmesh.fabric.frames import Frame, decode, encode
from agentmesh.fabric.halves import LIMITS, NEVER, Incoming, Limits, Outgoing
from agentmesh.kernel.envelope import Envelope


class Link:
    """One host's end of both directions between it and another host.

    Args:
        me: Name of this host.
        incarnation: Which life of it this is.
        peer: Name of the other host.
        peer_incarnation: Which life of it this link starts with.
        limits: How much travels at once.
    """

    def __init__(
        self,
        me: str,
        incarnation: int,
        peer: str,
        peer_incarnation: int,
        limits: Limits = LIMITS,
    ) -> None:
        self.me = me
        self.incarnation = incarnation
        self.peer = peer
        self.peer_incarnation = peer_incarnation
        self.limits = limits
        self.outgoing = Outgoing(limits)
        self.incoming = Incoming(limits)
        self.superseded = False
        """Whether somebody knows a later life of this host: it must do nothing more."""
        self._ack_at = NEVER
        self._told_ack = 0
        self._bytes_untold = 0
        self._ask_again = False
        self._greet = False
        self._refused = False
        self._gates = 0
        self._full: list[str] = []
        self._peer_gates = 0
        self._tell_gates = False
        self.peer_full: list[str] = []
        """Agents of the other host that can't keep up."""

    # --- the host's side --------------------------------------------------------------------------

    def send(self, envelopes: Iterable[Envelope]) -> None:
        """Take in messages for the other host, in order; they must be journaled already."""
        self.outgoing.put(envelopes)

    def announce(self, full: Iterable[str]) -> None:
        """Let the other host know which agents here can't keep up; all that are not named can."""
        self._gates += 1
        self._full = list(full)
        self._tell_gates = True

    @property
    def mark(self) -> tuple[int, int]:
        """How far messages were handed out: what `commit` wants to be told later."""
        return self.peer_incarnation, self.incoming.handed

    def commit(self, mark: tuple[int, int], now: int) -> None:
        """Learn that everything handed out up to a mark is journaled.

        Args:
            mark: What `mark` was when the last of it had been handed out.
            now: The time, in nanoseconds.
        """
        session, number = mark
        if session != self.peer_incarnation or number <= self.incoming.committed:
            return
        self.incoming.committed = number
        much = number - self._told_ack >= self.limits.window // 4
        if much or self._bytes_untold >= self.limits.unacked_bytes // 4:
            self._ack_at = now  # the other side may be standing still for want of room
        elif self._ack_at == NEVER:
            self._ack_at = now + self.limits.ack_delay_ns

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way in either direction, as far as this end knows."""
        incoming = self.incoming
        return not self.outgoing.waiting and incoming.committed == incoming.handed

    @property
    def wake_at(self) -> int:
        """When `transmit` may have something to say though nothing happens before."""
        return min(self._ack_at, self.outgoing.resend_at)

    # --- the transport's side ---------------------------------------------------------------------

    def transmit(self, now: int) -> bytes | None:
        """Return the next frame to send by our own initiative; None when there is no need."""
        outgoing = self.outgoing
        if now >= outgoing.resend_at:
            outgoing.resend()
        asked = self._ask_again or self._greet or self._tell_gates
        if self.superseded or not (asked or outgoing.can_transmit or now >= self._ack_at):
            return None
        return self._frame(now, messages=True)

    def answer(self, now: int) -> bytes:
        """Return a frame that goes back with a transmission from the other side, in any case."""
        refused, self._refused = self._refused, False
        return self._frame(now, messages=not (refused or self.superseded))

    def acknowledge_soon(self) -> None:
        """Let the next `transmit` say what is journaled, without waiting for company."""
        if self.incoming.committed > self._told_ack:
            self._ack_at = 0

    def lost(self) -> None:
        """Learn that a transmission, or what came back, may not have arrived."""
        self.outgoing.rewind()
        self._ask_again = True
        self._tell_gates = self._gates > 0

    def receive(self, data: bytes, now: int) -> list[Envelope]:
        """Take in a frame.

        Returns:
            Messages that are to be handled now, in order.

        Raises:
            InternalError: It breaks the protocol.
        """
        self._bytes_untold += len(data)
        return self.accept(decode(data), now)

    def accept(self, frame: Frame, now: int) -> list[Envelope]:
        """Take in a decoded frame; as `receive`."""
        if not self._is_current(frame):
            self._refused = True
            return []
        self.outgoing.acknowledge(frame.ack, frame.credit, now)
        if frame.rewind:
            self.outgoing.rewind()
            self._tell_gates = self._gates > 0
        if frame.gates > self._peer_gates:
            self._peer_gates, self.peer_full = frame.gates, frame.full
        return self.incoming.take(frame.first, frame.envelopes)

    def peer_restarted(self, incarnation: int) -> None:
        """Learn that the other host lives again; everything not acknowledged goes to the new one.

        Does nothing when that is known already.
        """
        if incarnation <= self.peer_incarnation:
            return
        self.peer_incarnation = incarnation
        self.outgoing.restart()
        self.incoming.restart()
        self._ack_at = NEVER
        self._told_ack = 0
        self._ask_again = False
        self._peer_gates, self.peer_full = 0, []
        self._tell_gates = self._gates > 0

    # --- inside -----------------------------------------------------------------------------------

    def _is_current(self, frame: Frame) -> bool:
        """Tell whether a frame belongs to this session, after learning from its header."""
        if frame.src != self.peer or frame.dst != self.me:
            raise InternalError(
                f"A frame from {frame.src} to {frame.dst} reached the link of {self.me} "
                f"with {self.peer}.",
                fix="Please report it with the run's journal.",
            )
        if frame.dst_incarnation > self.incarnation:
            self.superseded = True
            return False
        if frame.src_incarnation > self.peer_incarnation:
            self.peer_restarted(frame.src_incarnation)
        if frame.dst_incarnation < self.incarnation:
            self._greet = True
            return False
        return frame.src_incarnation == self.peer_incarnation

    def _frame(self, now: int, *, messages: bool) -> bytes:
        outgoing, incoming = self.outgoing, self.incoming
        first = outgoing.next_number
        envelopes = outgoing.take(now) if messages else []
        self._told_ack = incoming.committed
        self._ack_at = NEVER
        if incoming.committed == incoming.handed:
            self._bytes_untold = 0
        rewind, self._ask_again, self._greet = self._ask_again, False, False
        self._tell_gates = False
        return encode(
            Frame(
                self.me,
                self.incarnation,
                self.peer,
                self.peer_incarnation,
                incoming.committed,
                incoming.credit,
                first,
                envelopes,
                rewind,
                self._gates,
                self._full,
            )
        )
