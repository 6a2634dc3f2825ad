"""The two halves of a link: where messages leave for another host, and where they arrive.

Each knows one direction only, its numbers and its limits; `link` knows of frames, sessions
and incarnations, and tells how the protocol works.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from agentmesh.errors import InternalError
from agentmesh.kernel.envelope import Envelope

HEADER_BYTES = 120
"""About what an envelope takes besides its payload."""
NEVER = 1 << 62
"""Later than any time, in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much travels at once, and how long to wait."""

    window: int = 2048
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


def size_of(envelope: Envelope) -> int:
    """Return about how many bytes a message takes."""
    return len(envelope.payload) + len(envelope.note) + HEADER_BYTES


class Outgoing:
    """The sending half of one ordered pair of hosts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unsent: deque[Envelope] = deque()
        self._unacked: deque[tuple[Envelope, int]] = deque()
        self._unacked_bytes = 0
        self.waiting_bytes = 0
        """Size of all messages not acknowledged yet."""
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
    def envelopes(self) -> list[Envelope]:
        """The messages not acknowledged yet, in order."""
        return [*(envelope for envelope, _ in self._unacked), *self._unsent]

    @property
    def can_transmit(self) -> bool:
        """Whether there is something to send and room for it."""
        if not self._unsent or self.next_number > self.credit:
            return False
        return self._unacked_bytes < self._limits.unacked_bytes

    def put(self, envelopes: Iterable[Envelope]) -> None:
        """Take in messages to send, in order."""
        for envelope in envelopes:
            self._unsent.append(envelope)
            self.waiting_bytes += size_of(envelope)

    @property
    def crowded(self) -> bool:
        """Whether so much waits that whoever sends should pause."""
        limits = self._limits
        return self.waiting > 2 * limits.window or self.waiting_bytes > 2 * limits.unacked_bytes

    @property
    def roomy(self) -> bool:
        """Whether so little waits that whoever paused may go on."""
        limits = self._limits
        return self.waiting <= limits.window and self.waiting_bytes <= limits.unacked_bytes

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
            size = size_of(envelope)
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
                size = self._unacked.popleft()[1]
                self._unacked_bytes -= size
            else:  # it was about to be sent again
                size = size_of(self._unsent.popleft())
            self.waiting_bytes -= size
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
