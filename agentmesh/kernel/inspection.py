"""What is open in a cell, for whoever looks at one from outside. Changes nothing."""

from typing import Any

from agentmesh.kernel.cell import Cell
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.tasks import AgentTask, AgentTimer
from agentmesh.kernel.turn import Turn


def asks(cell: Cell) -> list[Pending[Any]]:
    """Return the asks that have not been answered, oldest first."""
    return list(cell._asks.values())


def effects(cell: Cell) -> list[Pending[Any]]:
    """Return the effects under way, oldest first."""
    return list(cell._effects.values())


def open_count(cell: Cell) -> int:
    """Return how many asks and effects are open."""
    return len(cell._asks) + len(cell._effects)


def turns(cell: Cell) -> list[Turn]:
    """Return the open turns, oldest first, and then those of which only clean-up is left."""
    return [*cell.turns.values(), *(left.turn for left in cell._leftovers.values())]


def tasks(cell: Cell, turn: Turn) -> list[AgentTask[Any]]:
    """Return the tasks of a turn that have not ended; the handler's own is the first."""
    left = cell._leftovers.get(turn.number)
    every = [turn.task, *(turn.tasks or ()), *(left._open if left is not None else ())]
    going = [each for each in every if each is not None and not each.done()]
    return list(dict.fromkeys(going))


def problem(cell: Cell) -> BaseException | None:
    """Return why there is no instance, or why the agent has stopped; None if all is well."""
    return cell._broken


def timer_of(cell: Cell, future: object) -> AgentTimer | None:
    """Return the timer that ends a future."""
    for timer in cell._timers.values():
        if any(each is future for each in timer._args):
            return timer
    return None


def iterated(cell: Cell, future: object) -> Pending[Any] | None:
    """Return the ask or effect whose next piece comes by a future."""
    for pending in (*asks(cell), *effects(cell)):
        if pending._waiter is future:
            return pending
    return None
