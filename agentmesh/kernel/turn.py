"""One handler's execution for one message, and what belongs to it.

Everything a turn issues (effects, timers) is numbered within it, so that no
identity depends on what other turns do meanwhile. Tasks and asynchronous
generators that a handler leaves behind end with the turn, as `asyncio.run` ends
those of a program (`leftovers`).
"""

from contextvars import Context, ContextVar
from typing import Any

from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.prng import KeyedRandom
from agentmesh.kernel.tasks import AgentTask


class Turn:
    """State of one turn. Only the cell changes it."""

    __slots__ = (
        "cancel_reason",
        "chain",
        "context",
        "continuation",
        "deadline",
        "envelope",
        "events",
        "failure",
        "finished",
        "issued",
        "marks",
        "message",
        "number",
        "occurrences",
        "random",
        "task",
        "tasks",
    )

    def __init__(self, number: int, envelope: Envelope, message: str, address: str) -> None:
        self.number = number
        """Serial within the cell, from 1, in order of starting."""
        self.envelope = envelope
        """The message that caused it."""
        self.message = message
        """Id of that message."""
        self.deadline = envelope.deadline
        """Nanoseconds since the epoch; 0 for none."""
        self.issued = 0
        """Effects and timers issued so far."""
        self.chain = (*envelope.chain, address)
        """Who waits for whom, as far as an ask from this turn is concerned."""
        self.context = Context()
        """What the handler's own task runs in: empty at first, so that no turn sees another's."""
        self.task: AgentTask[None] | None = None
        """The handler's own task."""
        self.cancel_reason = ""
        """Why the turn was told to end; empty while nobody did."""
        self.continuation: tuple[str, bytes] | None = None
        """Type and payload of the message that the turn goes on with, once it said so."""
        self.events = 0
        """Answers, results and timers taken in: what a recovery would have to repeat."""
        self.failure: Exception | None = None
        """What it fails with when it is told to end because an agent below failed for good."""
        self.finished = False
        """Whether `FinishTurn` was issued."""
        self.occurrences: dict[str, int] | None = None
        """How often each effect request was issued: tells equal requests apart."""
        self.marks: dict[bytes, bool] | None = None
        """Whether it takes the new path of a change, by the change; decided once."""
        self.tasks: list[AgentTask[Any]] | None = None
        """Tasks the handler created, oldest first; some of those that are done may be missing."""
        self.random: KeyedRandom | None = None
        """The turn's generator; made on first use."""

    def let_go(self) -> None:
        """Drop what refers back to the turn, once nothing of it runs.

        Otherwise only the cyclic garbage collector would find turn, task and context: eight
        objects a message.
        """
        self.task = None
        self.context = Context()

    def next_number(self) -> int:
        """Return the issue number of the next effect or timer."""
        self.issued += 1
        return self.issued

    def occurrence(self, same: str) -> int:
        """Return how often an effect was issued before, and count it."""
        if self.occurrences is None:
            self.occurrences = {}
        before = self.occurrences.get(same, 0)
        self.occurrences[same] = before + 1
        return before

    def adopt(self, task: AgentTask[Any]) -> None:
        """Remember a task that must not outlive the turn."""
        tasks = self.tasks
        if tasks is None:
            tasks = self.tasks = []
        elif len(tasks) >= _PRUNE_AT and len(tasks) & (len(tasks) - 1) == 0:
            # Failures that nobody has fetched yet stay: the turn's end reports them.
            tasks[:] = [each for each in tasks if not each.done() or each._log_traceback]
        tasks.append(task)


_PRUNE_AT = 64

CURRENT: ContextVar[Turn] = ContextVar("agentmesh_turn")
"""The turn whose code runs; inherited by the tasks it creates."""
