"""What a handler leaves behind when it returns, until that has ended too.

As `asyncio.run` does for a program: tasks that still run are cancelled, and when they
have ended, asynchronous generators that were broken off are closed. Both may take
several events, if their clean-up waits for something; the reply does not wait for it.

The references held here are also what keeps the garbage collector from ending a
task or generator at a moment of its own.
"""

from typing import Any, Protocol

from agentmesh.kernel.loop import AgentLoop
from agentmesh.kernel.tasks import AgentTask, AsyncGen, close_by_force
from agentmesh.kernel.turn import Turn


class Owner(Protocol):
    """What leftovers need of their cell."""

    loop: AgentLoop

    def report(self, what: str, error: BaseException | None) -> None:
        """Take in a failure that nobody waits for."""

    def take_agens(self, turn: Turn) -> list[AsyncGen]:
        """Forget the generators of a turn; return those that have to be closed."""

    def on_cleared(self, turn: Turn) -> None:
        """Take in that nothing of a turn is left."""


class Leftovers:
    """Tasks and generators of one finished turn.

    Args:
        cell: Whose turn it was.
        turn: The turn.
    """

    __slots__ = ("_cell", "_open", "turn")

    def __init__(self, cell: Owner, turn: Turn) -> None:
        self._cell = cell
        self.turn = turn
        self._open: dict[AgentTask[Any], None] = {}  # cancelled or closing, not ended yet

    def clear(self) -> bool:
        """Cancel what runs, or close what is left; tell whether nothing is."""
        turn = self.turn
        tasks, turn.tasks = turn.tasks, None
        for task in tasks or ():
            if task.done():
                self._report(task)
                continue
            self._watch(task)
            if not isinstance(task, _Closing):
                task.cancel()
        if self._open:
            return False
        for agen in self._cell.take_agens(turn):
            self._watch(closer(agen, turn, self._cell.loop))
        return not self._open

    def end_by_force(self) -> None:
        """End everything where it stands."""
        tasks = list(self._open)
        self._open.clear()
        while tasks:
            for task in tasks:
                close_by_force(task)
            tasks, self.turn.tasks = self.turn.tasks or [], None  # some make new ones

    def _watch(self, task: AgentTask[Any]) -> None:
        self._open[task] = None
        task.add_done_callback(self._on_ended, context=self.turn.context)

    def _on_ended(self, task: Any) -> None:
        self._open.pop(task, None)
        self._report(task)
        if not self._open and self.clear():
            self._cell.on_cleared(self.turn)

    def _report(self, task: AgentTask[Any]) -> None:
        if task._log_traceback and not task.cancelled():
            self._cell.report("a task failed and nobody awaited it", task.exception())


def closer(agen: AsyncGen, turn: Turn, loop: AgentLoop) -> AgentTask[None]:
    """Start to close a generator, on behalf of the turn that began it."""
    closing = _Closing(_close(agen), loop=loop, name="close-generator", context=turn.context)
    closing.turn = turn  # which an ended turn's context does not know
    return closing


class _Closing(AgentTask[None]):
    """Closes a generator: clean-up itself, which the end of the turn does not cancel."""

    __slots__ = ()


async def _close(agen: AsyncGen) -> None:
    await agen.aclose()
