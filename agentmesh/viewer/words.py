"""Events in a few words, from columns alone: for links and trees, of which there are many.

Nothing is read from the run: an event somewhere in a large file takes longer to find than all
that is said of it here. So what errors say is left out; whoever looks at the event gets it.
"""

from collections.abc import Iterable
from typing import Final

from agentmesh.causality.order import EventRef
from agentmesh.causality.summaries import Summary, milliseconds
from agentmesh.kernel import envelope as kinds
from agentmesh.viewer.agents import NOTHING, Agent, message_of
from agentmesh.viewer.building import Building
from agentmesh.viewer.rows import found

STARTED, DELIVERED, FINISHED, FAILED, STREAMED, FIRED, CANCELLED, STOPPED = range(8)
KIND_NAMES: Final = (
    *("started", "delivered", "finished", "failed"),
    *("streamed", "fired", "cancelled", "stopped"),
)
"""Names of the kinds of events, by number."""

_ANSWERS = {kinds.REPLY: "reply", kinds.FAIL: "failure", kinds.CHUNK: "item of the reply"}
_OTHERS = {
    kinds.CANCEL: "{} no longer waits",
    kinds.SPAWN: "spawned by {}",
    kinds.STOP: "told to stop by {}",
    kinds.MONITOR: "{} wants to know when it stops",
    kinds.ESCALATE: "fails with {}",
}
_PLAIN = {STARTED: "started", CANCELLED: "a message is no longer wanted", STOPPED: "stopped"}
_ENDS = {FINISHED: "finished", FAILED: "failed"}


class Words:
    """Puts events into words.

    Args:
        building: The columns.
    """

    def __init__(self, building: Building) -> None:
        self._building = building
        self._rows = building.rows
        self._messages = building.tables["messages"].columns
        self._effects = building.tables["effects"]

    def read(self, events: Iterable[EventRef]) -> None:
        """Do nothing: all that is needed is there."""

    def summary(self, event: EventRef) -> Summary:
        """Return an event in words, without its payload."""
        return Summary(what=self.what(event))

    def kind(self, event: EventRef) -> str:
        """Return the name of an event's kind."""
        return KIND_NAMES[self._rows.by_address[event.address].kinds[event.step]]

    def what(self, event: EventRef) -> str:
        """Return an event in words."""
        agent = self._rows.by_address[event.address]
        kind = agent.kinds[event.step]
        if kind == DELIVERED:
            return self._message(agent, event.step)
        if kind in _PLAIN:
            return _PLAIN[kind]
        row = self.effect(agent, event.step)
        if kind == FIRED:
            spent = "" if row is None else f" {self._spent(row)}"
            return f"waited{spent}"
        name = "an effect"
        if row is not None:
            name = self._rows.effect_names.texts[self._effects.columns["name"][row]]
        if kind == STREAMED:
            return f"{name} brought a piece"
        after = "" if row is None else f" after {self._spent(row)}"
        return f"{name} {_ENDS[kind]}{after}"

    def message(self, agent: Agent, step: int) -> int | None:
        """Return the row of the message that an event has brought."""
        cause = agent.causes[step]
        if cause < NOTHING:
            return message_of(cause)
        columns, row = self._messages, -1  # from outside: there are few
        while True:
            try:
                row = columns["src"].index(-1, row + 1)
            except ValueError:
                return None
            if columns["dst"][row] == agent.index and columns["dst_step"][row] == step:
                return row

    def effect(self, agent: Agent, step: int) -> int | None:
        """Return the row of the effect or timer that an event ends, or brings a piece of."""
        if agent.kinds[step] != STREAMED:
            return next(found(self._effects, "last_step", step, agent.index), None)
        began = agent.causes[step]
        rows = found(self._effects, "first_step", began, agent.index) if began >= 0 else ()
        return next(iter(rows), None)

    def _message(self, agent: Agent, step: int) -> str:
        row = self.message(agent, step)
        if row is None:
            return "a message"
        columns, rows = self._messages, self._rows
        sender = columns["src"][row]
        source = rows.agents[sender].address if sender >= 0 else "outside"
        kind = columns["kind"][row]
        if kind in _OTHERS:
            return _OTHERS[kind].format(source)
        if kind in _ANSWERS:
            return f"{_ANSWERS[kind]} from {source}"
        handler = rows.handlers.texts[columns["handler"][row]]
        of = rows.types.texts[columns["type"][row]]
        return f"{kinds.KIND_NAMES[kind]} {handler}({of}) from {source}"

    def _spent(self, row: int) -> str:
        columns = self._effects.columns
        return milliseconds(int(columns["end"][row] - columns["begin"][row]))
