"""One agent instance: `commands = cell.handle(event)`, and nothing else changes it.

The cell owns the agent's object, its loop, mailbox, open turns, pending asks,
effects and timers. It does no I/O, reads no clock and knows no Ray; a driver
feeds it events and carries out its commands. Given the same events it issues
the same commands, in every process.

Messages wait in the mailbox until a turn is free: one at a time by default,
`concurrency` at once otherwise. A message whose deadline has passed is not
started. An ask that would wait for itself fails at once.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import Context

from agentmesh.errors import (
    AgentStoppedError,
    AskCycleError,
    DeadlineExceededError,
    InternalError,
    NotInHandlerError,
    RunawayTurnError,
    WorkCancelledError,
    describe,
    rebuild,
    traceback_of,
)
from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.identity import effect_key
from agentmesh.kernel.loop import AgentLoop, AgentTask, AgentTimer
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.prng import KeyedRandom
from agentmesh.kernel.turn import CURRENT, Turn, exhausted

RULES = 1
"""Version of the scheduling rules of this file and `loop.py`; recorded in every run."""

Performer = Callable[[Callable[[bytes], None]], Awaitable[bytes]]
"""What a live driver awaits for an effect; it is given a function that emits chunks."""


class Cell:
    """One agent instance in the kernel.

    Args:
        behavior: The agent type.
        run: What the layers above want to find again from inside a handler; the
            kernel never looks at it.
    """

    def __init__(self, behavior: Behavior, run: object = None) -> None:
        self.behavior = behavior
        self.run = run
        self.address = ""
        """`Type/key`; set by `Started`."""
        self.instance: object = None
        """The user's object; set by `Started`."""
        self.seed = ""
        """The run's seed."""
        self.now = 0
        """Logical time, nanoseconds since the epoch; never decreases."""
        self.state = lifecycle.NEW
        """Where in the lifecycle the cell is."""
        self.loop = AgentLoop(self)
        self.mailbox: deque[Envelope] = deque()
        """Exactly the messages delivered and not yet started, oldest first."""
        self.turns: dict[str, Turn] = {}
        """Open turns by the id of their message."""
        self.sent = 0
        """Messages sent so far; the next one is numbered one higher."""
        self.on_command: Callable[[Command], None] | None = None
        """Called with each command as it is issued: how a replay finds the source line."""
        self._turns_started = 0
        self._asks: dict[int, Pending[Envelope]] = {}
        self._effects: dict[tuple[int, int], Pending[bytes]] = {}
        self._timers: dict[tuple[int, int], AgentTimer] = {}
        self._performers: dict[tuple[int, int], Performer] = {}
        self._out: list[Command] = []
        self._fresh: dict[tuple[int, int], int] = {}
        self._withdrawn = False
        self._broken: Exception | None = None
        self._random: KeyedRandom | None = None

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
        self.state = lifecycle.next_state(self.state, event, self.address)
        self.now = max(self.now, event.at)
        self.loop.reads = 0
        _APPLY[type(event)](self, event)
        self._drain()
        return self._take()

    def take_performer(self, turn: int, n: int) -> Performer:
        """Return, once, what performs the effect a `StartEffect` asked for."""
        return self._performers.pop((turn, n))

    def forget_performers(self) -> None:
        """Drop what would perform the effects: a replay has their results already."""
        self._performers.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing is open: the state is then all there is to the cell."""
        return not self.turns and not self.mailbox

    def is_open(self, message: str) -> bool:
        """Tell whether a message waits in the mailbox or has an open turn."""
        return message in self.turns or any(waiting.id == message for waiting in self.mailbox)

    # --- what the agent's code asks, through the sdk -----------------------------------------------

    def send(
        self,
        dst: str,
        kind: int,
        *,
        handler: str = "",
        type_: str = "",
        payload: bytes = b"",
        re: int = 0,
        deadline: int = 0,
        note: str = "",
        turn: Turn | None = None,
    ) -> int:
        """Issue a `Send` and return the message's number."""
        self.sent += 1
        chain: tuple[str, ...] = ()
        if turn is not None:
            if turn.deadline and (not deadline or turn.deadline < deadline):
                deadline = turn.deadline
            if kind == kinds.ASK:
                chain = turn.chain
        envelope = Envelope(
            self.address, self.sent, dst, kind, handler, type_, payload, re, deadline, chain, note
        )
        self.issue(commands.Send(turn.number if turn else 0, envelope))
        return self.sent

    def ask(self, dst: str, handler: str, type_: str, payload: bytes, deadline: int = 0) -> Pending[Envelope]:
        """Send an ask of the current turn; the reply arrives in the returned object.

        Raises:
            DeadlineExceededError: The turn's own deadline has passed already.
        """
        turn = self.current()
        self._check_deadline(turn)
        number = self.send(
            dst, kinds.ASK, handler=handler, type_=type_, payload=payload, deadline=deadline, turn=turn
        )
        pending = Pending[Envelope](self.loop, lambda: self._withdraw_ask(number, dst, turn))
        self._asks[number] = pending
        return pending

    def effect(self, kind: str, name: str, request: bytes, perform: Performer) -> Pending[bytes]:
        """Issue an effect of the current turn.

        Args:
            kind: Effect kind.
            name: Low-cardinality name for people.
            request: Canonical, redacted request; equal requests are told apart by occurrence.
            perform: What the live driver awaits; a replay never calls it.

        Raises:
            DeadlineExceededError: The turn's deadline has passed already.
        """
        turn = self.current()
        self._check_deadline(turn)
        number = turn.next_number()
        key = effect_key(self.address, turn, kind, name, request)
        effect_id = (turn.number, number)
        effect = Pending[bytes](self.loop, lambda: self._withdraw_effect(effect_id), key)
        self._effects[effect_id] = effect
        self._performers[effect_id] = perform
        self._fresh[effect_id] = len(self._out)
        self.issue(
            commands.StartEffect(*effect_id, kind, name, key, request, turn.deadline)
        )
        return effect

    def log(self, level: str, event: str, fields: bytes) -> None:
        """Issue a line for people."""
        turn = CURRENT.get(None)
        self.issue(commands.Log(turn.number if turn else 0, level, event, fields))

    def current(self) -> Turn:
        """Return the turn whose code runs."""
        turn = CURRENT.get(None)
        if turn is None:
            raise NotInHandlerError(
                "An agentmesh verb was used outside a handler's task.",
                cause="Usually in a callback that asyncio runs in a context of its own.",
                fix="Call it from the handler, or from a task the handler created.",
            )
        return turn

    def issue(self, command: Command) -> None:
        """Append a command to what this event causes."""
        self._out.append(command)
        if self.on_command is not None:
            self.on_command(command)

    # --- what the loop asks -----------------------------------------------------------------------

    def start_timer(self, timer: AgentTimer) -> None:
        """Number a timer within its turn and ask the driver for it."""
        turn = CURRENT.get(None)
        timer_id = (turn.number, turn.next_number()) if turn else (0, self.loop.next_serial())
        timer.timer_id = timer_id
        self._timers[timer_id] = timer
        self._fresh[timer_id] = len(self._out)
        self.issue(commands.StartTimer(*timer_id, timer.due_ns))

    def cancel_timer(self, timer: AgentTimer) -> None:
        """Forget a timer, and tell the driver unless it never heard of it."""
        del self._timers[timer.timer_id]
        if not self._withdraw_fresh(timer.timer_id):
            self.issue(commands.CancelTimer(*timer.timer_id))

    def adopt_task(self, task: AgentTask[object]) -> None:
        """Remember a task as belonging to the turn that created it."""
        turn = CURRENT.get(None)
        if turn is not None:
            turn.adopt(task)

    def adopt_asyncgen(self, agen: AsyncGenerator[object, object]) -> None:
        """Remember a generator as belonging to the turn that iterates it."""
        turn = CURRENT.get(None)
        if turn is not None:
            turn.adopt_agen(agen)

    def generator(self) -> KeyedRandom:
        """Return the generator of the turn that runs."""
        turn = CURRENT.get(None)
        if turn is None:
            if self._random is None:
                self._random = KeyedRandom(self.seed, self.address)
            return self._random
        if turn.random is None:
            turn.random = KeyedRandom(self.seed, self.address, turn.envelope.id)
        return turn.random

    def report(self, context: dict[str, object]) -> None:
        """Log what asyncio could not deliver to anybody.

        Reports that asyncio makes when the garbage collector finds something come at
        no repeatable moment: `_settle_tasks` makes the same report when the turn ends.
        """
        if str(context.get("message", "")).endswith(_FROM_COLLECTOR):
            return
        error = context.get("exception")
        text = describe(error) if isinstance(error, BaseException) else b"{}"
        self.log("error", str(context.get("message", "unhandled error")), text)

    # --- events -----------------------------------------------------------------------------------

    def _on_started(self, event: events.Started) -> None:
        self.address, self.seed = event.address, event.seed
        self.loop.origin = event.at
        if event.rules != RULES:
            raise InternalError(
                f"{event.address} was recorded under scheduling rules {event.rules}; "
                f"this version knows {RULES}.",
                fix="Use the agentmesh version that recorded the run.",
            )
        # Inside the loop, so that a default drawn from a clock or generator is logical too.
        self.loop.call_soon(self._create, event.state, context=Context())

    def _create(self, state: bytes) -> None:
        try:
            self.instance = self.behavior.create(state)
        except Exception as error:  # noqa: BLE001 - each message to the agent will say so
            self._broken = error

    def _on_delivered(self, event: events.Delivered) -> None:
        envelope = event.envelope
        kind = envelope.kind
        if kind in (kinds.TELL, kinds.ASK):
            self._accept(envelope)
        elif kind in (kinds.REPLY, kinds.FAIL, kinds.CHUNK):
            self._on_answer(envelope)
        elif kind == kinds.CANCEL:
            self._on_cancelled(events.Cancelled(event.at, f"{envelope.src}#{envelope.re}", "cancel"))
        elif kind == kinds.STOP:
            if self.state == lifecycle.LIVE:
                self.state = lifecycle.STOPPING
            self._settle()
        elif kind != kinds.SPAWN:  # a spawn's state came with `Started`
            message = f"Unknown kind of envelope: {kind}"
            raise InternalError(message)

    def _on_answer(self, envelope: Envelope) -> None:
        pending = self._asks.get(envelope.re)
        if pending is None:
            return  # cancelled meanwhile: the answer crossed the cancellation
        if envelope.kind == kinds.CHUNK:
            pending.put(envelope)
            return
        del self._asks[envelope.re]
        if envelope.kind == kinds.REPLY:
            pending.finish(envelope)
        else:
            pending.fail(rebuild(envelope.payload, envelope.note))

    def _on_effect_finished(self, event: events.EffectFinished) -> None:
        effect = self._effects.pop((event.turn, event.n), None)
        if effect is not None:
            effect.finish(event.result)

    def _on_effect_failed(self, event: events.EffectFailed) -> None:
        effect = self._effects.pop((event.turn, event.n), None)
        if effect is not None:
            effect.fail(rebuild(event.error, event.note))

    def _on_effect_streamed(self, event: events.EffectStreamed) -> None:
        effect = self._effects.get((event.turn, event.n))
        if effect is not None:
            effect.put(event.chunk)

    def _on_timer_fired(self, event: events.TimerFired) -> None:
        timer = self._timers.pop((event.turn, event.n), None)
        if timer is not None:
            self.now = max(self.now, timer.due_ns)
            self.loop.fire(timer)

    def _on_cancelled(self, event: events.Cancelled) -> None:
        turn = self.turns.get(event.message)
        if turn is not None:
            self._cancel_turn(turn, event.reason)
            return
        for envelope in self.mailbox:
            if envelope.id == event.message:
                self.mailbox.remove(envelope)
                self._refuse(envelope, *_ended(event.reason, envelope, self.address))
                return

    def _on_stopped(self, event: events.Stopped) -> None:
        for turn in list(self.turns.values()):
            self._cancel_turn(turn, event.reason)
        self._drop_mailbox()

    # --- turns ------------------------------------------------------------------------------------

    def _accept(self, envelope: Envelope) -> None:
        if self.state in (lifecycle.STOPPING, lifecycle.STOPPED):
            self._refuse(envelope, commands.DEAD, _stopped(self.address))
        elif self._broken is not None:
            self._refuse(envelope, commands.FAILED, self._broken)
        elif self.address in envelope.chain and self.behavior.reentrant(envelope):
            self._start_turn(envelope)
        elif len(self.turns) < self.behavior.concurrency and not self.mailbox:
            self._start_turn(envelope)
        elif self.address in envelope.chain:
            self._refuse(envelope, commands.FAILED, _cycle(envelope, self.address))
        else:
            self.mailbox.append(envelope)

    def _start_ready(self) -> None:
        while self.mailbox and len(self.turns) < self.behavior.concurrency:
            self._start_turn(self.mailbox.popleft())

    def _start_turn(self, envelope: Envelope) -> None:
        if envelope.deadline and self.now >= envelope.deadline:
            self._refuse(envelope, *_ended("deadline", envelope, self.address))
            return
        self._turns_started += 1
        turn = Turn(self._turns_started, envelope, self.address)
        self.turns[envelope.id] = turn
        turn.task = AgentTask(self._run(turn), loop=self.loop, name="handler", context=Context())

    async def _run(self, turn: Turn) -> None:
        CURRENT.set(turn)
        try:
            type_, payload = await self.behavior.run(self, turn)
        except asyncio.CancelledError:
            reason = turn.cancel_reason or "cancel"
            outcome, error = _ended(reason, turn.envelope, self.address)
            self._finish(turn, outcome, error)
        except GeneratorExit:
            raise  # the cell was dropped; there is nobody to tell
        except BaseException as error:  # noqa: BLE001 - becomes the message's recorded end
            self._finish(turn, commands.FAILED, error)
        else:
            if turn.envelope.kind == kinds.ASK:
                self._answer(turn.envelope, kinds.REPLY, type_, payload, turn)
            self._finish(turn, commands.DONE, None)

    def _finish(self, turn: Turn, outcome: str, error: BaseException | None) -> None:
        if turn.finished:
            return
        turn.finished = True
        envelope = turn.envelope
        self._end(envelope, outcome, error, turn)
        del self.turns[envelope.id]
        self._settle_tasks(turn)
        for agen in turn.agens:
            if not exhausted(agen):
                AgentTask(_close(agen), loop=self.loop, name="close-generator")
        turn.tasks.clear()
        turn.agens.clear()
        self._settle()

    def _settle_tasks(self, turn: Turn) -> None:
        for task in turn.tasks:
            if not task.done():
                task.cancel()
            elif task._log_traceback and not task.cancelled():  # type: ignore[attr-defined]
                error = task.exception()
                self.log("error", "a task failed and nobody awaited it", describe(error))  # type: ignore[arg-type]

    def _settle(self) -> None:
        self._start_ready()
        if self.state == lifecycle.STOPPING and self.idle:
            self.state = lifecycle.STOPPED

    def _refuse(self, envelope: Envelope, outcome: str, error: Exception) -> None:
        self._end(envelope, outcome, error, None)

    def _end(
        self, envelope: Envelope, outcome: str, error: BaseException | None, turn: Turn | None
    ) -> None:
        number = turn.number if turn else 0
        if error is None:
            self.issue(commands.FinishTurn(number, envelope.id, outcome))
            return
        data, note = describe(error), traceback_of(error)
        if envelope.kind == kinds.ASK:
            self._answer(envelope, kinds.FAIL, "", data, turn, note)
        self.issue(commands.FinishTurn(number, envelope.id, outcome, data, note))

    def _answer(  # noqa: PLR0913 - one place builds every answer
        self, to: Envelope, kind: int, type_: str, payload: bytes, turn: Turn | None, note: str = ""
    ) -> None:
        self.sent += 1
        answer = Envelope(
            self.address, self.sent, to.src, kind, "", type_, payload, to.n, 0, (), note
        )
        self.issue(commands.Send(turn.number if turn else 0, answer))

    def send_chunk(self, turn: Turn, type_: str, payload: bytes) -> None:
        """Send one item of a streamed answer."""
        if turn.envelope.kind == kinds.ASK:
            self._answer(turn.envelope, kinds.CHUNK, type_, payload, turn)

    def _cancel_turn(self, turn: Turn, reason: str) -> None:
        turn.cancel_reason = turn.cancel_reason or reason
        assert turn.task is not None
        turn.task.cancel()

    def _drop_mailbox(self) -> None:
        while self.mailbox:
            self._refuse(self.mailbox.popleft(), commands.DEAD, _stopped(self.address))

    def _check_deadline(self, turn: Turn) -> None:
        if turn.deadline and self.now >= turn.deadline:
            raise _ended("deadline", turn.envelope, self.address)[1]

    # --- taking back what nobody waits for --------------------------------------------------------

    def _withdraw_ask(self, number: int, dst: str, turn: Turn) -> None:
        if self._asks.pop(number, None) is not None:
            self.send(dst, kinds.CANCEL, re=number, turn=turn)

    def _withdraw_effect(self, effect_id: tuple[int, int]) -> None:
        if self._effects.pop(effect_id, None) is None:
            return
        if self._withdraw_fresh(effect_id):
            self._performers.pop(effect_id, None)
        else:
            self.issue(commands.CancelEffect(*effect_id))

    def _withdraw_fresh(self, issue_id: tuple[int, int]) -> bool:
        """Drop a start that has not left the cell yet; tell whether it was so."""
        index = self._fresh.pop(issue_id, None)
        if index is None:
            return False
        self._out[index] = _WITHDRAWN
        self._withdrawn = True
        return True

    # --- running ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        try:
            self.loop.drain()
        except RunawayTurnError as error:
            self._stop_runaway(error)

    def _stop_runaway(self, error: RunawayTurnError) -> None:
        """End the open turns; a cell whose clean-up runs away too is stopped."""
        self.loop.discard_ready()
        for turn in list(self.turns.values()):
            self._finish(turn, commands.FAILED, error)
        try:
            self.loop.drain()
        except RunawayTurnError:
            self.loop.discard_ready()
            self.state = lifecycle.STOPPED
            for turn in list(self.turns.values()):
                self._finish(turn, commands.FAILED, error)
            self._drop_mailbox()
            self.loop.discard_ready()

    def _take(self) -> list[Command]:
        out, self._out = self._out, []
        if self._fresh:
            self._fresh.clear()
        if self._withdrawn:
            self._withdrawn = False
            out = [command for command in out if command is not _WITHDRAWN]
        return out


