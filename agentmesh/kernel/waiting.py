"""The messages of a cell that wait: in its mailbox, or on their way back to itself.

A mailbox has a size and a rule for what comes when it is full. `reject` and `drop_oldest`
end a message then: that is the cell's own decision, recorded and repeated by a replay.
`block` is not: it asks drivers to deliver no more than `mailbox_room`, and a cell that is
given more takes it, for it never loses what it was given. Only messages that ask for a turn
count; what a turn goes on with is the cell's own, and is taken always.
"""

from collections import deque
from collections.abc import Callable, Iterable

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.exchange import Exchange

BLOCK = "block"
"""Whoever sends waits: flow control, which is the drivers' work."""
REJECT = "reject"
"""The message that comes ends at once."""
DROP_OLDEST = "drop_oldest"
"""The message that has waited longest ends, and the new one is taken."""
OVERFLOWS = (BLOCK, REJECT, DROP_OLDEST)

MAILBOX_DEFAULT = 1_000
"""Messages that wait in a mailbox, unless the agent says otherwise."""


class Waiting(Exchange):
    """Base of a cell: its mailbox."""

    __slots__ = ("_called_off", "_mailbox", "on_pause")

    behavior: Behavior

    def __init__(self) -> None:
        super().__init__()
        self._mailbox: deque[Envelope] | None = None  # delivered and not started, oldest first
        self._called_off: dict[str, str] | None = None  # of `onward`, and why
        self.on_pause: Callable[[], None] | None = None
        """Called in the middle of an event, when a turn has ended and the next one has not begun:
        the only moment at which a cell that always has something to do is at rest."""

    @property
    def onward(self) -> tuple[Envelope, ...]:
        """Messages that turns go on with, sent and not delivered yet.

        Until they come the cell may be idle; they are then part of what there is to it.
        """
        return tuple((self._onward or {}).values())

    @property
    def mailbox(self) -> tuple[Envelope, ...]:
        """The messages delivered and not yet started, oldest first."""
        return tuple(self._mailbox or ())

    @property
    def mailbox_room(self) -> int | None:
        """How many more messages should be delivered; None if the cell itself sees to that."""
        behavior = self.behavior
        if behavior.mailbox is None or behavior.overflow != BLOCK:
            return None
        return max(0, behavior.mailbox - len(self._mailbox or ()))

    @property
    def backlog(self) -> int:
        """How much was delivered that the agent's code has not taken: messages, and pieces."""
        pieces = sum(each.pieces for each in self._asks.values()) if self._asks else 0
        return len(self._mailbox or ()) + pieces

    def pauses(self) -> bool:
        """Tell whether nothing is open but the mailbox, and nothing is about to run."""
        open_work = self.turns or self._leftovers or self._timers or self._effects or self._asks
        return not (open_work or self._called_off or self.loop._ready)

    def is_awaited_by(self, agent: str) -> bool:
        """Tell whether an agent waits, itself or through others, for work that is open here."""
        return any(agent in each.chain for each in self._open())

    def is_open(self, message: str) -> bool:
        """Tell whether a message waits in the mailbox or has an open turn."""
        return message in self.turns or any(each.id == message for each in self._mailbox or ())

    def next_deadline(self, after: int = 0) -> int:
        """Return the earliest deadline of an open message later than a time; 0 if there is none."""
        return min((each.deadline for each in self._open() if each.deadline > after), default=0)

    def overdue(self, now: int) -> list[str]:
        """Return the ids of open messages whose deadline has passed, oldest first."""
        return [each.id for each in self._open() if each.deadline and each.deadline <= now]

    def _open(self) -> Iterable[Envelope]:
        yield from [turn.envelope for turn in self.turns.values()]
        yield from self._mailbox or ()

    def _find(self, message: str) -> Envelope | None:
        every = (*self._open(), *self.onward)
        return next((each for each in every if each.is_known_as(message)), None)

    def _queue(self, envelope: Envelope) -> Envelope | None:
        """Put a message at the end of the mailbox; return the one that has to go for it."""
        if self._mailbox is None:
            self._mailbox = deque()
        mailbox, behavior = self._mailbox, self.behavior
        mailbox.append(envelope)
        if behavior.mailbox is None or len(mailbox) <= behavior.mailbox:
            return None
        if behavior.overflow == BLOCK or envelope.kind == kinds.CONTINUE:
            return None
        if behavior.overflow == REJECT:
            return mailbox.pop()
        for place, oldest in enumerate(mailbox):
            if oldest.kind != kinds.CONTINUE:
                del mailbox[place]
                return oldest
        raise AssertionError  # the one that came is there
