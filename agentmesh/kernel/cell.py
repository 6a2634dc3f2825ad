"""One agent instance: `commands = cell.handle(event)`, and nothing else changes it.

The cell owns the agent's object, its loop, mailbox, open turns, pending asks,
effects and timers. It does no I/O, reads no clock and knows no Ray; a driver
feeds it events and carries out its commands. Given the same events it issues
the same commands, in every process.

Messages wait in the mailbox until a turn is free: one at a time by default,
`concurrency` at once otherwise. A message whose deadline has passed is not
started. An ask that would wait for itself fails at once. Each message that asks for
a turn ends in exactly one `FinishTurn`. A turn that goes on with another message sends it
to its own cell, where it waits like any other: in between the cell may be at rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from agentmesh.errors import JournalVersionError, RunawayTurnError, describe, traceback_of
from agentmesh.kernel import commands, endings, events, lifecycle, monitoring
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.leftovers import Leftovers
from agentmesh.kernel.monitoring import Monitored
from agentmesh.kernel.tasks import AgentTask, close_by_force
from agentmesh.kernel.turn import CURRENT, Turn

RULES = 1
"""Version of the scheduling rules of this package; recorded in every run."""


class Cell(Monitored):
    """One agent instance in the kernel.

    Args:
        behavior: The agent type.
        run: What the layers above want to find again from inside a handler; the
            kernel never looks at it.
    """

    __slots__ = (
        "_broken",
        "_runaway",
        "_turns_started",
        "behavior",
        "instance",
        "run",
        "state",
    )

    def __init__(self, behavior: Behavior, run: object = None) -> None:
        super().__init__()
        self.behavior = behavior
        self.run = run
        self.instance: object = None
        """The user's object; set by `Started`."""
        self.state = lifecycle.NEW
        """Where in the lifecycle the cell is."""
        self._turns_started = 0
        self._broken: BaseException | None = None  # why there is no instance
        self._runaway: RunawayTurnError | None = None  # why the open turns are being ended

    # --- the one mutator -------------------------------------------------------------------------

    def handle(self, event: events.Event) -> list[Command]:
        """Let one event happen and run until nothing is ready.

        Args:
            event: The next event of this cell.

        Returns:
            What the agent asks of the world now, in order.

        Raises:
            InternalError: A driver injected an event that can't happen now.
        """
        kind = type(event)
        if kind is not events.Delivered or self.state == lifecycle.NEW:
            # A message changes nothing here in a cell that has started: nearly every event.
            self.state = lifecycle.next_state(self.state, kind, self.address)
        if event.at > self.now:  # noqa: PLR1730 - `max` takes three times as long
            self.now = event.at
        self.loop.reads = 0
        self.open_out()
        try:
            self.loop.drain(_APPLY[kind], self, event)
        except RunawayTurnError as error:
            self._end_runaway(error)
        if self.state == lifecycle.STOPPED:
            self._wind_up()
        return self.take_out()

    def repeat(self, event: events.Event, recorded: Sequence[Command] | None) -> list[Command]:
        """Let an event happen that has happened before.

        Args:
            event: The next event of this cell.
            recorded: What was issued then: where code has changed since, it says which path
                was taken. None where that is not known.
        """
        self.recorded = recorded
        try:
            return self.handle(event)
        finally:
            self.recorded = None

    def close(self) -> None:
        """End everything where it stands, without a trace: the driver lets go of the cell.

        Without it, what is open would be ended by the garbage collector, somewhere in the
        middle of something else. The journal has no event for it.
        """
        if not self.idle:
            self.open_out()
            self.loop.drain(self._end_by_force)
            self.take_out()
        self.state = lifecycle.STOPPED

    @property
    def idle(self) -> bool:
        """Whether nothing is open: the state is then all there is to the cell."""
        return not (self.turns or self._mailbox or self._leftovers or self._called_off)

    # --- events -----------------------------------------------------------------------------------

    def _on_started(self, event: events.Started) -> None:
        if event.rules != RULES:
            raise JournalVersionError(
                f"{event.address} was recorded under scheduling rules {event.rules}; "
                f"this version knows {RULES}.",
                fix="Use the agentmesh version that recorded the run.",
            )
        self.address, self.seed = event.address, event.seed
        self.loop.begin(event.address, event.at)
        # Inside the loop, so that a default drawn from a clock or generator is logical too.
        self.loop.call_soon(self._create, event.state, context=Context())

    def _create(self, state: bytes) -> None:
        try:
            self.instance = self.behavior.create(state)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - each message to the agent will say so
            self._broken = error

    def _on_delivered(self, event: events.Delivered) -> None:
        envelope = event.envelope
        kind = envelope.kind
        if event.lethal:
            ending = endings.lethal(envelope, self.address, event.lethal, self.now)
            self._end(envelope, 0, *ending)
        elif kind in (kinds.TELL, kinds.ASK):
            self._accept(envelope)
        elif kind == kinds.CONTINUE:
            self._go_on(envelope)
        elif kind in (kinds.REPLY, kinds.FAIL, kinds.CHUNK):
            self.on_answer(envelope)
        elif kind == kinds.CANCEL:
            if not (self.monitors and self.forget_monitor(envelope)):
                self._end_message(f"{envelope.src}#{envelope.re}", endings.CANCEL)
        elif kind == kinds.STOP:
            self._move(lifecycle.ASKED_TO_STOP)
            self._settle()
        elif kind == kinds.EDIT:
            self._amend(envelope)
        else:
            self.on_notice(envelope)

    def _amend(self, envelope: Envelope) -> None:
        """Take another state or code: somebody asks what would have been."""
        if self._broken is None:
            self.behavior, self.instance = self.behavior.amended(self.run, self.instance, envelope)

    def _on_cancelled(self, event: events.Cancelled) -> None:
        self._end_message(event.message, event.reason)

    def _on_stopped(self, event: events.Stopped) -> None:
        self._broken = self._broken or endings.unstartable(self.address, event.reason)
        self.note_down(monitoring.ENDED, self._broken)
        for turn in list(self.turns.values()):
            self._cancel_turn(turn, event.reason)
        self._drop_mailbox()

    def _end_message(self, message: str, reason: str) -> None:
        turn = self.turns.get(message)
        envelope = self._find(message) if turn is None else turn.envelope
        if envelope is None:
            return  # it has ended meanwhile
        turn = self.turns.get(envelope.id)
        if turn is not None:
            self._cancel_turn(turn, reason)
        elif self._onward and envelope.id in self._onward:
            self._called_off = {**(self._called_off or {}), envelope.id: reason}
        elif self._mailbox:
            self._mailbox.remove(envelope)
            self._end(envelope, 0, *endings.ended(reason, envelope, self.address))

    def _go_on(self, envelope: Envelope) -> None:
        """Take in what an earlier turn goes on with; it waits for its turn like any message."""
        if self._onward:
            self._onward.pop(envelope.id, None)
        reason = self._called_off.pop(envelope.id, "") if self._called_off else ""
        if reason:
            self._end(envelope, 0, *endings.ended(reason, envelope, self.address))
        else:
            self._accept(envelope)
        self._settle()

    # --- turns ------------------------------------------------------------------------------------

    def _accept(self, envelope: Envelope) -> None:
        waits = self.address in envelope.chain  # one of this cell's turns waits for the message
        stopping = self.state == lifecycle.STOPPING and not waits and not envelope.origin
        if stopping or self.state == lifecycle.STOPPED:
            self._end(envelope, 0, *endings.dead(self.address, self._broken))
        elif self._broken is not None:
            self._end(envelope, 0, commands.FAILED, self._broken)
        elif self._is_free() or (waits and self.behavior.reentrant(envelope)):
            self._start_turn(envelope)
        elif waits and self._would_deadlock(envelope):
            self._end(envelope, 0, *endings.cycle(envelope, self.address))
        else:
            surplus = self._queue(envelope)
            if surplus is not None:
                ending = endings.overflown(surplus, self.address, comes=surplus is envelope)
                self._end(surplus, 0, *ending)

    def _is_free(self) -> bool:
        return len(self.turns) < self.behavior.concurrency and not self._mailbox

    def _would_deadlock(self, envelope: Envelope) -> bool:
        """Tell whether as many turns as can be open may all be waiting for the mailbox."""
        queued: list[Envelope] = [*(self._mailbox or ()), envelope]
        waiting: int = sum(each.chain.count(self.address) for each in queued)
        return waiting >= self.behavior.concurrency

    def _start_turn(self, envelope: Envelope) -> None:
        if envelope.deadline and self.now >= envelope.deadline:
            late = endings.ended(endings.DEADLINE, envelope, self.address)
            self._end(envelope, 0, *late)
            return
        self._turns_started = number = self._turns_started + 1
        message = envelope.id
        self.turns[message] = turn = Turn(number, envelope, message, self.address)
        turn.task = task = AgentTask(
            self._run(turn), loop=self.loop, name="handler", context=turn.context
        )
        task.turn = turn

    async def _run(self, turn: Turn) -> None:
        CURRENT.set(turn)
        try:
            type_, payload = await self.behavior.run(self, turn)
        except asyncio.CancelledError:
            if not self._goes_on(turn):
                self._finish(turn, *self._cancelled(turn))
        except (GeneratorExit, KeyboardInterrupt):
            raise  # the cell is being dropped, or whoever drives it is told to end
        except BaseException as error:  # noqa: BLE001 - becomes the message's recorded end
            late = 0 < turn.deadline <= self.now and endings.is_late(error)
            self._finish(turn, commands.EXPIRED if late else commands.FAILED, error)
        else:
            if turn.continuation is not None and self._goes_on(turn):
                return  # although the handler kept it from being told
            if not turn.finished and (turn.envelope.kind == kinds.ASK or turn.envelope.re):
                self.answer(turn.envelope, kinds.REPLY, type_, payload, turn.number)
            self._finish(turn, commands.DONE, None)

    def _goes_on(self, turn: Turn) -> bool:
        """Let a turn go on with another message if it said so; tell whether it does."""
        if turn.continuation is None or turn.cancel_reason or turn.finished:
            return False
        self.send_onward(turn)
        self._finish(turn, commands.CONTINUED, None)
        return True

    def _cancelled(self, turn: Turn) -> tuple[str, BaseException]:
        failure = turn.failure or self._runaway
        if failure is not None:
            return commands.FAILED, failure
        return endings.ended(turn.cancel_reason or endings.CANCEL, turn.envelope, self.address)

    def _finish(self, turn: Turn, outcome: str, error: BaseException | None) -> None:
        if turn.finished:
            return
        turn.finished = True
        if error is None:
            self.issue(commands.FinishTurn(turn.number, turn.message, outcome))
        else:
            self._end(turn.envelope, turn.number, outcome, error)
        del self.turns[turn.message]
        if turn.tasks is not None or self._agens is not None:
            leftovers = Leftovers(self, turn)
            if not leftovers.clear():
                self._leftovers[turn.number] = leftovers
                self._start_ready()
                return
        self.on_cleared(turn)

    def on_cleared(self, turn: Turn) -> None:
        """Take back what a finished turn still waits for, now that nothing of it runs."""
        self._leftovers.pop(turn.number, None)
        if self._asks or self._effects or self._timers:
            self.take_back(lambda number: number == turn.number)
        turn.let_go()
        self._settle()

    def _settle(self) -> None:
        if self._mailbox:
            self._start_ready()
        if self.state == lifecycle.STOPPING and self.idle and not self._onward:
            self._move(lifecycle.EMPTIED)

    def _start_ready(self) -> None:
        while self._mailbox and len(self.turns) < self.behavior.concurrency:
            if self.on_pause is not None and self.pauses():
                self.on_pause()
            self._start_turn(self._mailbox.popleft())

    def _move(self, what: str) -> None:
        self.state = lifecycle.next_state(self.state, what, self.address)

    def _end(self, envelope: Envelope, turn: int, outcome: str, error: BaseException) -> None:
        """Issue the end of a message that was not done; an asker is told of the failure."""
        data, note = describe(error), traceback_of(error)
        if envelope.kind == kinds.ASK or envelope.re:
            self.answer(envelope, kinds.FAIL, "", data, turn, note)
        self.issue(commands.FinishTurn(turn, envelope.id, outcome, data, note))

    def _cancel_turn(self, turn: Turn, reason: str) -> None:
        turn.cancel_reason = turn.cancel_reason or reason
        assert turn.task is not None
        turn.task.cancel()
        if CURRENT not in turn.context:  # not begun: the task ends without having run `_run`
            self.loop.call_soon(self._end_unbegun, turn, context=turn.context)

    def _end_unbegun(self, turn: Turn) -> None:
        self._finish(turn, *self._cancelled(turn))

    def _drop_mailbox(self) -> None:
        while self._mailbox:
            self._end(self._mailbox.popleft(), 0, *endings.dead(self.address, self._broken))

    # --- when a handler does not end --------------------------------------------------------------

    def _end_runaway(self, error: RunawayTurnError) -> None:
        """Cancel the open turns; a cell whose clean-up runs away too is stopped."""
        self._runaway = error
        try:
            self.loop.drain(self._cancel_all)
        except RunawayTurnError:
            self.note_down(monitoring.FAILED, error)
            self._move(lifecycle.GAVE_UP)
        else:
            self._runaway = None

    def _cancel_all(self) -> None:
        for left in self._leftovers.values():
            left.end_by_force()  # these have been cancelled once
        for turn in self.turns.values():
            self._cancel_turn(turn, endings.CANCEL)

    def _wind_up(self) -> None:
        if not self.idle:
            self.loop.drain(self._end_by_force)
        self.note_down(monitoring.ASKED)
        self.tell_monitors()

    def _end_by_force(self) -> None:
        """End what did not end by itself: the cell handles nothing more."""
        self._ends_by_force = True
        self.loop.discard_ready()
        self._drop_mailbox()
        for turn in list(self.turns.values()):
            assert turn.task is not None
            turn.context.run(close_by_force, turn.task)
            self._finish(turn, *self._cancelled(turn))
        for left in list(self._leftovers.values()):
            left.turn.context.run(left.end_by_force)
        self._leftovers.clear()
        self.take_back(lambda _number: True)
        self.loop.discard_ready()


_APPLY: dict[type[events.Event], Callable[..., None]] = {
    events.Started: Cell._on_started,
    events.Delivered: Cell._on_delivered,
    events.EffectFinished: Cell.on_effect_finished,
    events.EffectFailed: Cell.on_effect_failed,
    events.EffectStreamed: Cell.on_effect_streamed,
    events.TimerFired: Cell.on_timer_fired,
    events.Cancelled: Cell._on_cancelled,
    events.Stopped: Cell._on_stopped,
}
