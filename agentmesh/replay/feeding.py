"""One recorded event into a cell: the one way in which a replay does it."""

from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command


def feed(cell: Cell, step: Step) -> list[Command]:
    """Let a recorded event happen again, and return what the cell does now.

    What it did then is at hand for `am.changed`; what would perform effects is let go.
    """
    issued = cell.repeat(step.event, step.commands if step.handled else None)
    cell.forget_performers()
    return issued
