"""Where suspended code stands: the frames from a task down to what it awaits.

Coroutines, generators and asynchronous generators tell what they await; the objects that
asyncio and Python put in between tell nothing, but the garbage collector knows what they
refer to. Nothing is run, and nothing changes by being looked at.
"""

import asyncio
import gc
import linecache
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmesh import errors
from agentmesh.kernel.tasks import AgentTask
from agentmesh.replay.values import shown

DEPTH_MAX = 60
LOCALS_MAX = 40


@dataclass(frozen=True, kw_only=True)
class FrameView:
    """One frame of a suspended stack."""

    file: str
    line: int
    function: str
    source: str
    """The line of code; empty if its file is gone."""
    library: bool
    """Whether it is code of Python's, or of an installed package, with no locals shown."""
    locals: dict[str, str] = field(default_factory=dict)
    """Bounded `repr`s by name; `self` is left out: the agent's state says more."""


def await_stack(task: "AgentTask[Any]") -> tuple[list[FrameView], object]:
    """Return the frames of a task, outermost first, and what the innermost one waits for.

    Args:
        task: Not ended; not running now.
    """
    frames: list[FrameView] = []
    awaited: object = task.get_coro()
    for _ in range(DEPTH_MAX):
        frame, inner = _link(awaited)
        if frame is not None and not _is_own(frame.f_code.co_filename):
            frames.append(_frame(frame))
        if inner is None:
            break
        awaited = inner
    return frames, awaited


def _link(awaited: object) -> tuple[types.FrameType | None, object]:
    """Return the frame of what is suspended, and what it awaits in turn."""
    if isinstance(awaited, types.CoroutineType):
        return awaited.cr_frame, awaited.cr_await
    if isinstance(awaited, types.GeneratorType):
        return awaited.gi_frame, awaited.gi_yieldfrom
    if isinstance(awaited, types.AsyncGeneratorType):
        return awaited.ag_frame, awaited.ag_await
    return None, _behind(awaited)


_SUSPENDED = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)
_WRAPPERS = frozenset(
    {"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"}
)
_FUTURE_ITERATOR = "FutureIter"


def _behind(wrapper: object) -> object | None:
    """Return what one of Python's own awaitables stands for; None if it is none of these."""
    name = type(wrapper).__name__
    if name not in _WRAPPERS and name != _FUTURE_ITERATOR:
        return None
    referents: list[object] = gc.get_referents(wrapper)
    for each in referents:
        if isinstance(each, asyncio.Future if name == _FUTURE_ITERATOR else _SUSPENDED):
            return each
        if type(each).__name__ in _WRAPPERS:
            return each
    return None


def _frame(frame: types.FrameType) -> FrameView:
    code = frame.f_code
    file, line = code.co_filename, frame.f_lineno
    library = _is_library(file)
    return FrameView(
        file=file,
        line=line,
        function=code.co_qualname,
        source=linecache.getline(file, line).strip(),
        library=library,
        locals={} if library else _locals(frame),
    )


def _locals(frame: types.FrameType) -> dict[str, str]:
    found = list(frame.f_locals.items())
    kept = [(k, v) for k, v in found if k != "self" and not k.startswith("__")]
    return {name: shown(value) for name, value in kept[:LOCALS_MAX]}


_OWN = str(Path(errors.__file__).parent)
_DEMO = "cli/support_desk.py"
"""The one file of this package that is a user's program."""
_STDLIB = str(Path(asyncio.__file__).parent.parent)


def _is_own(file: str) -> bool:
    return file.startswith(_OWN) and not file.endswith(_DEMO)


def _is_library(file: str) -> bool:
    return file.startswith((_STDLIB, "<frozen")) or "site-packages" in file
