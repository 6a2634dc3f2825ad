"""The pump: feeds events to cells, journals both sides, and lets commands out afterwards.

Theory of operation. Events wait in the inbox. A round takes all that are there,
journals them with one write, lets each happen, and journals what it caused; local
messages enter the next round. When the inbox is empty, or a tick has gone on long
enough, everything is committed and only then released: envelopes to other hosts,
effects, the client's result. So what a cell consumed is in the journal before its
handler starts, and before anything it caused leaves the process. With durability "disk"
the commit waits for the disk, once a tick: before its handler starts an event has only been
written, because nothing that is lost with the machine until then was seen outside.

A host that can't write its journal stops: nothing more is released.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from agentmesh.effects.failures import outcome_unknown
from agentmesh.errors import InternalError, RunFailedError
from agentmesh.host.alarms import Alarms, TimerId
from agentmesh.host.clock import SteadyClock
from agentmesh.host.holding import Holding
from agentmesh.host.performers import Performers
from agentmesh.host.ports import Journal, Keeper
from agentmesh.host.resident import STARTING, Resident, first_events
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn, Send, StartEffect
from agentmesh.kernel.endings import DEADLINE
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.kernel.events import Event
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import new_cell

TICK_EVENTS_MAX = 512
"""Events handled before what they caused is released, so that nobody waits for a busy tick."""


class Host:
    """Runs cells on an asyncio loop.

    Args:
        run: What handlers find of their run.
        seed: The run's seed.
        journal: Where everything is written first.
        loop: The loop to pump on; must be the running thread's own.
        route: Called after a commit with envelopes for other hosts, oldest first.
        is_local: Tells whether an address lives here.
        on_client: Called after a commit with what was sent to the client.
        on_failure: Called once when the host can't go on.
        on_full: Called with the addresses of the agents here that can't keep up, when they change.
        keeper: Looks after the journal.
        clock_ns: Nanoseconds since the epoch; a steady clock by default.
    """

    def __init__(
        self,
        *,
        run: RunContext,
        seed: str,
        journal: Journal,
        loop: asyncio.AbstractEventLoop,
        route: Callable[[list[Envelope]], None] = lambda _envelopes: None,
        is_local: Callable[[str], bool] = lambda _address: True,
        on_client: Callable[[Envelope], None] = lambda _envelope: None,
        on_failure: Callable[[Exception], None] = lambda _error: None,
        on_full: Callable[[Mapping[str, None]], None] = lambda _full: None,
        keeper: Keeper | None = None,
        clock_ns: Callable[[], int] | None = None,
    ) -> None:
        self.run = run
        self._seed = seed
        self._journal = journal
        self._loop = loop
        self._route = route
        self._is_local = is_local
        self._on_client = on_client
        self._on_failure = on_failure
        self._steady = SteadyClock()
        self._clock_ns = clock_ns = clock_ns or self._steady
        self._keeper = keeper
        self._residents: dict[str, Resident] = {}
        self._busy: dict[str, Cell] = {}  # exactly the cells that are not idle
        self._ending = ""  # why all open work is to end; empty while the run goes on
        self._closed = False
        self._inbox: deque[tuple[str, Event]] = deque()
        self._outbox: list[Envelope] = []
        self._for_client: list[Envelope] = []
        self._answer: Envelope | None = None
        self._to_start: dict[tuple[str, int, int], StartEffect] = {}
        self._scheduled: asyncio.Handle | None = None
        self._failed: Exception | None = None
        self._after_tick: deque[tuple[int, Callable[[], None]]] = deque()
        self._taken = 0
        self._refused: dict[str, str] = {}
        self.flow = Holding(loop, clock_ns, self._residents, self._schedule, on_full)
        self.events_handled = 0
        """Events since the start."""
        self.alarms = Alarms(loop, clock_ns, self._on_timer, self._on_deadline)
        self.performers = Performers(loop, clock_ns, self.inject)

    # --- what enters ------------------------------------------------------------------------------

    def deliver(self, envelopes: Iterable[Envelope]) -> None:
        """Take in messages for cells of this host, in order."""
        now = self._clock_ns()
        self._inbox.extend(
            (envelope.dst, events.Delivered(now, envelope)) for envelope in envelopes
        )
        self._schedule()

    def inject(self, address: str, event: Event) -> None:
        """Take in an event for one cell."""
        self._inbox.append((address, event))
        self._schedule()

    def after_tick(self, callback: Callable[[], None]) -> None:
        """Call back once, at the end of the tick that handled and committed all taken in so far."""
        self._after_tick.append((self._taken + len(self._inbox), callback))
        self._schedule()

    def pump_now(self) -> None:
        """Handle what was taken in at once: a reply should not wait for the loop's next round.

        Only from a callback of the loop, never from one of this host's own.
        """
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._pump()

    def refuse(self, address: str, reason: str) -> None:
        """Let an agent end before its first message: whatever it is sent is a dead letter."""
        self._refused[address] = reason

    def stop_open_work(self, reason: str) -> None:
        """End every open turn and mailbox, so that each message reaches its terminal state.

        What is still on its way here ends likewise, as soon as it would have to wait.
        """
        self._ending = reason
        self.flow.end()
        now = self._clock_ns()
        for address in self._busy:
            self.inject(address, events.Stopped(now, reason))

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight on this host and nobody waits for anything."""
        busy = any(not cell.only_watches for cell in self._busy.values())
        waiting = self._inbox or self._outbox or self._to_start or busy or self.flow.parked
        return not waiting and not len(self.performers)

    @property
    def residents(self) -> Mapping[str, Resident]:
        """The cells that live here by address, oldest first."""
        return self._residents

    @property
    def undelivered(self) -> list[Envelope]:
        """Messages that were taken in and are not journaled yet, and the client's answer.

        Nobody but the client journals that, and the client may die with it.
        """
        taken = [event.envelope for _, event in self._inbox if type(event) is events.Delivered]
        return taken if self._answer is None else [*taken, self._answer]

    @property
    def failed(self) -> bool:
        """Whether the host has stopped because it could not go on."""
        return self._failed is not None

    # --- what an earlier life left ----------------------------------------------------------------

    def adopt(self, residents: Mapping[str, Resident]) -> None:
        """Take in cells that were restored, before anything else happens."""
        self._residents.update(residents)
        for address, resident in residents.items():
            cell = resident.cell
            self._steady.not_before(cell.now)
            if not cell.idle:
                self._busy[address] = cell
                deadline = cell.next_deadline()
                if deadline:
                    self.alarms.watch(deadline, address)

    def restart_effect(self, address: str, command: StartEffect, *, fresh: bool = False) -> None:
        """Perform an effect again that had not ended, or let it fail if that may do harm.

        Args:
            address: The agent.
            command: As it was issued.
            fresh: Whether it is certain that nobody has begun to perform it.
        """
        if command.idempotent or fresh:
            self._to_start[address, command.turn, command.n] = command
            self._schedule()
        else:
            unknown, now = outcome_unknown(command), self._clock_ns()
            self.inject(address, events.EffectFailed(now, command.turn, command.n, unknown))

    def send_again(self, envelopes: Iterable[Envelope]) -> None:
        """Send messages of which nobody knows whether they arrived."""
        for envelope in envelopes:
            self._send(envelope)
        self._schedule()

    async def close(self) -> None:
        """Cancel effects and timers, let go of the cells; the journal is its opener's to close."""
        self._closed = True
        self.alarms.close()
        await self.performers.close()
        for resident in self._residents.values():
            resident.cell.close()

    # --- the pump ---------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._scheduled is None and self._failed is None:
            self._scheduled = self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._scheduled = None
        if self._failed is not None or self._closed:
            return
        try:
            self._tick()
        except Exception as error:  # noqa: BLE001 - the host ends; the driver is told why
            self._fail(error)
            return
        except BaseException as error:  # of whoever interrupts the process
            self._fail(_interrupted(error))
            raise
        if self._inbox or self.flow.has_released:
            self._schedule()

    def _tick(self) -> None:
        budget = TICK_EVENTS_MAX
        while (self._inbox or self.flow.has_released) and budget > 0:
            if self.flow.has_released:
                budget -= self._catch_up(budget)
            budget -= self._round(min(budget, len(self._inbox)))
        self._journal.commit()
        if self._keeper is not None:
            self._keeper.guard()
        self._release()
        while self._after_tick and self._after_tick[0][0] <= self._taken:
            self._after_tick.popleft()[1]()
        if self._keeper is not None:
            self._keeper.after_tick(self)

    def _round(self, size: int) -> int:
        inbox, journal, flow = self._inbox, self._journal, self.flow
        batch: list[tuple[Resident, int, Event]] = []
        for _ in range(size):
            address, event = inbox.popleft()
            resident = self._residents.get(address)
            if resident is None:
                resident = self._activate(address, event, batch)
                if resident is None:
                    continue
            if type(event) is events.Delivered and not resident.is_new(event.envelope):
                continue
            journal.event(address, resident.steps, event)
            if not (flow.active and flow.parks(address, resident.steps, event)):
                batch.append((resident, resident.steps, event))
            resident.steps += 1
        journal.write()
        for resident, step, event in batch:
            # Somebody may be held since it was taken in: by what was handled just before.
            if not (flow.active and flow.parks(resident.cell.address, step, event)):
                self._step(resident, step, event)
        if flow.active:
            flow.look()
        self.events_handled += len(batch)
        self._taken += size
        return size

    def _catch_up(self, most: int) -> int:
        """Handle what was held back for cells that are held no longer."""
        done = 0
        while done < most and (found := self.flow.next_parked()) is not None:
            address, step, event = found
            self._step(self._residents[address], step, event)
            done += 1
        self.events_handled += done
        return done

    def _step(self, resident: Resident, step: int, event: Event) -> None:
        cell = resident.cell
        issued = cell.handle(event)
        if resident.pause is not None and resident.pause.step < 0:
            resident.pause.step = step
        self._journal.commands(cell.address, step, issued)
        for command in issued:
            if type(command) is Send:
                self._send(command.envelope)
            elif type(command) is not FinishTurn:
                self._carry_out(cell, command)
        if self.flow.full or not cell.idle:
            self.flow.note(cell.address)
        if cell.idle:
            self._busy.pop(cell.address, None)
            return
        self._busy[cell.address] = cell
        if self._ending:
            self.inject(cell.address, events.Stopped(self._clock_ns(), self._ending))
        elif type(event) is events.Delivered:
            envelope = event.envelope
            if envelope.deadline and envelope.kind in kinds.STARTS_TURN:
                self.alarms.watch(envelope.deadline, cell.address)

    def _activate(
        self, address: str, event: Event, batch: list[tuple[Resident, int, Event]]
    ) -> Resident | None:
        """Start a cell for its first message; answers to nobody are dropped."""
        if not isinstance(event, events.Delivered) or event.envelope.kind not in STARTING:
            return None
        resident = self._residents[address] = Resident(new_cell(self.run, address))
        self._journal.open_cell(address)
        reason = self._refused.get(address)
        for first in first_events(event.at, self._seed, event.envelope, reason):
            self._journal.event(address, resident.steps, first)
            batch.append((resident, resident.steps, first))
            resident.steps += 1
        return resident

    # --- commands ---------------------------------------------------------------------------------

    def _carry_out(self, cell: Cell, command: Command) -> None:
        if isinstance(command, StartEffect):
            self._to_start[cell.address, command.turn, command.n] = command
        elif isinstance(command, commands.StartTimer):
            self.alarms.start((cell.address, command.turn, command.n), command.due)
        elif isinstance(command, commands.CancelTimer):
            self.alarms.cancel((cell.address, command.turn, command.n))
        elif isinstance(command, commands.CancelEffect):
            if self._to_start.pop((cell.address, command.turn, command.n), None) is None:
                self.performers.cancel(cell.address, command.turn, command.n)
        elif not isinstance(command, commands.Log):  # which is for the journal alone
            message = f"Unknown command: {command!r}"
            raise InternalError(message)

    def _send(self, envelope: Envelope) -> None:
        dst = envelope.dst
        if self.flow.closed:
            self.flow.passes(envelope)
        if dst != CLIENT and self._is_local(dst):
            self._inbox.append((dst, events.Delivered(self._clock_ns(), envelope)))
        elif dst == CLIENT:
            self._for_client.append(envelope)
            if envelope.kind in (kinds.REPLY, kinds.FAIL):
                self._answer = envelope
        else:
            self._outbox.append(envelope)

    def _release(self) -> None:
        if self._outbox:
            outbox, self._outbox = self._outbox, []
            self._route(outbox)
        if self._to_start:
            to_start, self._to_start = self._to_start, {}
            for (address, turn, n), command in to_start.items():
                perform = self._residents[address].cell.take_performer(turn, n)
                self.performers.start(address, command, perform)
        if self._for_client:
            for_client, self._for_client = self._for_client, []
            for envelope in for_client:
                self._on_client(envelope)

    # --- time -------------------------------------------------------------------------------------

    def _on_timer(self, timer: TimerId) -> None:
        address, turn, n = timer
        self.inject(address, events.TimerFired(self._clock_ns(), turn, n))

    def _on_deadline(self, address: str) -> None:
        """Cancel what is too late, and watch for what will be next."""
        cell = self._busy.get(address)
        if cell is None:
            return
        now = self._clock_ns()
        for message in cell.overdue(now):
            self.inject(address, events.Cancelled(now, message, DEADLINE))
        later = cell.next_deadline(now)
        if later:
            self.alarms.watch(later, address)

    def _fail(self, error: Exception) -> None:
        self._failed = error
        self._on_failure(error)


def _interrupted(error: BaseException) -> RunFailedError:
    return RunFailedError(
        f"The host was interrupted ({type(error).__name__}).",
        cause="Usually somebody pressed Ctrl-C, or the process was told to end.",
        fix="What happened until then is in the journal: `agentmesh show`.",
    )
