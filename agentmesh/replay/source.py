"""Which line of user code issued a command.

Stacks are not taken while replaying: the cell is replayed once more up to the
command in question, with a hook that looks at the stack just then.
"""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from agentmesh import errors
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command
from agentmesh.replay.feeding import feed

_PROGRAM = "cli/support_desk.py"
"""The one file of this package that is a user's program: the demo's."""
_OWN = str(Path(errors.__file__).parent)
_STDLIB = str(Path(asyncio.__file__).parent.parent)
_SITE = f"{_STDLIB}/site-packages"


def issuer(cell: Cell, steps: Iterable[Step], step: int, index: int) -> list[str]:
    """Return the user's frames at the moment a command was issued, outermost first.

    Args:
        cell: A new cell of the same type.
        steps: The recorded steps of the agent.
        step: Number of the command's step.
        index: Its place among the step's commands, from 0.

    Returns:
        `file:line in function` of each frame outside agentmesh and the standard
        library; empty when no user code was on the stack.
    """
    for recorded in steps:
        if recorded.number == step:
            return _watch(cell, recorded, index)
        feed(cell, recorded)
    return []


def _watch(cell: Cell, step: Step, index: int) -> list[str]:
    stacks: list[list[str]] = []

    def look(command: Command) -> None:
        del command
        stacks.append(_user_frames(sys._getframe(2)))

    cell.on_command = look
    feed(cell, step)
    # A command taken back within its own step was seen but not issued, so the place
    # may be off by those; the stack is then that of a neighbour in the same step.
    return stacks[min(index, len(stacks) - 1)] if stacks else []


def _user_frames(frame: FrameType | None) -> list[str]:
    frames = []
    while frame is not None:
        file = frame.f_code.co_filename
        if is_program(file):
            frames.append(f"{file}:{frame.f_lineno} in {frame.f_code.co_name}")
        if file.startswith(_OWN) and frame.f_code.co_name == "drain":
            break
        frame = frame.f_back
    return frames[::-1]


def is_program(file: str) -> bool:
    """Tell whether a file is neither agentmesh's nor the standard library's."""
    library = file.startswith((_STDLIB, "<")) and not file.startswith(_SITE)
    return not library and (not file.startswith(_OWN) or file.endswith(_PROGRAM))
