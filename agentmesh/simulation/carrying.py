"""The lower half of a world: what agents ask for becomes pending, and faults take their share.

It knows which cells there are and what they were given, and not who chooses what happens next.
"""

from agentmesh.effects.failures import outcome_unknown
from agentmesh.errors import DivergenceError, InternalError
from agentmesh.host.ports import Journal
from agentmesh.host.resident import Resident
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.kernel.events import Event
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import new_cell
from agentmesh.simulation import faults as fault_kinds
from agentmesh.simulation.faults import FaultPlan
from agentmesh.simulation.harm import harmed
from agentmesh.simulation.pool import EFFECT, MESSAGE, NEVER, TIMER, Item, Pool, Timing
from agentmesh.simulation.records import Given, Happening, effect_key, timer_key
from agentmesh.simulation.sources import Asked, Outcome, Sources

_UNHARMED = (kinds.SPAWN, kinds.STOP, kinds.CONTINUE, kinds.MONITOR, kinds.ESCALATE, kinds.CANCEL)
"""Kinds of envelope that faults leave alone: agentmesh's own business."""


class Carrier:
    """Cells, and what is pending for them."""

    def __init__(
        self,
        *,
        context: RunContext,
        seed: str,
        now: int,
        timing: Timing,
        sources: Sources,
        faults: FaultPlan,
        journal: Journal | None,
    ) -> None:
        self.seed = seed
        self.timing = timing
        self.pool = Pool(timing)
        self.now = now
        """The world's time, nanoseconds since the epoch; of a free world, the latest anywhere."""
        self.answer: Envelope | None = None
        """The workflow's reply or failure."""
        self.answered_at = 0
        self.happened: list[Happening] = []
        """Everything that has happened, in order."""
        self.struck: dict[str, str] = {}
        """The faults that came true, by the key of what they struck."""
        self._context = context
        self._residents: dict[str, Resident] = {}
        self._lives: dict[str, list[Given]] = {}  # of each agent, all it was given
        self._sources = sources
        self._answers: dict[str, Outcome] = {}  # by kind and name, the last
        self._faults = faults
        self._journal = journal
        self._from_client = 0
        self._cause = -1

    # --- events -----------------------------------------------------------------------------------

    def _give(self, where: str, event: Event) -> None:
        resident, journal = self._residents[where], self._journal
        cell, step = resident.cell, resident.steps
        if journal is not None:
            journal.event(where, step, event)
        issued = cell.handle(event)
        if journal is not None:
            journal.commands(where, step, issued)
        resident.steps = step + 1
        self.now = max(self.now, cell.now)
        given = Given(where, step, event, issued)
        self._lives.setdefault(where, []).append(given)
        if self.happened:
            self.happened[-1].gave.append(given)
        for command in issued:
            self._carry_out(where, cell.now, command)

    def _live(self, where: str) -> None:
        self._residents[where] = Resident(new_cell(self._context, where))
        if self._journal is not None:
            self._journal.open_cell(where)

    # --- commands ---------------------------------------------------------------------------------

    def _carry_out(self, where: str, now: int, command: Command) -> None:
        if isinstance(command, commands.Send):
            self._send(command.envelope, now)
        elif isinstance(command, commands.StartTimer):
            self._set_timer(where, command)
        elif isinstance(command, commands.StartEffect):
            self._start_effect(where, now, command)
        elif isinstance(command, commands.CancelTimer):
            key = timer_key(where, command.turn, command.n)
            self._forget(self.pool.find(key, (TIMER, where)))
        elif isinstance(command, commands.CancelEffect):
            self._forget(self.pool.head((EFFECT, effect_key(where, command.turn, command.n))))
        elif not isinstance(command, commands.FinishTurn | commands.Log):
            message = f"Unknown command: {command!r}"
            raise InternalError(message)

    def _forget(self, item: Item | None) -> None:
        if item is not None:
            self.pool.take(item)
            if self.happened:
                self.happened[-1].prevented.append(item)

    def _send(self, envelope: Envelope, now: int) -> Item | None:
        if envelope.dst == CLIENT:
            if envelope.kind in (kinds.REPLY, kinds.FAIL) and envelope.re == 1:
                self.answer, self.answered_at = self.answer or envelope, now
            return None
        key = envelope.id
        harm = ""
        if envelope.src != CLIENT and envelope.kind not in _UNHARMED:
            harm = self._faults.of_message(key)
        latest = NEVER if self.timing.free else now + self.timing.message_ns
        lane = (MESSAGE, envelope.src, envelope.dst)
        item = Item(key, MESSAGE, envelope.dst, lane, now, latest)
        item.envelope, item.cause = envelope, self._cause
        if harm:
            self.struck[key] = harm
            if harm == fault_kinds.DROP:
                return None
            self._harm_message(item, envelope, harm)
        self.pool.add(item)
        return item

    def _harm_message(self, item: Item, envelope: Envelope, harm: str) -> None:
        if harm == fault_kinds.DELAY:
            item.earliest += int(fault_kinds.DELAY_SECONDS * 1e9)
            item.latest = max(item.latest, item.earliest)
        elif harm == fault_kinds.REORDER:
            item.lane, item.level = (*item.lane, item.key), 1
        elif envelope.kind in kinds.STARTS_TURN:
            self.insert(_again(envelope))

    def insert(self, envelope: Envelope) -> Item | None:
        """Send something from outside: it becomes the client's next message.

        Args:
            envelope: What to send. With `origin` and `re` an answer goes to whoever asked.

        Returns:
            What is pending now.
        """
        self._from_client = number = max(self._from_client, 1) + 1
        made = Envelope(
            CLIENT,
            number,
            *(envelope.dst, envelope.kind, envelope.handler, envelope.type, envelope.payload),
            *(envelope.re, envelope.deadline, envelope.chain, envelope.note),
            origin=envelope.origin,
        )
        return self._send(made, self.now)

    def _set_timer(self, where: str, command: commands.StartTimer) -> None:
        key = timer_key(where, command.turn, command.n)
        item = Item(key, TIMER, where, (TIMER, where), command.due, command.due)
        item.turn, item.n, item.cause = command.turn, command.n, self._cause
        self.pool.add(item)

    # --- effects ----------------------------------------------------------------------------------

    def _start_effect(self, where: str, now: int, command: commands.StartEffect) -> None:
        key = effect_key(where, command.turn, command.n)
        least, most = self._sources.seconds(self._asked(where, now, command))
        harm = self._faults.of_effect(key)
        if harm:
            self.struck[key] = harm
        if harm == fault_kinds.SLOW:
            least, most = least + fault_kinds.DELAY_SECONDS, most + fault_kinds.DELAY_SECONDS
        latest = NEVER if self.timing.free else now + int(most * 1e9)
        item = Item(key, EFFECT, where, (EFFECT, key), now + int(least * 1e9), latest)
        item.command, item.harm, item.cause = command, harm, self._cause
        item.turn, item.n = command.turn, command.n
        self.pool.add(item)

    def _asked(self, where: str, at: int, command: commands.StartEffect) -> Asked:
        take = self._residents[where].cell.take_performer
        return Asked(
            address=where,
            command=command,
            at=at,
            seed=self.seed,
            performer=lambda: take(command.turn, command.n),
        )

    def _end_effect(self, item: Item, at: int) -> None:
        """Give an agent the next piece of an effect, or its end; perform it before the first."""
        assert item.command is not None
        outcome = item.outcome or self._perform(item, at)
        turn, n, part = item.turn, item.n, item.part
        if part < len(outcome.pieces):
            further = Item(
                f"{item.lane[1]}~{part + 1}", EFFECT, item.address, item.lane, at, item.latest
            )
            further.command, further.outcome, further.part = item.command, outcome, part + 1
            further.turn, further.n, further.cause = turn, n, self._cause
            self.pool.add(further)
            self._give(item.address, events.EffectStreamed(at, turn, n, outcome.pieces[part]))
        elif outcome.error:
            failed = events.EffectFailed(at, turn, n, outcome.error, outcome.note)
            self._give(item.address, failed)
        else:
            self._give(item.address, events.EffectFinished(at, turn, n, outcome.result))

    def _perform(self, item: Item, at: int) -> Outcome:
        assert item.command is not None
        asked = self._asked(item.address, at, item.command)
        outcome = self._sources.answer(asked)
        name = f"{item.command.kind} {item.command.name}"
        ended = harmed(outcome, item.harm, asked, self._answers.get(name))
        self._answers[name] = outcome
        return ended

    # --- crashes ----------------------------------------------------------------------------------

    def crash(self, where: str) -> None:
        """Let an agent's process end, and restore the agent from its events, as a host does.

        Effects that were under way may have been done: those that may be are done again, the
        others fail, because nobody knows.

        Raises:
            DivergenceError: It does not do again what it did.
        """
        resident = self._residents[where]
        open_effects = [
            item for item in self.pool if item.address == where and item.command is not None
        ]
        for item in open_effects:
            if item.outcome is None:
                self._perform(item, resident.cell.now)
        resident.cell.close()
        resident.cell = cell = new_cell(self._context, where)
        for given in self._lives[where]:
            if cell.handle(given.event) != given.issued:
                raise _diverged(given)
        for item in open_effects:
            assert item.command is not None
            if not item.command.idempotent:
                self.pool.take(item)
                error = outcome_unknown(item.command)
                self._give(where, events.EffectFailed(cell.now, item.turn, item.n, error))


def _again(envelope: Envelope) -> Envelope:
    """Return what the receiver can't tell from a message it has got already."""
    on_behalf = envelope.origin or envelope.src
    re = envelope.n if envelope.kind == kinds.ASK else envelope.re
    return Envelope(
        CLIENT,
        0,
        *(envelope.dst, envelope.kind, envelope.handler, envelope.type, envelope.payload),
        *(re, envelope.deadline, envelope.chain),
        origin=on_behalf,
    )


def _diverged(given: Given) -> DivergenceError:
    return DivergenceError(
        f"{given.address} was restored after a crash, and does something else at its event "
        f"{given.step} than before.",
        cause="It depends on something that is no event: a module's global, an open file.",
        fix="Keep it in the agent's state, or put it into a tool.",
    )
