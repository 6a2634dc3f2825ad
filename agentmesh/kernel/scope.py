"""Whose code runs: the turn that a task, generator, timer, draw or log line belongs to.

A turn is found by a context variable, which tasks inherit; a task that was started in
an empty context knows its turn itself.
"""

import asyncio
import json
from typing import Any

from agentmesh.errors import NotInHandlerError, describe
from agentmesh.kernel import commands, events
from agentmesh.kernel.agens import Agens
from agentmesh.kernel.leftovers import Leftovers, closer
from agentmesh.kernel.loop import AgentLoop
from agentmesh.kernel.outbox import IssueId, Outbox
from agentmesh.kernel.prng import KeyedRandom
from agentmesh.kernel.tasks import AgentFuture, AgentTask, AgentTimer, AsyncGen
from agentmesh.kernel.turn import CURRENT, Turn

HISTORY_EVENTS_MAX = 10_000
"""Events of one turn after which a warning says so: it has no resting point until it ends."""

_LONG_HISTORY = (
    "this turn grows without end: recovery repeats it from its start. "
    "Let it go on afresh now and then with am.continue_with(...)"
)


class Scope(Outbox):
    """Base of a cell: its turns, and which of them runs."""

    __slots__ = (
        "_agens",
        "_ends_by_force",
        "_leftovers",
        "_outside",
        "_random",
        "_timers",
        "address",
        "loop",
        "now",
        "seed",
        "turns",
    )

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        """`Type/key`; set by `Started`."""
        self.seed = ""
        """The run's seed."""
        self.now = 0
        """Logical time, nanoseconds since the epoch; never decreases."""
        self.loop = AgentLoop(self)
        self.turns: dict[str, Turn] = {}
        """Open turns by the id of their message, oldest first."""
        self._leftovers: dict[int, Leftovers] = {}  # of finished turns, by the turn's number
        self._agens: Agens | None = None  # broken off or still iterated
        self._ends_by_force = False  # nothing new is begun any more
        self._timers: dict[IssueId, AgentTimer] = {}  # set, neither fired nor cancelled
        self._outside = 0  # timers set outside any turn
        self._random: KeyedRandom | None = None  # of what runs outside any turn

    def current(self) -> Turn:
        """Return the turn whose code runs.

        Raises:
            NotInHandlerError: No turn's code runs.
        """
        turn = self.turn_here()
        if turn is None:
            raise NotInHandlerError(
                "An agentmesh verb was used outside a handler's task.",
                cause="Usually in a callback that asyncio runs in a context of its own.",
                fix="Call it from the handler, or from a task the handler created.",
            )
        return turn

    def turn_here(self) -> Turn | None:
        """Return the turn whose code runs, if one does."""
        turn = CURRENT.get(None)
        if turn is None and self.loop.is_running():  # a task in an empty context, perhaps
            turn = getattr(asyncio.current_task(self.loop), "turn", None)
        return turn

    def generator(self) -> KeyedRandom:
        """Return the generator of the turn that runs."""
        turn = self.turn_here()
        if turn is None:
            if self._random is None:
                self._random = KeyedRandom(self.seed, self.address)
            return self._random
        if turn.random is None:
            turn.random = KeyedRandom(self.seed, self.address, turn.message)
        return turn.random

    def log(self, level: str, event: str, fields: bytes) -> None:
        """Issue a line for people."""
        self.check_room()
        turn = self.turn_here()
        self.issue(commands.Log(turn.number if turn else 0, level, event, fields))

    def takes_new_path(self, change: bytes) -> bool:
        """Tell whether the current turn takes the new path of a change, and note that it does.

        New events take it. One that happens again takes it if it did so when it was recorded.

        Args:
            change: Its name, as a JSON object.
        """
        turn = self.current()
        turn.marks = marks = {} if turn.marks is None else turn.marks
        if change not in marks:
            mark = commands.Log(turn.number, "debug", commands.MARK, change)
            marks[change] = self.recorded is None or mark in self.recorded
            if marks[change]:
                self.check_room()
                self.issue(mark)
        return marks[change]

    def report(self, what: str, error: BaseException | None) -> None:
        """Log what asyncio could not deliver to anybody."""
        turn = self.turn_here()
        fields = b"{}" if error is None else describe(error)
        self.issue(commands.Log(turn.number if turn else 0, "error", what, fields))

    def count_event(self, turn: Turn) -> None:
        """Count what a turn took in, and warn once when it is more than it should be."""
        turn.events = number = turn.events + 1
        if number == HISTORY_EVENTS_MAX and not turn.finished:
            fields = b'{"events":%d,"message":%b}' % (number, json.dumps(turn.message).encode())
            self.issue(commands.Log(turn.number, "warning", _LONG_HISTORY, fields))

    def adopt_task(self, task: AgentTask[Any]) -> None:
        """Note a new task as belonging to the turn that created it."""
        turn = self.turn_here()
        if turn is not None:
            task.turn = turn
            turn.adopt(task)

    def adopt_agen(self, agen: AsyncGen) -> None:
        """Note a generator as belonging to the turn that begins to iterate it."""
        turn = self.turn_here()
        if turn is not None:
            if self._agens is None:
                self._agens = Agens()
            self._agens.adopt(agen, turn)

    def drop_agen(self, agen: AsyncGen, *, collected: bool) -> None:
        """Close a generator that was broken off; later, if only the collector found it."""
        if self._agens is None or self._ends_by_force:
            return
        if collected:
            self._agens.keep(agen)
            return
        turn = self._agens.drop(agen)
        if turn is not None:
            turn.adopt(closer(agen, turn, self.loop))

    def take_agens(self, turn: Turn) -> list[AsyncGen]:
        """Forget the generators of a turn; return those that have to be closed."""
        return [] if self._agens is None else self._agens.take(turn)

    def start_timer(self, timer: AgentTimer) -> None:
        """Number a timer within its turn and ask the driver for it."""
        self.check_room()
        turn = self.turn_here()
        if turn is None:
            self._outside += 1
        timer.turn = turn
        timer.timer_id = (turn.number, turn.next_number()) if turn else (0, self._outside)
        self._timers[timer.timer_id] = timer
        self.issue_fresh(timer.timer_id, commands.StartTimer(*timer.timer_id, timer.due_ns))

    async def pause(self) -> None:
        """Go on in another event: a timer of no length, which also fires where time stands still.

        What has been sent so far leaves the cell, and what came meanwhile comes in before.
        """
        ended: AgentFuture[None] = AgentFuture(loop=self.loop)
        timer = AgentTimer(0.0, _settle, (ended,), self.loop)
        timer.due_ns = self.now
        timer._scheduled = True
        self.start_timer(timer)
        try:
            await ended
        finally:
            timer.cancel()

    def cancel_timer(self, timer: AgentTimer) -> None:
        """Forget a timer, and tell the driver unless it never heard of it."""
        del self._timers[timer.timer_id]
        if not self.withdraw_fresh(timer.timer_id):
            self.issue(commands.CancelTimer(*timer.timer_id))

    def on_timer_fired(self, event: events.TimerFired) -> None:
        """Let a timer's callback run."""
        timer = self._timers.pop((event.turn, event.n), None)
        if timer is not None:
            if timer.turn is not None:
                self.count_event(timer.turn)
            self.now = max(self.now, timer.due_ns)
            self.loop.fire(timer)
        elif not event.turn:
            self.on_own_timer(event.n)

    def on_own_timer(self, n: int) -> None:
        """Take in that a timer of the cell itself has fired; without a policy it has none."""


def _settle(future: AgentFuture[None]) -> None:
    if not future.done():
        future.set_result(None)
