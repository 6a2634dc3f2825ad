"""What the rows of a run's tables share: tables, dictionaries, and who is who.

A message is known by one number: its sender's and its counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentmesh.kernel.envelope import CLIENT
from agentmesh.viewer.agents import Agent
from agentmesh.viewer.tables import TABLES, U32_MAX, UNKNOWN, Dictionary, Table

if TYPE_CHECKING:
    from agentmesh.effects.prices import Prices
    from agentmesh.journal.run import Run
    from agentmesh.viewer.previews import Previews

COUNTER_BITS = 40
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

    def add_agent(self, address: str) -> None:
        """Give an agent its number, unless it has one."""
        if address not in self.by_address:
            agent = Agent(index=len(self.agents), address=address)
            self.agents.append(agent)
            self.by_address[address] = agent

    def index_of(self, address: str) -> int:
        """Return an agent's number; `UNKNOWN` for whoever has no events."""
        agent = self.by_address.get(address)
        return UNKNOWN if agent is None else agent.index

    def key(self, address: str, n: int) -> int:
        """Return what a message is known by: its sender, and the sender's counter."""
        agent = self.by_address.get(address)
        if agent is not None:
            return agent.index << COUNTER_BITS | n
        return self._strangers.setdefault(address, -2 - len(self._strangers)) << COUNTER_BITS | n

    def key_of(self, message: str) -> int:
        """Return the key of a message by its id."""
        source, _, n = message.rpartition("#")
        return self.key(source, int(n) if n.isascii() and n.isdecimal() and len(n) < _LONG else 0)

    def size(self, payload: bytes, blob: str) -> int:
        """Return how many bytes a payload has, wherever it is."""
        if blob and not payload and self.run is not None:
            return u32(self.previews.size_of(self.run, blob))
        return u32(len(payload))


def u32(number: int) -> int:
    """Return a number as a column can hold it: only a made-up record has larger ones."""
    return number if 0 <= number <= U32_MAX else U32_MAX


def i32(number: int) -> int:
    """Return a number as a column with negative ones can hold it."""
    return min(number, _I32_MAX)


_LONG = 20
