"""What user code did when a command was issued: its line, its stack, and which functions ran.

Nothing of that is looked at while replaying: the cell is replayed once more up to the
command in question, under a hook. That second time also tells code that does not do the
same twice from code that only does something else than it did.
"""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

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
_INSTALLED = "/site-packages/"

ISSUED, ENDED, WAITS = "issued by", "ended at", "waits at"


@dataclass(kw_only=True)
class Witness:
    """What was seen of user code, up to the end of one step."""

    frames: list[str] = field(default_factory=list)
    """`file:line in function`, outermost first; empty when no user code had to do with it."""
    role: str = ISSUED
    """What the frames are: who issued the command, where the handler ended, where it waits."""
    ran: dict[tuple[str, str], int] = field(default_factory=dict)
    """The last step in which a function ran, by file and qualified name."""
    issued: list[Command] = field(default_factory=list)
    """What the step issued this time."""


def witness(cell: Cell, steps: Iterable[Step], step: int, index: int, turn: int = 0) -> Witness:
    """Replay a cell once more, and watch.

    Args:
        cell: A new cell of the same type.
        steps: The recorded steps of the agent.
        step: Number of the step in question.
        index: Place of the command among those the step issues, from 0.
        turn: Number of the turn that should have issued a command there, and did not.
    """
    watch, found = _Watch(), Witness()
    before = sys.getprofile()
    sys.setprofile(watch.profile)
    try:
        for recorded in steps:
            watch.begin(recorded.number)
            if recorded.number == step:
                cell.on_command = watch.look
            found = Witness(ran=watch.ran, issued=feed(cell, recorded))
            if recorded.number == step:
                break
    finally:
        sys.setprofile(before)
        cell.on_command = None
    if index < len(found.issued):
        found.frames, found.role = watch.stack_of(found.issued[index])
    else:
        found.frames, found.role = _where_it_waits(cell, turn), WAITS
        if not found.frames and watch.last:
            found.frames, found.role = [watch.last], ENDED
    return found


class _Watch:
    """Sees functions run and commands being issued."""

    def __init__(self) -> None:
        self.ran: dict[tuple[str, str], int] = {}
        self.last = ""
        """Where user code returned or began to wait last, in this step."""
        self._step = 0
        self._known: dict[CodeType, tuple[str, str] | None] = {}
        self._stacks: list[tuple[Command, list[str], str]] = []

    def begin(self, step: int) -> None:
        self._step, self.last = step, ""

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return"):
            return
        code = frame.f_code
        try:
            place = self._known[code]
        except KeyError:
            place = self._known[code] = _place(code)
        if place is not None:
            self.ran[place] = self._step
            if event == "return":
                self.last = _shown(frame)

    def look(self, command: Command) -> None:
        frames = _user_frames(sys._getframe(2))
        self._stacks.append((command, frames, self.last))

    def stack_of(self, command: Command) -> tuple[list[str], str]:
        seen = (each for each in self._stacks if each[0] is command)
        _, frames, last = next(seen, (command, [], self.last))
        if frames or not last:
            return frames, ISSUED
        return [last], ENDED  # what the end of a turn causes: user code runs no more


def _place(code: CodeType) -> tuple[str, str] | None:
    """Return a function's file and name; functions inside it count as part of it."""
    name = code.co_qualname.partition(".<locals>")[0]
    file = code.co_filename
    return (file, name) if is_program(file) and _INSTALLED not in file else None


def is_program(file: str) -> bool:
    """Tell whether a file is neither Python's nor agentmesh's own."""
    library = file.startswith((_STDLIB, "<")) and not file.startswith(_SITE)
    return not library and (not file.startswith(_OWN) or file.endswith(_PROGRAM))


def _where_it_waits(cell: Cell, number: int) -> list[str]:
    turns = [each for each in cell.turns.values() if each.number == number or not number]
    awaited: Any = turns[-1].task.get_coro() if turns and turns[-1].task is not None else None
    frames = []
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and is_program(frame.f_code.co_filename):
            frames.append(_shown(frame))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return frames


def _user_frames(frame: FrameType | None) -> list[str]:
    frames = []
    while frame is not None:
        file = frame.f_code.co_filename
        if is_program(file):
            frames.append(_shown(frame))
        if file.startswith(_OWN) and frame.f_code.co_name == "drain":
            break
        frame = frame.f_back
    own = [each for each in frames if _INSTALLED not in each]
    return (own or frames)[::-1]


def _shown(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
