"""What may happen next in a world: messages in flight, effects under way, timers, deadlines.

Everything pending is an `Item` in a lane, and only the first of a lane may happen: messages
from one agent to another (the fabric keeps their order), the pieces of one effect, the timers
of one agent by the time they are due.

Time. An item has a time before which it can't happen and one by which it must. With a bound on
how long messages take, nothing may happen that would come after something overdue: a
timer of ten seconds does not fire while a message that takes at most one is on its way.
Without a bound (`free`), messages take as long as they like, and each agent has a clock of its
own, which knows only what caused its events: then deliveries to different agents commute
in every respect, time included, which is what an exhaustive search needs.

It knows no cells and chooses nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import Envelope

MESSAGE, EFFECT, TIMER, DEADLINE = "message", "effect", "timer", "deadline"

NEVER = 2**63 - 1
"""Later than any time."""

Lane = tuple[str, ...]


class Item:
    """One thing that may happen.

    Args:
        key: What names it, whatever the schedule: `Sender/key#n` of a message, `Agent/key!turn.n`
            of an effect, `Agent/key?turn.n` of a timer.
        kind: `message`, `effect`, `timer` or `deadline`.
        address: The agent it happens to.
        lane: Only the first of a lane may happen.
        earliest: Not before, in nanoseconds since the epoch.
        latest: Not after.
    """

    __slots__ = (
        "address",
        "cause",
        "command",
        "earliest",
        "envelope",
        "harm",
        "key",
        "kind",
        "lane",
        "latest",
        "level",
        "n",
        "outcome",
        "part",
        "serial",
        "turn",
    )

    def __init__(  # noqa: PLR0917 - one is made for each message
        self, key: str, kind: str, address: str, lane: Lane, earliest: int, latest: int
    ) -> None:
        self.key = key
        self.kind = kind
        self.address = address
        self.lane = lane
        self.earliest = earliest
        self.latest = latest
        self.level = 0
        """Held back behind everything of a lower level."""
        self.serial = 0
        """In which order items came to be in this world."""
        self.cause = -1
        """Index of the happening that brought it about; -1 for the world's beginning."""
        self.harm = ""
        """What goes wrong with it; empty for nothing."""
        self.envelope: Envelope | None = None
        self.command: StartEffect | None = None
        self.turn = self.n = 0
        self.outcome: Any = None
        """Of an effect that has been performed: how it ends."""
        self.part = 0
        """How many of its pieces have come."""

    def __repr__(self) -> str:
        return self.key


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long things take.

    Raises:
        ValueError: A time is negative.
    """

    message_seconds: float | None = 0.1
    """A message takes at most so long; None: as long as it likes (see `pool`)."""

    @property
    def free(self) -> bool:
        """Whether messages take as long as they like, and agents have clocks of their own."""
        return self.message_seconds is None

    @property
    def message_ns(self) -> int:
        """The bound of a message in nanoseconds."""
        return NEVER if self.message_seconds is None else int(self.message_seconds * 1e9)


class Pool:
    """Everything pending in one world."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self._lanes: dict[Lane, deque[Item]] = {}
        self._serial = 0

    def __len__(self) -> int:
        """Return how much is pending."""
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Item]:
        """Go through everything pending, lane by lane."""
        for lane in self._lanes.values():
            yield from lane

    def add(self, item: Item) -> None:
        """Put an item at the end of its lane; a timer at the place of its time."""
        self._serial += 1
        item.serial = self._serial
        lane = self._lanes.get(item.lane)
        if lane is None:
            self._lanes[item.lane] = deque((item,))
        elif item.kind == TIMER and lane[-1].earliest > item.earliest:
            ordered = sorted((*lane, item), key=lambda each: (each.earliest, each.serial))
            self._lanes[item.lane] = deque(ordered)
        else:
            lane.append(item)

    def take(self, item: Item) -> None:
        """Remove an item: it happens, or will not."""
        lane = self._lanes[item.lane]
        if lane[0] is item:
            lane.popleft()
        else:
            lane.remove(item)
        if not lane:
            del self._lanes[item.lane]

    def find(self, key: str, lane: Lane) -> Item | None:
        """Return the item of that key in a lane, if it is pending."""
        return next((item for item in self._lanes.get(lane, ()) if item.key == key), None)

    def head(self, lane: Lane) -> Item | None:
        """Return the first of a lane."""
        return next(iter(self._lanes.get(lane, ())), None)

    def possible(self) -> list[Item]:
        """Return what may happen now, in the default order."""
        heads = [lane[0] for lane in self._lanes.values()]
        if len(heads) > 1:
            if not self.timing.free:
                until = min([item.latest for item in heads])
                heads = [item for item in heads if item.earliest <= until]
            heads.sort(key=_RANK)
        return heads


_RANK = attrgetter("level", "earliest", "serial")
