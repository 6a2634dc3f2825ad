"""What may still happen in a branch, and when: in the order of the record, wherever it has one.

Each thing has a place: what the parent has is at the parent's time and in its order, what is
new is at its own time, after what was recorded for that time. What the parent never saw
happen (a message that was on its way when the run ended) comes when nothing else can. Messages
from one agent to another never overtake each other.
"""

import heapq
from collections import deque

from agentmesh.counterfactual.record import Ended
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import Envelope
from agentmesh.simulation.sources import Outcome

MESSAGE, EFFECT, TIMER, HOST = "message", "effect", "timer", "host"
WATCH, AMEND = "watch", "amend"
"""No events: the moment at which one should have happened, or something is changed."""

NEVER = 2**62
"""The time of what comes only when nothing else can."""
UNRECORDED = 1e18
"""The rank of what the parent does not have: after all that it has."""


class Item:
    """One thing that may happen.

    Args:
        key: What names it: see `simulation.records.key_of`.
        kind: message, effect, timer or host.
        address: The agent it happens to.
        at: When, in nanoseconds since the epoch.
        rank: Orders what happens at the same time.
    """

    __slots__ = (
        *("address", "after", "at", "begun", "command", "edited", "ended", "envelope"),
        *("gone", "key"),
        *("kind", "lane", "n", "outcome", "part", "rank", "recorded", "rewritten", "same"),
        *("sent", "serial", "turn"),
    )

    def __init__(self, key: str, kind: str, address: str, at: int, rank: float) -> None:
        self.key = key
        self.kind = kind
        self.address = address
        self.at = at
        self.rank = rank
        self.serial = 0
        self.lane: tuple[str, str] | None = None
        self.recorded = -1
        """The step of the agent that it was in the parent; -1 if it was none."""
        self.same = False
        """Whether it comes from what was reused, and so is what was recorded."""
        self.edited = False
        self.rewritten = False
        """Whether it asks a model for something else than the agent did."""
        self.gone = False
        """Whether it was taken back."""
        self.after = ""
        """The key of what has to happen before."""
        self.envelope: Envelope | None = None
        self.command: StartEffect | None = None
        self.ended: Ended | None = None
        """Of an effect: how it ended in the parent, if that is how it ends."""
        self.outcome: Outcome | None = None
        """Of an effect: how else it ends, if that is known."""
        self.begun = 0
        """Of an effect: when it began, nanoseconds since the epoch."""
        self.sent: tuple[str, int] | None = None
        """Of a watch: whose step was to send what is waited for."""
        self.turn = self.n = 0
        self.part = 0

    def __lt__(self, other: "Item") -> bool:
        return (self.at, self.rank, self.serial) < (other.at, other.rank, other.serial)


class Pending:
    """Everything that may happen in one branch."""

    def __init__(self) -> None:
        self._heap: list[Item] = []
        self._known: dict[str, Item] = {}
        self._lanes: dict[tuple[str, str], deque[Item]] = {}
        self._waiting: dict[str, list[Item]] = {}
        self._serial = 0

    def add(self, item: Item) -> None:
        """Take in a thing that may happen."""
        self._serial += 1
        item.serial = self._serial
        self._known[item.key] = item
        if item.lane is not None:
            self._lanes.setdefault(item.lane, deque()).append(item)
        if item.after:
            self._waiting.setdefault(item.after, []).append(item)
        else:
            heapq.heappush(self._heap, item)

    def watch(self, item: Item) -> None:
        """Take in a moment at which somebody looks after something."""
        self._serial += 1
        item.serial = self._serial
        heapq.heappush(self._heap, item)

    def put_off(self, item: Item, at: int, rank: float) -> None:
        """Let a thing happen later: the one that `next` returned."""
        heapq.heappop(self._heap)
        item.at, item.rank = at, rank
        heapq.heappush(self._heap, item)

    def forget(self, key: str) -> None:
        """Take back what has not happened."""
        item = self._known.pop(key, None)
        if item is not None:
            item.gone = True

    def next(self) -> Item | None:
        """Return the next thing that may happen; it is still there."""
        while self._heap:
            item = self._heap[0]
            if item.gone:
                heapq.heappop(self._heap)
            elif (head := self._ahead(item)) is not None:
                heapq.heappop(self._heap)
                if head.after:
                    self._waiting.setdefault(head.key, []).append(item)
                else:
                    item.at, item.rank = head.at, head.rank
                    heapq.heappush(self._heap, item)
            else:
                return item
        return None

    def take(self, item: Item) -> None:
        """Let a thing happen: the one that `next` returned."""
        heapq.heappop(self._heap)
        if item.kind in (WATCH, AMEND):
            return
        self._known.pop(item.key, None)
        if item.lane is not None:
            self._lanes[item.lane].popleft()
        self._release(item.key, item)

    def release_all(self) -> bool:
        """Let what waits for something that does not come wait no longer; tell if it was any."""
        held = [item for items in self._waiting.values() for item in items]
        self._waiting.clear()
        for item in held:
            item.after = ""
            heapq.heappush(self._heap, item)
        return bool(held)

    def _release(self, key: str, happened: Item) -> None:
        for item in self._waiting.pop(key, ()):
            item.after = ""
            if item.at <= happened.at:
                item.at, item.rank = happened.at, happened.rank + 0.5
            heapq.heappush(self._heap, item)

    def _ahead(self, item: Item) -> Item | None:
        """Return what must come before, in the same lane."""
        if item.lane is None:
            return None
        lane = self._lanes[item.lane]
        while lane[0].gone:
            lane.popleft()
        return None if lane[0] is item else lane[0]
