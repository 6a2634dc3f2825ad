"""Flow control on one host: who sends to somebody that can't keep up is held until it can.

Sans-IO. A *gate* is something that can be full: an agent whose mailbox waits for it to
catch up, here or on another host, or the link to a host. A cell that sends through a
closed gate is *held*: events for it are journaled and not handled, so that it causes
nothing more, until the gate opens again. That is no decision of the cell and leaves no
trace: events may come late anyway. What is held back counts as its own backlog, so that
holding travels upstream, to whoever has no room either.

Holding must not stop what it waits for. A cell is not held while whoever is full waits for
it, as the chain of an ask tells. It is let go when its own work is cancelled, and after a
while in any case, because a circle of full mailboxes over several hosts can't be seen from
one of them: such a run gets slow, and does not stand still.
"""

from collections import deque
from collections.abc import Callable, Iterable

from agentmesh.host.resident import Resident
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Event

HOLD_NS = 10_000_000_000
"""The longest time a cell is held without a pause."""

_COUNTED = (kinds.TELL, kinds.ASK, kinds.CHUNK)
"""Kinds of message that flow control slows down; answers and orders are always welcome."""


class Flow:
    """Gates, held cells and what waits for them.

    Args:
        awaited: Tells whether an agent waits for open work of a cell: address, agent.
    """

    def __init__(
        self, awaited: Callable[[str, str], bool] = lambda _address, _agent: False
    ) -> None:
        self._awaited = awaited
        self.closed: dict[str, None] = {}
        """The gates that are full."""
        self.full: dict[str, None] = {}
        """Those among them that are agents of this host."""
        self.parked: dict[str, deque[tuple[int, Event]]] = {}
        """Journaled events that wait to be handled, by the held agent's address."""
        self._held: dict[str, dict[str, None]] = {}  # gates by held cell
        self._since: dict[str, int] = {}
        self._released: dict[str, None] = {}

    # --- gates ------------------------------------------------------------------------------------

    def close(self, gate: str) -> None:
        """Learn that something is full."""
        self.closed[gate] = None

    def open(self, gate: str) -> None:
        """Learn that something has room again."""
        self.closed.pop(gate, None)
        for address in [each for each, gates in self._held.items() if gate in gates]:
            self._held[address].pop(gate)
            if not self._held[address]:
                self.let_go(address)

    def measure(self, address: str, resident: Resident) -> bool:
        """Look whether an agent of this host can keep up; tell whether that has changed."""
        limit = resident.cell.behavior.mailbox
        backlog = resident.cell.backlog + len(self.parked.get(address, ()))
        if address in self.full:
            if limit is None or backlog <= limit // 2:
                del self.full[address]
                self.open(address)
                return True
        elif limit is not None and backlog >= limit and resident.cell.mailbox_room is not None:
            self.full[address] = None
            self.close(address)
            return True
        return False

    # --- cells ------------------------------------------------------------------------------------

    def passes(self, envelope: Envelope, now: int) -> None:
        """Hold the sender of a message if what it is for is full."""
        if envelope.dst in self.closed and envelope.kind in _COUNTED:
            self.hold(envelope.src, envelope.dst, now)

    def hold(self, address: str, gate: str, now: int) -> None:
        """Let a cell wait at a gate, unless it would wait for itself."""
        if gate == address or self._is_awaited(address, gate) or self._waits_for(gate, address):
            return
        self._held.setdefault(address, {})[gate] = None
        self._since.setdefault(address, now)

    def parks(self, address: str, step: int, event: Event) -> bool:
        """Take in an event for a cell that is held; tell whether it was."""
        waiting = self.parked.get(address)
        if address not in self._held and waiting is None:
            return False
        if self._must_go_on(address, event):
            self.let_go(address)
            waiting = self.parked.get(address)
            if waiting is None:
                return False
        if waiting is None:
            waiting = self.parked[address] = deque()
        waiting.append((step, event))
        return True

    def let_go(self, address: str) -> None:
        """Hold a cell no longer; what waits for it is handled next."""
        self._held.pop(address, None)
        self._since.pop(address, None)
        if address in self.parked:
            self._released[address] = None

    def let_go_of_all(self) -> None:
        """Hold nobody any more: the run ends."""
        self.closed.clear()
        for address in list({**self._held, **self.parked}):
            self.let_go(address)

    def next_parked(self) -> tuple[str, int, Event] | None:
        """Return an event that may be handled now, oldest first for each cell."""
        while self._released:
            address = next(iter(self._released))
            waiting = self.parked.get(address)
            if waiting and address not in self._held:
                step, event = waiting.popleft()
                if not waiting:
                    del self.parked[address]
                return address, step, event
            del self._released[address]
        return None

    @property
    def has_released(self) -> bool:
        """Whether something may be handled now."""
        return bool(self._released)

    @property
    def active(self) -> bool:
        """Whether anybody is held, or anything waits."""
        return bool(self._held or self.parked)

    def overheld(self, now: int) -> list[str]:
        """Return who has been held for too long."""
        return [address for address, since in self._since.items() if now - since >= HOLD_NS]

    def _is_awaited(self, address: str, gate: str) -> bool:
        """Tell whether whoever is full waits for a cell, or will when what waits is handled."""
        if self._awaited(address, gate):
            return True
        waiting = (event for _, event in self.parked.get(address, ()))
        return any(
            isinstance(event, events.Delivered) and gate in event.envelope.chain
            for event in waiting
        )

    def _must_go_on(self, address: str, event: Event) -> bool:
        if isinstance(event, events.Cancelled | events.Stopped):
            return True
        if not isinstance(event, events.Delivered):
            return False
        gates = self._held.get(address, {})
        return any(each in gates for each in event.envelope.chain)

    def _waits_for(self, start: str, address: str) -> bool:
        """Tell whether a gate, itself a held cell, waits for an address in the end."""
        seen: dict[str, None] = {}
        ways: Iterable[str] = (start,)
        while ways:
            further: dict[str, None] = {}
            for each in ways:
                further.update(self._held.get(each, {}))
            if address in further:
                return True
            ways = [each for each in further if each not in seen]
            seen.update(further)
        return False
