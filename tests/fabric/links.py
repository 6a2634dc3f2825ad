"""Two ends of a link, and a network between them that does what it is told."""

from dataclasses import dataclass, field

from agentmesh.fabric.frames import Frame, decode, encode
from agentmesh.fabric.halves import NEVER, Limits
from agentmesh.fabric.link import Link
from agentmesh.kernel.envelope import TELL, Envelope

SMALL = Limits(window=12, frame_messages=4, frame_bytes=4096, unacked_bytes=4096)
"""Small enough that a few messages meet every limit."""
LEFT, RIGHT = "left", "right"
OTHER = {LEFT: RIGHT, RIGHT: LEFT}


def message(n: int, src: str = "Sender/s", payload: bytes = b"null") -> Envelope:
    """Return a message that is known by its number."""
    return Envelope(src, n, "Receiver/r", TELL, "take", "Note", payload)


def frame(src: str = RIGHT, **changes: object) -> bytes:
    """Return a frame between the two hosts, in their first lives."""
    fields: dict[str, object] = {
        "src": src,
        "src_incarnation": 1,
        "dst": OTHER[src],
        "dst_incarnation": 1,
        "ack": 0,
        "credit": 100,
        "first": 1,
        "envelopes": [],
    }
    return encode(Frame(**{**fields, **changes}))  # type: ignore[arg-type]


def numbers(data: bytes | None) -> list[int]:
    """Return the numbers of the messages in a frame."""
    assert data is not None
    read = decode(data)
    return [read.first + offset for offset in range(len(read.envelopes))]


@dataclass
class End:
    """One host: its link, what it was asked to send, and what it was handed."""

    link: Link
    sent: list[int] = field(default_factory=list)
    handed: list[int] = field(default_factory=list)

    def send(self, count: int) -> None:
        """Send so many new messages."""
        fresh = range(len(self.sent) + 1, len(self.sent) + count + 1)
        self.sent.extend(fresh)
        self.link.send([message(n) for n in fresh])

    def receive(self, data: bytes, now: int) -> None:
        """Take in a frame."""
        self.handed.extend(envelope.n for envelope in self.link.receive(data, now))


class Network:
    """Two ends, the frames between them, and the time."""

    def __init__(self, limits: Limits = SMALL) -> None:
        self.now = 0
        self.ends = {
            LEFT: End(Link(LEFT, 1, RIGHT, 1, limits)),
            RIGHT: End(Link(RIGHT, 1, LEFT, 1, limits)),
        }
        self.flying: list[tuple[str, bytes]] = []
        """Frames under way, each with its destination."""

    def transmit(self, end: str) -> bool:
        """Let one end send what it wants to; tell whether it wanted to."""
        data = self.ends[end].link.transmit(self.now)
        if data is not None:
            self.flying.append((OTHER[end], data))
        return data is not None

    def arrive(self, index: int = 0, *, answered: bool = False, keep: bool = False) -> None:
        """Let a frame arrive; it may be answered, and a copy may stay under way."""
        end, data = self.flying[index] if keep else self.flying.pop(index)
        self.ends[end].receive(data, self.now)
        if answered:
            self.flying.append((OTHER[end], self.ends[end].link.answer(self.now)))

    def commit(self, end: str) -> None:
        """Let one end journal all it was handed."""
        link = self.ends[end].link
        link.commit(link.mark, self.now)

    def settle(self) -> None:
        """Let everything happen, without loss, until nobody has anything to do."""
        for _ in range(10_000):
            while self.flying:
                self.arrive()
            for end in self.ends:
                self.commit(end)
            transmitted = [self.transmit(end) for end in self.ends]
            if not any(transmitted):
                wake = min(end.link.wake_at for end in self.ends.values())
                if wake == NEVER:
                    return
                self.now = max(self.now, wake)
        message = "The two ends do not come to rest"
        raise AssertionError(message)
