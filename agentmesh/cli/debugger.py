"""pdb inside recorded handlers: it stops in lines of the program only, and knows events.

Ordinary pdb, with real frames, and a few commands more: `event`, `next event`, `back`, `goto`,
`state`, `why`. What is asked at the prompt sees the real clock and real randomness, so that
looking changes nothing; what the program asks sees the logical ones.

It knows a session of events and what to print; how events are replayed is not its business.
"""

import pdb  # noqa: T100 - a debugger on purpose
import sys
from bdb import BdbQuit
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import IO, Any

from agentmesh import ambient
from agentmesh.causality.order import EventRef
from agentmesh.errors import AgentMeshError
from agentmesh.journal.comparing import Difference
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command
from agentmesh.replay.feeding import feed
from agentmesh.replay.session import Left, Session

_EVENT = "event"
"""What `next` is asked for."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What a debugger says, and what it is told about the run and its program."""

    event: Callable[[EventRef], str]
    """Says what an event is."""
    state: Callable[[Cell, int], str]
    """Says what a cell looks like, in the middle of one of its steps."""
    why: Callable[[EventRef], str]
    """Says what led to an event."""
    find: Callable[[str], EventRef]
    """Returns the event that somebody names."""
    is_program: Callable[[str], bool]
    """Tells whether a source file is the program's: it stops there only."""


