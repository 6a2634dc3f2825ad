"""One handler's execution for one message, and what belongs to it.

Everything a turn issues (effects, timers) is numbered within it, so that no
identity depends on what other turns do meanwhile. Tasks and asynchronous
generators that a handler leaves behind end with the turn, as `asyncio.run` ends
those of a program.
"""

from collections.abc import AsyncGenerator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.prng import KeyedRandom

if TYPE_CHECKING:
    from agentmesh.kernel.loop import AgentTask


class Turn:
    """State of one turn. Only the cell changes it."""

    __slots__ = (
        "agens",
        "cancel_reason",
        "chain",
        "envelope",
        "finished",
        "issued",
        "number",
        "occurrences",
        "random",
        "task",
        "tasks",
    )

    def __init__(self, number: int, envelope: Envelope, address: str) -> None:
        self.number = number
        """Serial within the cell, from 1, in order of starting."""
        self.envelope = envelope
        """The message that caused it."""
        self.issued = 0
        """Effects and timers issued so far."""
        self.chain = (*envelope.chain, address)
        """Who waits for whom, as far as an ask from this turn is concerned."""
        self.occurrences: dict[str, int] = {}
        """How often each effect request was issued: tells equal requests apart."""
        self.tasks: list[AgentTask[object]] = []
        """Tasks created by the handler, perhaps done."""
        self.agens: list[AsyncGenerator[object, object]] = []
        """Asynchronous generators iterated by the handler, perhaps exhausted."""
        self.task: AgentTask[object] | None = None
        """The handler's own task."""
        self.cancel_reason = ""
        """Why the turn was told to end; empty while nobody did."""
        self.finished = False
        """Whether `FinishTurn` was issued."""
        self.random: KeyedRandom | None = None
        """The turn's generator; made on first use."""

    @property
    def deadline(self) -> int:
        """Nanoseconds since the epoch; 0 for none."""
        return self.envelope.deadline

    def next_number(self) -> int:
        """Return the issue number of the next effect or timer."""
        self.issued += 1
        return self.issued

    def adopt(self, task: "AgentTask[object]") -> None:
        """Remember a task that must not outlive the turn; forgets those that are done."""
        if len(self.tasks) > _PRUNE_AT and len(self.tasks) & (len(self.tasks) - 1) == 0:
            self.tasks = [t for t in self.tasks if not t.done()]
        self.tasks.append(task)

    def adopt_agen(self, agen: AsyncGenerator[object, object]) -> None:
        """Remember a generator to close when the turn ends; forgets exhausted ones."""
        if len(self.agens) > _PRUNE_AT and len(self.agens) & (len(self.agens) - 1) == 0:
            self.agens = [a for a in self.agens if not exhausted(a)]
        self.agens.append(agen)


def exhausted(agen: AsyncGenerator[object, object]) -> bool:
    """Tell whether a generator has ended, so that closing it would do nothing."""
    return getattr(agen, "ag_frame", None) is None


_PRUNE_AT = 64

CURRENT: ContextVar[Turn] = ContextVar("agentmesh_turn")
"""The turn whose code runs; inherited by the tasks it creates."""
