"""What the rows of a run's tables share: tables, dictionaries, and who is who.

A message is known by one number: its sender's and its counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentmesh.kernel.envelope import CLIENT
from agentmesh.viewer.agents import Agent
from agentmesh.viewer.tables import TABLES, U32_MAX, UNKNOWN, Dictionary, Table

if TYPE_CHECKING:
    from agentmesh.effects.prices import Prices
    from agentmesh.journal.run import Run
    from agentmesh.viewer.previews import Previews

COUNTER_BITS = 40
_COUNTER = (1 << COUNTER_BITS) - 1
_I32_MAX = (1 << 31) - 1


class Rows:
    """The tables of one run, and what is needed to fill them.

    Args:
        prices: What tokens cost.
        previews: Where the beginnings of payloads go.

    Attributes:
        start_ns: Time of the run's first event, in nanoseconds since the epoch.
        run: The run, while it is read.
        pending: Rows of messages of which one side was not read yet, by key.
    """

    def __init__(self, prices: Prices, previews: Previews) -> None:
        self.prices = prices
        self.previews = previews
        self.tables = {name: Table(name) for name in TABLES}
        self.handlers, self.types = Dictionary(), Dictionary()
        self.effect_names, self.models, self.texts = Dictionary(), Dictionary(), Dictionary()
        self.agents: list[Agent] = []
        self.by_address: dict[str, Agent] = {}
        self.start_ns = 0
        self.run: Run | None = None
        self.pending: dict[int, int] = {}
        self._strangers: dict[str, int] = {CLIENT: -2}
        self._next_stranger = -3

    def add_agent(self, address: str) -> None:
        """Give an agent its number, unless it has one."""
        if address not in self.by_address:
            agent = Agent(index=len(self.agents), address=address)
            self.agents.append(agent)
            self.by_address[address] = agent
            if address in self._strangers:
                self._is_no_stranger(agent)

    def _is_no_stranger(self, agent: Agent) -> None:
        """Put right what was read of the messages of an agent before anything of itself."""
        before = self._strangers.pop(agent.address)
        messages = self.tables["messages"]
        its: set[int] = set()

        def renamed(known: dict[int, int]) -> dict[int, int]:
            made = {}
            for key, row in known.items():
                is_its = key >> COUNTER_BITS == before
                made[agent.index << COUNTER_BITS | key & _COUNTER if is_its else key] = row
                if is_its:
                    its.add(row)
            return made

        self.pending = renamed(self.pending)
        for other in self.agents:
            other.waiting = renamed(other.waiting)
        for row in its:
            messages.columns["src"][row] = agent.index
            messages.changed(row)
            self._name_sender(row, agent.index)

    def _name_sender(self, message: int, sender: int) -> None:
        """Say in the row of a message's turn who has sent it."""
        columns = self.tables["messages"].columns
        turns = self.tables["turns"]
        turn, agent = columns["turn"][message], columns["dst"][message]
        if turn:
            for row in found(turns, "turn", turn, agent):
                turns.columns["src"][row] = sender
                turns.changed(row)

    def index_of(self, address: str) -> int:
        """Return an agent's number; `UNKNOWN` for whoever has no events."""
        agent = self.by_address.get(address)
        return UNKNOWN if agent is None else agent.index

    def key(self, address: str, n: int) -> int:
        """Return what a message is known by: its sender, and the sender's counter."""
        agent = self.by_address.get(address)
        if agent is not None:
            return agent.index << COUNTER_BITS | n
        stranger = self._strangers.get(address)
        if stranger is None:
            stranger = self._strangers[address] = self._next_stranger
            self._next_stranger -= 1
        return stranger << COUNTER_BITS | n

    def key_of(self, message: str) -> int:
        """Return the key of a message by its id."""
        source, _, n = message.rpartition("#")
        return self.key(source, int(n) if n.isascii() and n.isdecimal() and len(n) < _LONG else 0)

    def size(self, payload: bytes, blob: str) -> int:
        """Return how many bytes a payload has, wherever it is."""
        if blob and not payload and self.run is not None:
            return u32(self.previews.size_of(self.run, blob))
        return u32(len(payload))


def found(table: Table, column: str, value: int, agent: int) -> Iterator[int]:
    """Yield the rows of an agent that have a value in a column."""
    values, agents = table.columns[column], table.columns["agent"]
    row = -1
    while True:
        try:
            row = values.index(value, row + 1)
        except ValueError:
            return
        if row >= len(table):
            return
        if agents[row] == agent:
            yield row


def u32(number: int) -> int:
    """Return a number as a column can hold it: only a made-up record has larger ones."""
    return number if 0 <= number <= U32_MAX else U32_MAX


def i32(number: int) -> int:
    """Return a number as a column with negative ones can hold it."""
    return min(number, _I32_MAX)


_LONG = 20
