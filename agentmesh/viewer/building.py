"""A run's records into columns: all of it once, and then what is new.

Agent by agent, in the order of their steps, so that a run is read as it is stored. A finished run
is read in one go and then put in order: messages by the time they were sent, events in run order.
Of a run that goes on, each further round adds what is new behind that.

Knows the journal, the kernel's alphabets and columns; never runs a program.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentmesh.errors import JournalError
from agentmesh.journal.records import Sent, Step
from agentmesh.kernel.commands import (
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)
from agentmesh.kernel.supervision import ATTEMPT_FAILED
from agentmesh.viewer import effect_rows, ordering
from agentmesh.viewer.agents import NOTHING, Agent, Figures, message_of, told_by
from agentmesh.viewer.effect_rows import EffectRows
from agentmesh.viewer.message_rows import MessageRows
from agentmesh.viewer.rows import Rows, u32
from agentmesh.viewer.turn_rows import TurnRows

if TYPE_CHECKING:
    from agentmesh.causality.order import RunOrder
    from agentmesh.effects.prices import Prices
    from agentmesh.journal.run import Run
    from agentmesh.viewer.previews import Previews

EVENT_KINDS: dict[type, int] = {
    Started: 0,
    Delivered: 1,
    EffectFinished: 2,
    EffectFailed: 3,
    EffectStreamed: 4,
    TimerFired: 5,
    Cancelled: 6,
    Stopped: 7,
}
_READ_FIRST = ("turns", "effects", "logs")
_PUBLISH_EVERY = 20_000
"""Events of a run that is being read after which what is there is shown."""
_LOOK_EVERY = 4_096


class Unwanted(Exception):  # noqa: N818
    """Nobody wants the columns any more."""


class RecordChanged(Exception):  # noqa: N818 - nobody's error: all is read anew
    """What was read of a run is not on record any more."""


def always() -> bool:
    """Go on in any case."""
    return True


class Building:
    """The tables of one run, as far as it has been read.

    Args:
        prices: What tokens cost.
        previews: Where the beginnings of payloads go.

    Attributes:
        rows: The tables, and who is who.
        events: How many have been read.
        problem: Why events are in the order of time only; empty if they are not.
        version: Grows when there is something new to see.
    """

    def __init__(self, prices: Prices, previews: Previews) -> None:
        self.rows = Rows(prices, previews)
        self.tables, self.previews = self.rows.tables, previews
        self.events = 0
        self.problem = ""
        self.version = 0
        self._rounds = 0
        self._messages = MessageRows(self.rows)
        self._turns = TurnRows(self.rows)
        self._effects = EffectRows(self.rows, self._turns)

    @property
    def agents(self) -> list[Agent]:
        """All agents, by number."""
        return self.rows.agents

    def take(self, run: Run, *, grows: bool, going: Callable[[], bool] = always) -> None:
        """Read what is new of a run.

        Args:
            run: The run, just opened.
            grows: Whether it may go on: then a step that was not handled yet is left for later.
            going: Asked now and then whether to go on.

        Raises:
            JournalDamagedError: A file is damaged; what was read before can be seen.
            RecordChanged: What was read is not on record any more.
            Unwanted: It is not to go on.
        """
        addresses = run.addresses()
        for address in addresses:
            self.rows.add_agent(address)
        if not self.rows.start_ns:
            self.rows.start_ns = _earliest(run, addresses)
        if len(addresses) != len(self.agents):
            raise RecordChanged
        self.rows.run = run
        try:
            for address in addresses:
                self._read(self.rows.by_address[address], grows=grows, going=going)
        except JournalError:
            self._show()
            raise
        finally:
            self.rows.run = None
        self._show()

    def publish(self, names: tuple[str, ...] = ()) -> None:
        """Show what is there."""
        version = self.version + 1
        news = [self.tables[name].publish(version) for name in names or tuple(self.tables)]
        if any(news):
            self.version = version

    def _show(self) -> None:
        self._order()
        self.publish()

    def total(self) -> Figures:
        """Return the figures of all agents together."""
        found = Figures()
        for agent in list(self.agents):
            for name in Figures.__slots__:
                setattr(found, name, getattr(found, name) + getattr(agent.figures, name))
        return found

    def run_order(self, run_id: str) -> RunOrder:
        """Return the events in their order, for whoever asks for causes."""
        return ordering.restored(
            self.agents, self.tables["events"], self.tables["messages"], run_id
        )

    def _read(self, agent: Agent, *, grows: bool, going: Callable[[], bool]) -> None:
        run, start = self.rows.run, agent.next_step
        assert run is not None
        if start:
            if run.count_steps(agent.address) < start:
                raise RecordChanged
            steps = run.steps(agent.address, start=start - 1, resolve=False)
            if next(steps).event.at != agent.last_at_ns:
                raise RecordChanged
        else:
            steps = run.steps(agent.address, resolve=False)
        for step in steps:
            if grows and not step.handled:
                return
            self._event(agent, step)
            if step.commands:
                self._commands(agent, step)
            self.events += 1
            if self.events % _LOOK_EVERY == 0 and not going():
                raise Unwanted
            if not self._rounds and self.events % _PUBLISH_EVERY == 0:
                self.publish(_READ_FIRST)

    # --- one step ---------------------------------------------------------------------------------

    def _event(self, agent: Agent, step: Step) -> None:
        event, number = step.event, step.number
        at = float(event.at - self.rows.start_ns)
        agent.next_step, agent.last_at_ns = number + 1, event.at
        agent.at.append(event.at)
        agent.kinds.append(EVENT_KINDS[type(event)])
        agent.turns.append(0)
        agent.causes.append(NOTHING)
        if isinstance(event, Delivered):
            self._messages.deliver(agent, number, at, event)
        elif isinstance(event, EffectFinished | EffectFailed | TimerFired | EffectStreamed):
            agent.turns[-1] = u32(event.turn)
            if isinstance(event, TimerFired):
                key = (event.turn, event.n)
                self._effects.close(agent, number, at, key, effect_rows.FINISHED)
            elif isinstance(event, EffectStreamed):
                agent.causes[-1] = agent.effects.get((event.turn, event.n), (0, NOTHING))[1]
            else:
                self._effects.end(agent, number, at, event)

    def _commands(self, agent: Agent, step: Step) -> None:
        number = step.number
        at = float(step.event.at - self.rows.start_ns)
        for index, command in enumerate(step.commands, 1):
            if isinstance(command, FinishTurn):
                self._turns.finish(agent, number, at, command)
                continue
            if isinstance(command, CancelEffect | CancelTimer):
                key = (command.turn, command.n)
                self._effects.close(agent, number, at, key, effect_rows.CANCELLED)
                continue
            self._turns.issues(agent, command.turn)
            if isinstance(command, Sent):
                self._messages.send(agent, number, at, command)
            elif isinstance(command, StartEffect):
                self._effects.start(agent, number, at, command)
            elif isinstance(command, StartTimer):
                self._effects.start_timer(agent, number, at, command)
            elif isinstance(command, Log):
                self._effects.log(agent, number, index, at, command)
                if command.event == ATTEMPT_FAILED:
                    self._turns.attempt_failed(agent, number, at, command)

    # --- order ------------------------------------------------------------------------------------

    def _order(self) -> None:
        """Give all events their places in the order."""
        events, messages = self.tables["events"], self.tables["messages"]
        if not self._rounds:
            self.problem = ordering.first(self.agents, events, messages, self.rows.start_ns)
            self._sort_messages()
        else:
            ordering.further(self.agents, events, messages, self.rows.start_ns)
        self._rounds += 1

    def _sort_messages(self) -> None:
        """Put messages in the order of time, before anybody sees them."""
        table, rows = self.tables["messages"], self.rows
        sent = table.columns["sent"][: len(table)]
        order = _by_time(sent, table.columns["delivered"])
        place = array("i", bytes(4 * len(order)))
        for new, old in enumerate(order):
            place[old] = new
        about = table.columns["re"]
        for row in range(len(table)):
            if about[row] >= 0:
                about[row] = place[about[row]]
        table.reorder(order)
        rows.previews.reorder("messages", order)
        rows.pending = {key: place[row] for key, row in rows.pending.items()}
        for agent in self.agents:
            agent.waiting = {key: place[row] for key, row in agent.waiting.items()}
            agent.asks = {n: (place[row], turn) for n, (row, turn) in agent.asks.items()}
            causes = agent.causes
            for step, cause in enumerate(causes):
                if cause < NOTHING:
                    causes[step] = told_by(place[message_of(cause)])


def _earliest(run: Run, addresses: list[str]) -> int:
    firsts = (next(run.steps(address, resolve=False), None) for address in addresses)
    return min((step.event.at for step in firsts if step is not None), default=0)


def _by_time(sent: array[Any], delivered: array[Any]) -> list[int]:
    """Return the rows of messages by the time they were sent, else delivered."""
    unsent = [row for row, at in enumerate(sent) if at != at]  # noqa: PLR0124 - not a number
    known = [row for row, at in enumerate(sent) if at == at]  # noqa: PLR0124
    times = list(sent)
    for row in unsent:
        times[row] = delivered[row]
    return sorted(unsent + known, key=times.__getitem__)
