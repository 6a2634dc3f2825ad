"""Nothing is recorded before what caused it: steps and messages form no circle.

Within an agent each step comes after the one before; between agents, a step that takes in
a message comes after the step that sent it. If a record is true there is an order in which
all steps can have happened. It is looked for by going through every agent's steps for as
long as each message that is taken in has been sent: who can't go on to the end waits, in
a circle, for something that only its own future can send.

Clocks of different machines say nothing here; this order needs none.
"""

from array import array
from collections.abc import Iterator

from msgspec import Struct


class Arrival(Struct, frozen=True):
    """A message that was taken in before it can have been sent."""

    receiver: int
    """Number of the agent."""
    step: int
    sender: int
    sent_at: int
    """The sender's step that sent it."""


class Arrivals:
    """Which step took in what which other step had sent: 32 bytes a message."""

    def __init__(self) -> None:
        self._columns = [array("q") for _ in range(4)]

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self._columns[0])

    def add(self, receiver: int, step: int, sender: int, sent_at: int) -> None:
        """Note a message."""
        for column, value in zip(self._columns, (receiver, step, sender, sent_at), strict=True):
            column.append(value)

    def impossible(self) -> Iterator[Arrival]:
        """Yield the first arrival of each agent that can't have happened."""
        receivers, steps, senders, sent_at = self._columns
        order = sorted(range(len(self)), key=lambda one: (receivers[one], steps[one]))
        waiting: dict[int, list[int]] = {}
        for message in order:
            waiting.setdefault(receivers[message], []).append(message)
        for queue in waiting.values():
            queue.reverse()  # the next arrival is the last
        blocked: dict[int, list[int]] = {}  # who waits for an agent
        ready = list(waiting)
        while ready:
            agent = ready.pop()
            queue = waiting[agent]
            before = len(queue)
            while queue and self._has_sent(waiting, queue[-1]):
                queue.pop()
            if queue:
                blocked.setdefault(senders[queue[-1]], []).append(agent)
            if len(queue) < before:
                ready.extend(blocked.pop(agent, ()))
        for agent, queue in waiting.items():
            if queue:
                one = queue[-1]
                yield Arrival(agent, steps[one], senders[one], sent_at[one])

    def _has_sent(self, waiting: dict[int, list[int]], message: int) -> bool:
        """Tell whether the sender can have come as far as the step that sent a message."""
        receivers, steps, senders, sent_at = self._columns
        sender = senders[message]
        if sender == receivers[message]:
            return sent_at[message] < steps[message]
        queue = waiting.get(sender)
        return not queue or steps[queue[-1]] > sent_at[message]
