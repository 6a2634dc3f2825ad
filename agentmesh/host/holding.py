"""Flow control as an engine uses it: `flow.Flow` with a clock, a loop and the host's cells."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from agentmesh.host.flow import Flow
from agentmesh.host.resident import Resident
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Event

_LOOK_AGAIN_SECONDS = 1.0


class Holding:
    """Holds the cells of one host that send to somebody full.

    Args:
        loop: The host's loop.
        clock_ns: Wall clock.
        residents: The host's cells by address.
        schedule: Called when something may be handled that waited.
        on_full: Called with the addresses of the agents here that can't keep up, when they
            change.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock_ns: Callable[[], int],
        residents: Mapping[str, Resident],
        schedule: Callable[[], None],
        on_full: Callable[[Mapping[str, None]], None],
    ) -> None:
        self._loop = loop
        self._clock_ns = clock_ns
        self._residents = residents
        self._schedule = schedule
        self._on_full = on_full
        self._flow = Flow(self._awaited)
        self._looks_again: asyncio.TimerHandle | None = None

    # --- gates ------------------------------------------------------------------------------------

    @property
    def full(self) -> Mapping[str, None]:
        """The agents of this host that can't keep up."""
        return self._flow.full

    @property
    def closed(self) -> Mapping[str, None]:
        """Everything that is full."""
        return self._flow.closed

    def close_gate(self, gate: str) -> None:
        """Learn that something is full: whoever sends to it is held."""
        self._flow.close(gate)

    def open_gate(self, gate: str) -> None:
        """Learn that something has room again."""
        self._flow.open(gate)
        self._schedule()

    def hold(self, addresses: Iterable[str], gate: str) -> None:
        """Let cells wait until a gate opens."""
        now = self._clock_ns()
        for address in addresses:
            self._flow.hold(address, gate, now)

    def passes(self, envelope: Envelope) -> None:
        """Hold the sender of a message if what it is for is full."""
        self._flow.passes(envelope, self._clock_ns())

    # --- cells ------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether anybody is held, or anything waits."""
        return self._flow.active

    @property
    def has_released(self) -> bool:
        """Whether something may be handled now that waited."""
        return self._flow.has_released

    @property
    def parked(self) -> Mapping[str, Iterable[tuple[int, Event]]]:
        """Journaled events that wait to be handled, by address: step and event."""
        return self._flow.parked

    def parks(self, address: str, step: int, event: Event) -> bool:
        """Take in an event for a cell that is held; tell whether it was."""
        return self._flow.parks(address, step, event)

    def next_parked(self) -> tuple[str, int, Event] | None:
        """Return an event that may be handled now, oldest first for each cell."""
        return self._flow.next_parked()

    def note(self, address: str) -> None:
        """Look whether an agent of this host can keep up."""
        if self._flow.measure(address, self._residents[address]):
            self._on_full(self._flow.full)

    def look(self) -> None:
        """Look who is held for whom, and come back for those that are held for too long."""
        flow = self._flow
        for address in flow.overheld(self._clock_ns()):
            flow.let_go(address)
        changed = [flow.measure(each, self._residents[each]) for each in list(flow.parked)]
        if any(changed):
            self._on_full(flow.full)
        if self._looks_again is None:
            self._looks_again = self._loop.call_later(_LOOK_AGAIN_SECONDS, self._look_again)

    def end(self) -> None:
        """Hold nobody any more: the run ends."""
        self._flow.let_go_of_all()
        if self._looks_again is not None:
            self._looks_again.cancel()
            self._looks_again = None

    def _look_again(self) -> None:
        self._looks_again = None
        if self._flow.active:
            self.look()
            self._schedule()

    def _awaited(self, address: str, agent: str) -> bool:
        resident = self._residents.get(address)
        return resident is not None and resident.cell.is_awaited_by(agent)
