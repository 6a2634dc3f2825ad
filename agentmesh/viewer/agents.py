"""One agent while its steps become rows: what is open, what has come and what was counted.

When a turn begins is not in the journal: it begins in the latest step before its first command
in which it can have begun, because a message came or another turn ended. That is exact unless
a handler waits for another handler of its agent before it does anything else.
"""

import math
from array import array
from dataclasses import dataclass, field

OPEN, DONE, FAILED, EXPIRED, CANCELLED, DEAD, CONTINUED = range(7)
OUTCOMES = {
    "done": DONE,
    "failed": FAILED,
    "expired": EXPIRED,
    "cancelled": CANCELLED,
    "dead": DEAD,
    "continued": CONTINUED,
}
"""How a message ended, as a number."""

NOTHING = -1
"""The cause of what comes from outside, or of what is not on record."""


def told_by(message: int) -> int:
    """Return the cause of an event that a message has brought."""
    return -2 - message


def message_of(cause: int) -> int:
    """Undo `told_by`."""
    return -2 - cause


@dataclass(slots=True)
class OpenTurn:
    """A turn that has not ended, and how long it has waited so far."""

    row: int
    begin: float
    asks: int = 0
    asks_since: float = 0.0
    asked: float = 0.0
    effects: int = 0
    effects_since: float = 0.0
    performing: float = 0.0
    effects_count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def ask(self, at: float) -> None:
        """Note that one more answer is waited for."""
        if not self.asks:
            self.asks_since = at
        self.asks += 1

    def answer(self, at: float) -> None:
        """Note that an answer has come."""
        self.asks -= 1
        if not self.asks:
            self.asked += at - self.asks_since

    def start(self, at: float) -> None:
        """Note that an effect has started."""
        if not self.effects:
            self.effects_since = at
        self.effects += 1
        self.effects_count += 1

    def finish(self, at: float) -> None:
        """Note that an effect has ended."""
        self.effects -= 1
        if not self.effects:
            self.performing += at - self.effects_since

    def close(self, at: float) -> None:
        """Stop waiting: the turn ends."""
        if self.asks > 0:
            self.asked += at - self.asks_since
        if self.effects > 0:
            self.performing += at - self.effects_since


@dataclass(slots=True)
class Figures:
    """What is counted of an agent."""

    turns: int = 0
    messages_in: int = 0
    messages_out: int = 0
    effects: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    """In US dollars; not a number if some model has no price."""

    def as_json(self) -> dict[str, float | None]:
        """Return plain values."""
        said = {name: getattr(self, name) for name in self.__slots__ if name != "cost"}
        return {**said, "cost_usd": None if math.isnan(self.cost) else self.cost}


@dataclass(slots=True)
class Agent:
    """One agent."""

    index: int
    address: str
    next_step: int = 0
    last_at_ns: int = 0
    """Of the last step that was read: to notice when the record is another one."""
    figures: Figures = field(default_factory=Figures)

    # By step. Twenty-five bytes an event.
    at: "array[int]" = field(default_factory=lambda: array("q"))
    """Nanoseconds since the epoch."""
    kinds: "array[int]" = field(default_factory=lambda: array("B"))
    turns: "array[int]" = field(default_factory=lambda: array("I"))
    causes: "array[int]" = field(default_factory=lambda: array("q"))
    """The agent's own step that led to it; or `told_by` a message; or `NOTHING`."""
    ordered: int = 0
    """How many of the events have a place in the order of all."""

    # What is open.
    waiting: dict[int, int] = field(default_factory=dict)
    """Messages that have not ended: the message's row, by its key; in the order they came."""
    open: dict[int, OpenTurn] = field(default_factory=dict)
    highest_turn: int = 0
    chance_step: int = 0
    """Where the latest turn can have begun."""
    chance: float = 0.0
    asks: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Row and turn of asks without an answer, by the message's counter."""
    effects: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Row and step of effects and timers that have not ended, by turn and number."""
    heard: bool = False
    """Whether its first message has come: it began to live because of that one."""