_WITHDRAWN = commands.CancelTimer(-1, -1)
_FROM_COLLECTOR = ("exception was never retrieved", "was destroyed but it is pending!")

_APPLY: dict[type[events.Event], Callable[[Cell, object], None]] = {
    events.Started: Cell._on_started,  # type: ignore[dict-item]
    events.Delivered: Cell._on_delivered,  # type: ignore[dict-item]
    events.EffectFinished: Cell._on_effect_finished,  # type: ignore[dict-item]
    events.EffectFailed: Cell._on_effect_failed,  # type: ignore[dict-item]
    events.EffectStreamed: Cell._on_effect_streamed,  # type: ignore[dict-item]
    events.TimerFired: Cell._on_timer_fired,  # type: ignore[dict-item]
    events.Cancelled: Cell._on_cancelled,  # type: ignore[dict-item]
    events.Stopped: Cell._on_stopped,  # type: ignore[dict-item]
}


async def _close(agen: AsyncGenerator[object, object]) -> None:
    await agen.aclose()


def _ended(reason: str, envelope: Envelope, address: str) -> tuple[str, Exception]:
    what = f"{envelope.handler or 'message'} of {address}, asked by {envelope.src} as {envelope.id},"
    if reason == "deadline":
        return commands.EXPIRED, DeadlineExceededError(
            f"{what} was not done by its deadline.",
            cause="The deadline of the whole workflow, or of the caller, is inherited.",
            fix="Give the workflow more time, or find out what was slow with `agentmesh show`.",
            message=envelope.id,
        )
    if reason == "stop":
        return commands.CANCELLED, _stopped(address)
    return commands.CANCELLED, WorkCancelledError(
        f"{what} was cancelled.",
        cause="Usually the caller stopped waiting: a timeout, a failed sibling, or a stopped run.",
        message=envelope.id,
    )


def _stopped(address: str) -> AgentStoppedError:
    return AgentStoppedError(
        f"{address} has been stopped and takes no more messages.",
        cause="Somebody called am.stop() on it.",
        fix="Send to another key, or stop the agent later.",
        address=address,
    )


def _cycle(envelope: Envelope, address: str) -> AskCycleError:
    path = " -> ".join((*envelope.chain, address))
    return AskCycleError(
        f"{envelope.src} asked {address}.{envelope.handler}, which would wait for itself: {path}.",
        cause="Each agent handles one message at a time, and this one already waits in the chain.",
        fix="Use am.tell() for one of the asks, give the agent concurrency, or declare the "
        "handler with @am.handler(reentrant=True).",
        chain=[*envelope.chain, address],
    )