class EventPdb(pdb.Pdb):
    """A debugger for the events of a session.

    Args:
        looks: What it says.
        stdin: Where commands come from; the terminal by default.
        stdout: Where answers go; the terminal by default.
    """

    def __init__(
        self, looks: Looks, *, stdin: IO[str] | None = None, stdout: IO[str] | None = None
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout, nosigint=True)
        self.prompt = "(agentmesh) "
        self.session: Session
        """What it stands in; set before the session runs."""
        self._looks = looks
        self._leaving: Left | None = None
        self._arriving = False
        self._stopped = False
        self._stops_next = False
        self._walking = False
        self._shown: Step | None = None

    # --- what the session asks (`session.Watcher`) ------------------------------------------------

    def handle(self, cell: Cell, step: Step, *, stop: bool) -> tuple[list[Command], bool]:
        """Let an event happen, and stop where somebody wants to look."""
        self.botframe = sys._getframe()
        self._stopped = self._stops_next = False
        self._arriving = stop
        if stop:
            self.set_step()
        sys.settrace(self.trace_dispatch)
        issued: list[Command] = []
        try:
            issued = feed(cell, step)
        except Left:
            pass  # as below, unless the program has caught it
        finally:
            sys.settrace(None)
        self._leave_if_told()
        if self._walking and cell.idle:  # what it walked through line by line has ended
            self._stops_next = True
        return issued, self._stopped

    def stops_next(self) -> bool:
        """Tell whether somebody wants to look at the next event."""
        return self._stops_next

    def on_difference(self, place: EventRef, difference: Difference) -> None:
        """Say that from here on this is not what was recorded."""
        del difference
        self.message(
            f"*** {place} did not do what was recorded: what {place.address} does from here on "
            "is this program's, not the run's. `agentmesh replay` says more."
        )

    def at_end(self) -> None:
        """Stay at the end until somebody wants to go elsewhere."""
        self.message("The recording ends here: `back`, `goto EVENT`, `state`, `why`, or `quit`.")
        self.botframe = sys._getframe()
        while self._leaving is None:
            self.setup(self.botframe, None)
            self.cmdloop()
            self.forget()
        self._leave_if_told()

    def close(self) -> None:
        """Forget the breakpoints: pdb keeps them for the whole process."""
        self.clear_all_breaks()

    # --- where it stops ---------------------------------------------------------------------------

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Do as any debugger does, but leave in a way that no handler takes for its own error."""
        try:
            return super().trace_dispatch(frame, event, arg)
        except BdbQuit as end:
            raise (self._leaving or Left(None)) from end

    def stop_here(self, frame: FrameType) -> bool:
        """Tell whether to stop: in lines of the program, not in what runs them."""
        return self._looks.is_program(frame.f_code.co_filename) and bool(super().stop_here(frame))

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """Stop in a function that is called.

        When an event begins: at the first line of its handler, or where it had been waiting.
        """
        if not self._arriving:
            super().user_call(frame, argument_list)
        elif frame.f_lineno != frame.f_code.co_firstlineno:
            self.interaction(frame, None)

    def get_stack(
        self, f: FrameType | None, t: TracebackType | None
    ) -> tuple[list[tuple[FrameType, int]], int]:
        """Return the frames of the program, without those that run it."""
        stack, index = super().get_stack(f, t)
        kept = [
            (place, each)
            for place, each in enumerate(stack)
            if place == index or self._looks.is_program(each[0].f_code.co_filename)
        ]
        return [each for _, each in kept], [place for place, _ in kept].index(index)

    def set_continue(self) -> None:
        """Go on until a breakpoint."""
        self._walking = False
        super().set_continue()

    def interaction(self, frame: FrameType | None, traceback: Any) -> None:
        """Ask what to do; looking must not move the program's clock."""
        if self._shown is not self.session.step:
            self._shown = self.session.step
            self.message(f"\n{self._looks.event(self.session.place)}")
        self._arriving, self._stopped, self._walking = False, True, True
        with ambient.outside():
            super().interaction(frame, traceback)

    # --- commands ---------------------------------------------------------------------------------

    def do_next(self, arg: str) -> bool | None:
        """Go on to the next line of this function, or event: `n(ext) [event]`.

        With `event`: finish what this event does, and stop at the first line of the program
        that runs in a later one.
        """
        if arg.strip() != _EVENT:
            return super().do_next(arg)
        self._stops_next = True
        self.set_continue()
        return True

    do_n = do_next

    def do_back(self, arg: str) -> bool | None:
        """Go back one event, or N: `back [N]`.

        To its first line of the program; events in which none runs are passed over.
        """
        count = arg.strip() or "1"
        if not count.isdigit():
            self.error(f"How many events? {count!r} is no number.")
            return None
        if self.session.index == 0:
            self.error("This is the first event there is.")
            return None
        return self._travel(self.session.index - int(count), -1)

    def do_goto(self, arg: str) -> bool | None:
        """Go to an event: `goto EVENT`.

        It is named as `Writer/w1@118`, or by its number in the run order. If it is of an agent
        that is a recording here, go to what comes next.
        """
        try:
            wanted = self._looks.find(arg.strip())
        except AgentMeshError as error:
            self.error(str(error))
            return None
        index = self.session.index_of(wanted.number)
        if index == len(self.session.places) or self.session.places[index] != wanted:
            self.message(f"{wanted.address} is a recording here: this is what comes next.")
        return self._travel(index, 1)

    def do_event(self, arg: str) -> None:
        """Say which event happens now: `event`."""
        del arg
        self.message(self._looks.event(self.session.place))

    def do_state(self, arg: str) -> None:
        """Show the agent at this moment: `state`.

        Its state, mailbox, open turns with their stacks, pending effects and timers.
        """
        del arg
        if self.session.cell is not None:
            self.message(self._looks.state(self.session.cell, self.session.place.step))

    def do_why(self, arg: str) -> None:
        """Show what led to this event: `why`."""
        del arg
        self.message(self._looks.why(self.session.place))

    def do_quit(self, arg: str) -> bool | None:
        """End the session: `q(uit)`."""
        del arg
        return self._travel(None, 1)

    do_q = do_exit = do_quit

    def do_EOF(self, arg: str) -> bool | None:  # noqa: N802 - pdb's name
        """End the session: Ctrl-D."""
        self.message("")
        return self.do_quit(arg)

    def do_run(self, arg: str) -> bool | None:
        """Refuse: use `goto`."""
        del arg
        self.error("A recording does not run again: `goto EVENT` goes to any of its events.")
        return None

    do_restart = do_run

    def _travel(self, to: int | None, direction: int) -> bool:
        self._leaving = Left(to, direction)
        self.set_quit()
        return True

    def _leave_if_told(self) -> None:
        leaving, self._leaving = self._leaving, None
        self.quitting = False
        if leaving is not None:
            raise leaving
