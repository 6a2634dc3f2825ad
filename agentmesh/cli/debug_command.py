"""`agentmesh debug`: stand inside a recorded handler, with pdb or an IDE, time stopped.

Some agents live again, one event after the other in the run order; all others are recordings.
There is no network, no key and no clock: effects end as they were recorded to end.
"""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agentmesh import errors
from agentmesh.ambient.frames import is_installed, is_stdlib
from agentmesh.causality.order import EventRef, RunOrder
from agentmesh.causality.summaries import Teller
from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.breakpoints import place_of
from agentmesh.cli.causes_command import plain_lines
from agentmesh.cli.debugger import EventPdb, Looks
from agentmesh.cli.event_lines import brief
from agentmesh.cli.ide import IdeWatcher, listen
from agentmesh.cli.state_command import show_view
from agentmesh.cli.wording import counted, visible
from agentmesh.errors import UsageError
from agentmesh.kernel.cell import Cell
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.replaying import chosen, replayer_of
from agentmesh.mesh.runs import open_run
from agentmesh.replay.session import Session
from agentmesh.replay.stage import Places, Stage
from agentmesh.replay.view import view
from agentmesh.sdk.agent import DEFINED

_OWN = str(Path(errors.__file__).parent)
_SHOWN_MAX = 10
_CAUSES_MAX = 12


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody wants to debug."""

    run: str
    agents: tuple[str, ...]
    event: str | None
    breakpoints: tuple[str, ...] = ()
    program: str | None = None
    store: str | None = None
    seed: str = hash_seed.RECORDED
    listen: str | None = None
    """Where an IDE is waited for; None for pdb."""
    wait_seconds: float = 120.0
    stdin: IO[str] | None = None
    stdout: IO[str] | None = None


def debug(request: Request) -> int:
    """Let somebody look at a run from inside its handlers; return the exit code.

    Raises:
        UsageError: Nothing says where to stand, or a breakpoint is nowhere.
        UnknownEventError: The run has no such event.
    """
    with open_run(request.run, store=request.store) as run:
        hash_seed.settle_for(run.info.hash_seed, request.seed)
        with terminal.working(f"reading {run.id}"):
            order = run.order()
        start, agents = _wanted(request, run, order)
        replayer = replayer_of(run, run.store.redactor_for(run.info), request.program)
        stage = Stage(replayer)
        watcher = _watcher(request, _looks(run, order))
        session = Session(
            Places(order, agents), stage.steps, stage.cell_before, replayer.difference, watcher
        )
        watcher.session = session
        try:
            with replayer.in_place():
                session.run(session.index_of(start.number))
        finally:
            watcher.close()
    return exit_codes.OK


def _watcher(request: Request, looks: Looks) -> EventPdb | IdeWatcher:
    if request.listen is not None:
        listen(request.listen, request.wait_seconds)
        return IdeWatcher(looks)
    debugger = EventPdb(looks, stdin=request.stdin, stdout=request.stdout)
    for each in request.breakpoints:
        file, line = place_of(each)
        problem = debugger.set_break(file, line)
        if problem:
            raise UsageError(
                f"There can't be a breakpoint at {each}: {problem}.",
                fix="Name a line with code of a file of the program: desk.py:42.",
            )
    return debugger


def _looks(run: RecordedRun, order: RunOrder) -> Looks:
    teller = Teller(run, order)

    def event(place: EventRef) -> str:
        summary = teller.summary(place)
        return visible(f"{place}  {summary.what}  {brief(summary.payload)}".rstrip())

    return Looks(
        event=event,
        state=_state_in_words,
        why=lambda place: "\n".join(plain_lines(run.why(str(place), limit=_CAUSES_MAX))),
        find=order.find,
        is_program=_is_mine,
    )


def _state_in_words(cell: Cell, step: int) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        show_view(view(cell, step))
    return said.getvalue().rstrip()


def _wanted(request: Request, run: RecordedRun, order: RunOrder) -> tuple[EventRef, list[str]]:
    """Return where to begin, and who lives."""
    if request.event is not None:
        agents = chosen(run, request.agents) if request.agents else []
        event = order.find(request.event, agents[0] if len(agents) == 1 else None)
        return event, agents or [event.address]
    if not request.agents:
        known = order.addresses
        raise UsageError(
            "Nothing says where to stand.",
            cause=f"{run.id} has {counted(len(known), 'agent')}: "
            f"{', '.join(known[:_SHOWN_MAX])}{', ...' if len(known) > _SHOWN_MAX else ''}.",
            fix="Name an agent (--agent Writer/w1), or an event (--event Writer/w1@118).",
        )
    agents = chosen(run, request.agents)
    first = min(order.number_of(address, 0) for address in agents)
    return order.event(first), agents


def _is_mine(file: str) -> bool:
    """Tell whether a file is the program's, and not of a library that it uses."""
    if file in _files_with_agents():
        return True  # also of a program that is installed
    return not (file.startswith((_OWN, "<")) or is_stdlib(file) or is_installed(file))


def _files_with_agents() -> set[str]:
    modules = {each.module for each in DEFINED}
    return {str(getattr(sys.modules.get(name), "__file__", "")) for name in modules}
