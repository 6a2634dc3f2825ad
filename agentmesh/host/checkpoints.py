"""How a host keeps the work of its successor short: snapshots, and logs that roll.

When the log has grown by enough, the host writes a snapshot of all its agents and goes on
in a new log: a successor reads that snapshot and the logs after it, however long the run
is. "Enough" is at least as much as the last snapshot, so that all snapshots of a run
together are no more than a constant times its logs: the cost of state is linear.

An agent at rest is its state. One in the middle of a turn is its latest rest and the events
since then. An agent whose mailbox is never empty is at rest only between two turns, while it
handles an event: shortly before a snapshot is due, such agents are asked to note one of these.

A snapshot that can't be taken (a value of the state does not fit its annotation, the disk
is full) is no reason to stop: the log goes on, and the next attempt is made later.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agentmesh import ambient
from agentmesh.errors import AgentMeshError, StateError, SupersededError
from agentmesh.host.ports import Kept
from agentmesh.host.resident import Pause, Resident
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lineage import Fence, number_of
from agentmesh.journal.log import LogWriter
from agentmesh.journal.places import EVENTS, SNAPSHOTS
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.snapshots import (
    CellImage,
    FlightImage,
    Image,
    read_snapshot,
    write_snapshot,
)
from agentmesh.journal.succession import carried_events
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Delivered, Event
from agentmesh.kernel.snapshot import CellSnapshot, at_rest, snapshot

SEGMENT_BYTES = 4 << 20
"""Bytes of log after which a snapshot is due, unless the last one was larger: read and
handled again in about a second."""

PAUSE_SHARE = 4
"""The last part of a log in which busy agents are asked to pause: a snapshot carries so much."""


class Behind(NamedTuple):
    """What lies behind an agent that is in the middle of a turn."""

    rest: CellSnapshot | None = None
    """Its latest rest; None if there was none."""
    events: list[bytes] = []  # noqa: RUF012 - never changed
    """Its events from there to the current log, as they are journaled."""
    waiting: list[bytes] = []  # noqa: RUF012
    """Its mailbox, if it rested between two turns."""


Earlier = Callable[[str], Behind]


class Checkpoints:
    """Guards and shortens one host's journal.

    Args:
        directory: The run.
        log: The host's open log.
        redactor: Replaces secrets.
        in_flight: Returns messages that have left the engine, and that no other host is
            known to have journaled.
        segment_bytes: Bytes of log between snapshots; `SEGMENT_BYTES` for None.
    """

    def __init__(
        self,
        directory: RunDirectory,
        log: LogWriter,
        redactor: Redactor,
        in_flight: Callable[[], Iterable[Envelope]] = tuple,
        segment_bytes: int | None = None,
    ) -> None:
        self._folder = directory.local
        self._directory = directory
        self._log = log
        self._redactor = redactor
        self._encoder = BodyEncoder(redactor, directory.blobs())
        self._in_flight = in_flight
        self._segment_bytes = SEGMENT_BYTES if segment_bytes is None else segment_bytes
        self._host = log.header.host
        self._fence = Fence(self._folder, self._host, log.header.incarnation)
        self._latest: Path | None = None
        self._earlier: Earlier | None = None
        self._due = self._segment_bytes
        self._asked = False
        self.taken = 0
        """Snapshots so far."""

    def guard(self) -> None:
        """Refuse to let anything leave when a successor has taken this host's place.

        Raises:
            SupersededError: It has.
        """
        self._fence.check()

    def after_tick(self, host: Kept) -> None:
        """Take a snapshot if one is due; everything must be committed and released."""
        if self._log.size >= self._due:
            self.take(host)
        elif not self._asked and self._log.size >= self._due - self._segment_bytes // PAUSE_SHARE:
            self._asked = True
            self._ask_for_pauses(host)

    def take(self, host: Kept, earlier: Earlier | None = None) -> bool:
        """Take a snapshot and go on in a new log; tell whether that was possible.

        Args:
            host: The engine, between ticks.
            earlier: What lies between an open agent's rest and the current log; the
                latest snapshot knows if nothing is said.

        Raises:
            SupersededError: A successor has taken this host's place.
        """
        self._earlier = earlier or self._earlier
        number = self._next_number()
        path = self._folder / SNAPSHOTS / f"{self._host}-{number}.log"
        try:
            header = self._header(number)
            durable = self._log.durability == "disk"
            size = write_snapshot(path, header, self._images(host), durable=durable)
            self.guard()
            self._log.roll(self._folder / EVENTS / f"{self._host}-{number}.log", number)
        except SupersededError:
            raise
        except AgentMeshError as error:
            # The log goes on: a snapshot that stands for all of it would hide what comes now.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            import structlog  # late: it takes a while, and most hosts never need it

            structlog.get_logger("agentmesh").warning(
                "no snapshot could be taken; recovery would take longer",
                host=self._host,
                problem=str(error),
            )
            self._due = 2 * max(self._log.size, self._segment_bytes)
            self._asked = False
            return False
        self._earlier = None
        self._forget_earlier(path, number)
        self._due = max(self._segment_bytes, size)
        self._asked = False
        self.taken += 1
        return True

    def _ask_for_pauses(self, host: Kept) -> None:
        for resident in host.residents.values():
            if not at_rest(resident.cell):
                resident.cell.on_pause = partial(_note_pause, resident)

    def _images(self, host: Kept) -> Iterator[Image]:
        flight = [*self._in_flight(), *host.undelivered]
        yield FlightImage([self._encoder.event(Delivered(0, envelope)) for envelope in flight])
        residents = host.residents
        opened = [each for each, resident in residents.items() if not at_rest(resident.cell)]
        known = self._earlier or self._latest_known(opened)
        carried = carried_events(self._log.path, self._log.size, opened)
        for address, resident in residents.items():
            resident.cell.on_pause = None
            pause, resident.pause = resident.pause, None
            if address in carried:
                behind = self._behind(resident, pause, carried[address], known)
                held = len(tuple(host.flow.parked.get(address, ())))
                rest, events, waiting = behind
                yield CellImage(address, resident.steps, rest, events, resident.seen, held, waiting)
            else:
                yield self._resting(address, resident, host.flow.parked.get(address, ()))

    def _behind(
        self, resident: Resident, pause: Pause | None, carried: list[bytes], known: Earlier
    ) -> Behind:
        """Return from where a busy agent is restored: its pause in this log, or what is known."""
        since = len(carried) + 1 if pause is None else resident.steps - 1 - pause.step
        if pause is None or since > len(carried):  # it was in an event that an earlier log has
            rest, before, waiting = known(resident.cell.address)
            return Behind(rest, before + carried, waiting)
        taken = replace(pause.taken, state=self._redactor.json(pause.taken.state))
        waiting = [self._encoder.event(Delivered(0, each)) for each in pause.waiting]
        return Behind(taken, carried[len(carried) - since :], waiting)

    def _resting(
        self, address: str, resident: Resident, held: Iterable[tuple[int, Event]]
    ) -> CellImage:
        taken = snapshot(resident.cell)
        taken = replace(taken, state=self._redactor.json(taken.state))
        waiting = [self._encoder.event(event) for _, event in held]
        return CellImage(
            address, resident.steps, taken, waiting, resident.seen, unhandled=len(waiting)
        )

    def _latest_known(self, wanted: list[str]) -> Earlier:
        """Look into the latest snapshot for agents that are in the middle of a turn."""
        found: dict[str, CellImage] = {}
        if wanted and self._latest is not None:
            for image in read_snapshot(self._latest):
                if isinstance(image, CellImage) and image.address in wanted:
                    found[image.address] = image

        def known(address: str) -> Behind:
            image = found.get(address)
            return Behind() if image is None else Behind(image.rest, image.carried, image.waiting)

        return known

    def _header(self, number: int) -> LogHeader:
        log = self._log.header
        return LogHeader(log.run, log.host, number, 0, log.agentmesh, log.incarnation)

    def _next_number(self) -> int:
        return max(self._directory.next_number(self._host), self._log.header.number + 1)

    def _forget_earlier(self, path: Path, number: int) -> None:
        """Remove what the snapshot replaces; a later one is a successor's."""
        self._latest = path
        for other in path.parent.iterdir():
            before = number_of(other.name, self._host)
            if before is not None and before < number:
                other.unlink(missing_ok=True)


def _note_pause(resident: Resident) -> None:
    """Keep an agent as it is between two turns; once is enough."""
    cell = resident.cell
    cell.on_pause = None
    if cell.instance is None:
        return
    with contextlib.suppress(StateError), ambient.outside():
        resident.pause = Pause(snapshot(cell), cell.mailbox)
