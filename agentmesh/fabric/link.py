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
it has seen, by the messages' own ids, and drops those.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from agentmesh.errors import InternalError
from agentmesh.fabric.frames import Frame, decode, encode
from agentmesh.kernel.envelope import Envelope

HEADER_BYTES = 120
"""About what an envelope takes besides its payload."""
NEVER = 1 << 62
"""Later than any time, in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much travels at once, and how long to wait."""

    window: int = 8192
    """Messages that may be under way in one direction: sent, and not yet journaled."""
    frame_messages: int = 512
    """Most messages in one frame."""
    frame_bytes: int = 88 << 10
    """Size after which a frame is full; one message may be larger. Ray passes less than
    100 KiB within the call, and more by its object store, which takes milliseconds."""
    unacked_bytes: int = 64 << 20
    """Size that may be under way in one direction, unless it is a single message."""
    ack_delay_ns: int = 50_000_000
    """How long an acknowledgement waits for a frame that goes anyway."""
    resend_ns: int = 5_000_000_000
    """How long the first acknowledgement may take; doubles each time."""
    resend_most_ns: int = 60_000_000_000
    """The longest such wait."""


LIMITS = Limits()


class Outgoing:
    """The sending half of one ordered pair of hosts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unsent: deque[Envelope] = deque()
        self._unacked: deque[tuple[Envelope, int]] = deque()
        self._unacked_bytes = 0
        self.acked = 0
        """Highest number known to be journaled over there."""
        self.credit = limits.window
        """Highest number that may be sent."""
        self.resend_at = NEVER
        """When to send again what is under way."""
        self._patience_ns = limits.resend_ns
        self._highest = 0

    @property
    def next_number(self) -> int:
        """Number of the next message to transmit."""
        return self.acked + len(self._unacked) + 1

    @property
    def waiting(self) -> int:
        """Messages not acknowledged yet, sent or not."""
        return len(self._unsent) + len(self._unacked)

    @property
    def can_transmit(self) -> bool:
        """Whether there is something to send and room for it."""
        if not self._unsent or self.next_number > self.credit:
            return False
        return self._unacked_bytes < self._limits.unacked_bytes

    def put(self, envelopes: Iterable[Envelope]) -> None:
        """Take in messages to send, in order."""
        self._unsent.extend(envelopes)

    def take(self, now: int) -> list[Envelope]:
        """Return the messages of the next frame, as many as fit."""
        unsent, unacked, limits = self._unsent, self._unacked, self._limits
        if not unsent:
            return []
        most = min(limits.frame_messages, self.credit - self.next_number + 1, len(unsent))
        room = min(limits.frame_bytes, limits.unacked_bytes - self._unacked_bytes)
        batch: list[Envelope] = []
        filled = 0
        while len(batch) < most and filled < room:
            envelope = unsent.popleft()
            size = len(envelope.payload) + len(envelope.note) + HEADER_BYTES
            filled += size
            batch.append(envelope)
            unacked.append((envelope, size))
        if batch:
            self._unacked_bytes += filled
            self._highest = max(self._highest, self.next_number - 1)
            if self.resend_at == NEVER:
                self.resend_at = now + self._patience_ns
        return batch

    def acknowledge(self, number: int, credit: int, now: int) -> None:
        """Learn what is journaled over there, and what more may be sent."""
        if number > self._highest:
            raise InternalError(
                f"A host acknowledged message {number}; only {self._highest} were sent.",
                cause="Usually two hosts of the run have different versions of agentmesh.",
                fix="Install the same version on all nodes; otherwise please report it.",
            )
        self.credit = max(self.credit, credit)
        if number <= self.acked:
            return
        for _ in range(number - self.acked):
            if self._unacked:
                self._unacked_bytes -= self._unacked.popleft()[1]
            else:  # it was about to be sent again
                self._unsent.popleft()
        self.acked = number
        self._patience_ns = self._limits.resend_ns
        self.resend_at = now + self._patience_ns if self._unacked else NEVER

    def rewind(self) -> None:
        """Send again, with the same numbers, whatever is not acknowledged."""
        self._unsent.extendleft(envelope for envelope, _ in reversed(self._unacked))
        self._unacked.clear()
        self._unacked_bytes = 0
        self.resend_at = NEVER

    def resend(self) -> None:
        """Send again: no acknowledgement came for too long; be more patient next time."""
        self.rewind()
        self._patience_ns = min(2 * self._patience_ns, self._limits.resend_most_ns)

    def restart(self) -> None:
        """Begin a new session: what is not acknowledged gets new numbers from 1."""
        self.rewind()
        self.acked = self._highest = 0
        self.credit = self._limits.window
        self._patience_ns = self._limits.resend_ns


class Incoming:
    """The receiving half of one ordered pair of hosts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._early: dict[int, Envelope] = {}
        self.handed = 0
        """Highest number handed out."""
        self.committed = 0
        """Highest number journaled: what is acknowledged."""
        self.dropped = 0
        """Messages that came again."""

    @property
    def credit(self) -> int:
        """Highest number that is taken."""
        return self.committed + self._limits.window

    def take(self, first: int, envelopes: list[Envelope]) -> list[Envelope]:
        """Return what can be handed out now, in order; the rest waits or is dropped."""
        if not envelopes or first + len(envelopes) - 1 > self.credit:
            return []  # beyond the credit: the sender is confused, and will send again
        early, held = self._early, len(self._early)
        if first > self.handed + 1:
            early.update(zip(count(first), envelopes))
            self.dropped += held + len(envelopes) - len(early)
            return []
        ready = self._fresh(first, envelopes)
        if early:
            self._drop_early(ready)
            while self.handed + 1 in early:
                self.handed += 1
                ready.append(early.pop(self.handed))
        return ready

    def _fresh(self, first: int, envelopes: list[Envelope]) -> list[Envelope]:
        """Cut off what was handed out before, and hand out the rest."""
        seen = self.handed - first + 1
        if seen:
            self.dropped += min(seen, len(envelopes))
            envelopes = envelopes[seen:]
        self.handed += len(envelopes)
        return envelopes

    def _drop_early(self, ready: list[Envelope]) -> None:
        """Let go of what came too early, and now came again with what it overtook."""
        for number in range(self.handed - len(ready) + 1, self.handed + 1):
            if self._early.pop(number, None) is not None:
                self.dropped += 1

    def restart(self) -> None:
        """Begin a new session."""
        self._early.clear()
        self.handed = self.committed = 0


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

    # --- the host's side --------------------------------------------------------------------------

    def send(self, envelopes: Iterable[Envelope]) -> None:
        """Take in messages for the other host, in order; they must be journaled already."""
        self.outgoing.put(envelopes)

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
        needed = outgoing.can_transmit or now >= self._ack_at or self._ask_again or self._greet
        if not needed or self.superseded:
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
            )
        )
