"""What a host finds of its earlier lives, and how it makes the next life's work short.

`Succession` reads: after putting up the fence, the latest snapshot and the logs after it.
`carried_events` reads, for a snapshot, what an open turn has handled so far. Neither knows
what a cell does with it.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agentmesh.errors import JournalDamagedError
from agentmesh.journal.blobs import Blobs
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import LocalFiles
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lineage import Fence, Life, counting_bytes, latest_life, number_of
from agentmesh.journal.places import EVENTS, SNAPSHOTS, unusable
from agentmesh.journal.reading import LogReader
from agentmesh.journal.records import EventRecord, Step
from agentmesh.journal.resolving import resolved
from agentmesh.journal.snapshots import CellImage, FlightImage, read_header, read_snapshot
from agentmesh.journal.sources import LogSource, Segment, merged_steps
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Delivered

if TYPE_CHECKING:
    from agentmesh.journal.segments import SealedLog, SealedLogs

_Read = TypeVar("_Read")

_LOOKS = 50
_HANDLED = b"\x92\xa7handled"
_OPENED = b"\xa6opened"


def lives(directory: RunDirectory, host: str) -> int:
    """Return how many lives of a host have left a log.

    Raises:
        JournalDamagedError: A log does not start like one.
        StoreError: One can't be read.
    """
    folder = directory.local / EVENTS
    try:
        headers = _patiently(lambda: _headers(folder, host, _names(folder)))
    except OSError as error:
        raise unusable(str(folder), "can't be read", error) from error
    # The latest log is never sealed while the run goes on.
    return max((header.incarnation for header in headers.values()), default=0)


class Succession:
    """All that earlier lives of a host have left, read by the next one.

    Args:
        directory: The run.
        host: Name of the host.
        incarnation: Which life this is; all earlier ones are over from now on.

    Raises:
        JournalDamagedError: A file is damaged, and what it has is nowhere else.
        StoreError: The run's folder can't be read or written.
    """

    def __init__(self, directory: RunDirectory, host: str, incarnation: int) -> None:
        root = directory.local
        self._path = str(root)
        self.folder = root
        """The run's directory on this machine."""
        self._blobs = Blobs(root)
        self._images: dict[str, CellImage] = {}
        self._flight: list[bytes] = []
        self._logs: list[LogSource] = []
        self._sealed: list[SealedLogs] = []
        try:
            for life in range(1, incarnation):
                Fence(root, host, life).put_up()
            after, base = _patiently(lambda: self._read(root, host))
            if directory.info.durability == "disk":
                for log in self._logs:
                    log.sync()  # its writer may have died between writing and waiting
        except OSError as error:
            self.close()
            raise unusable(str(root), "can't be taken over", error) from error
        except BaseException:
            self.close()
            raise
        self.life = Life(incarnation=incarnation, after=after, base=base)
        """What the header of this life's log says."""

    @property
    def addresses(self) -> list[str]:
        """The agents that live here, sorted."""
        every = dict.fromkeys(self._images)
        for log in self._logs:
            every.update(dict.fromkeys(log.segments))
        for file in self._sealed:
            every.update(dict.fromkeys(file.groups))
        return sorted(every)

    def image(self, address: str) -> CellImage | None:
        """Return an agent's part of the snapshot."""
        return self._images.get(address)

    def carried(self, image: CellImage) -> Iterator[EventRecord]:
        """Return the events of an agent between its rest and the snapshot."""
        return (resolved(event, self._blobs) for event in image.events())

    def waiting(self, image: CellImage) -> Iterator[Envelope]:
        """Return what was in an agent's mailbox at its rest."""
        return self._envelopes(image.mailbox())

    def steps(self, address: str) -> Iterator[Step]:
        """Return the steps of an agent after the snapshot."""
        image = self._images.get(address)
        start = 0 if image is None else image.steps
        segments: list[Segment] = [
            log.segments[address] for log in self._logs if address in log.segments
        ]
        for file in self._sealed:
            segments += file.segments(address)
        for step in merged_steps(address, segments, self._path, start):
            event = resolved(step.event, self._blobs)
            yield Step(step.number, event, step.commands, step.handled)

    def in_flight(self) -> Iterator[Envelope]:
        """Return the messages that were under way when the snapshot was taken."""
        return self._envelopes(CellImage("", 0, None, self._flight, {}).events())

    def _envelopes(self, events: Iterable[EventRecord]) -> Iterator[Envelope]:
        for event in events:
            assert isinstance(event, Delivered)
            yield resolved(event, self._blobs).envelope

    def close(self) -> None:
        """Close the files."""
        for log in self._logs:
            log.close()
        for file in self._sealed:
            file.close()
        self._logs, self._sealed = [], []

    def _read(self, root: Path, host: str) -> tuple[dict[str, int], str]:
        """Read all there is; return how much of each log counts, and the snapshot's name."""
        self.close()
        self._images.clear()
        self._flight.clear()
        folder = root / EVENTS
        names = _names(folder)
        logs = _headers(folder, host, names)
        past = self._open_sealed(folder, host, [name for name in names if name not in logs])
        past = {name: log for name, log in past.items() if name not in logs}
        headers = {**logs, **{name: log.header for name, log in past.items()}}
        numbers = {header.number for header in headers.values()}
        first, base = self._read_base(root / SNAPSHOTS, host, headers, numbers)
        counting = counting_bytes(headers)
        after, self._logs = _open_logs(folder, logs, counting, first)
        for name, log in past.items():
            limit = counting[name]
            if limit != 0:
                after[name] = log.size if limit is None else limit
        needed = {name for name in past if name in after and headers[name].number >= first}
        for file in self._sealed:
            file.wanted &= needed
        return after, base

    def _open_sealed(self, folder: Path, host: str, names: list[str]) -> "dict[str, SealedLog]":
        """Open files of sealed logs: needed where a snapshot is damaged, and to count them."""
        if not any(name.endswith(".parquet") for name in names):
            return {}
        from agentmesh.journal.parts import sealed_of  # late: it takes a while

        with contextlib.ExitStack() as opened:
            self._sealed = sealed_of(LocalFiles(), str(folder), names, opened)
            opened.pop_all()  # nothing failed: all stays open
        return {
            name: log
            for file in self._sealed
            for name, log in file.headers.items()
            if name in file.wanted and log.header.host == host
        }

    def _read_base(
        self, folder: Path, host: str, headers: dict[str, LogHeader], numbers: set[int]
    ) -> tuple[int, str]:
        """Read the latest snapshot that counts; return its number and name.

        Logs are kept, so that a damaged snapshot costs time, as long as all logs are there.
        """
        events = folder.parent / EVENTS
        try:
            name = latest_snapshot(folder, host, headers)
            first = 0 if name is None else number_of(name, host) or 0
            for image in read_snapshot(folder / name) if name else ():
                if isinstance(image, FlightImage):
                    self._flight += image.deliveries
                else:
                    self._images[image.address] = image
        except JournalDamagedError as error:
            _check_none_missing(events, host, 0, numbers, error)
            _warn_of_damage(host, error)
            self._images.clear()
            self._flight.clear()
            return 0, ""
        _check_none_missing(events, host, first, numbers)
        return first, name or ""


def _check_none_missing(
    folder: Path,
    host: str,
    first: int,
    numbers: set[int],
    error: JournalDamagedError | None = None,
) -> None:
    """Refuse to go on when a log is missing that no snapshot stands for.

    Raises:
        JournalDamagedError: One is missing.
    """
    found = {number_of(name, host) for name in _names(folder)} - {None} | numbers
    later = enumerate(sorted(each for each in found if each is not None and each >= first), first)
    missing = next((wanted for wanted, number in later if number != wanted), None)
    if not found and any(number_of(name, host) for name in _names(folder.parent / SNAPSHOTS)):
        missing = 0
    if missing is not None:
        name = str(folder / f"{host}-{missing}.log")
        before = f"{error.what} And " if error else ""
        raise JournalDamagedError(
            f"{before}{name} is missing, and later files of the same host are there.",
            cause="Usually a part of the run was deleted, or not copied.",
            fix="Get the file again from where it was recorded; agentmesh never skips a part.",
            file=name,
        ) from error


def _warn_of_damage(host: str, error: JournalDamagedError) -> None:
    import structlog  # late: it takes a while, and most hosts never need it

    structlog.get_logger("agentmesh").warning(
        "a snapshot is damaged: the host is restored from all of its logs, which takes longer",
        host=host,
        problem=error.what,
    )


def latest_snapshot(folder: Path, host: str, headers: dict[str, LogHeader]) -> str | None:
    """Return the name of the latest snapshot of a host that counts.

    One by an earlier life counts only if the latest life started from it.
    """
    if not headers:
        return None
    newest = latest_life(headers.values())
    found: list[tuple[int, str]] = []
    for name in _names(folder):
        number = number_of(name, host)
        if number is None:
            continue
        header = read_header(folder / name)
        if header is not None and (header.incarnation == newest.incarnation or name == newest.base):
            found.append((number, name))
    return max(found)[1] if found else None


def carried_events(path: Path, limit: int, wanted: Iterable[str]) -> dict[str, list[bytes]]:
    """Return the events of some agents in a log, as they are journaled.

    Args:
        path: A log, perhaps still written.
        limit: How many bytes of it count.
        wanted: Addresses.
    """
    found: dict[str, list[bytes]] = {address: [] for address in wanted}
    cells: dict[int, list[bytes]] = {}
    with path.open("rb") as file:
        reader = LogReader(file, str(path), limit)
        for offset, records in reader.frames():
            for place in reader.places(offset, records):
                raw = bytes(place.body)
                if _OPENED in raw[:14]:
                    opened = reader.body(offset, raw)
                    address = getattr(opened, "address", None)
                    if address in found:
                        cells[place.cell] = found[address]
                elif place.cell in cells and not raw.startswith(_HANDLED):
                    cells[place.cell].append(raw)
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _patiently(read: Callable[[], _Read]) -> _Read:
    """Read again when files vanish: what replaced them is there, when somebody seals logs."""
    for _ in range(_LOOKS):
        with contextlib.suppress(FileNotFoundError):
            return read()
    return read()


def _headers(folder: Path, host: str, names: list[str]) -> dict[str, LogHeader]:
    headers: dict[str, LogHeader] = {}
    for name in names:
        if number_of(name, host) is not None:
            header = read_header(folder / name)
            if header is not None:
                headers[name] = header
    return headers


def _open_logs(
    folder: Path, headers: dict[str, LogHeader], counting: dict[str, int | None], first: int
) -> tuple[dict[str, int], list[LogSource]]:
    """Open the logs from a number on; return also how much of every log counts."""
    after: dict[str, int] = {}
    logs: list[LogSource] = []
    with contextlib.ExitStack() as opened:
        for name, limit in counting.items():
            path = folder / name
            if limit == 0 or name not in headers:
                continue
            if headers[name].number < first:
                after[name] = path.stat().st_size if limit is None else limit
                continue
            log = LogSource(opened.enter_context(path.open("rb")), str(path), limit)
            logs.append(log)
            ends = log.size if log.torn_at is None else log.torn_at
            after[name] = ends if limit is None else limit
        opened.pop_all()  # nothing failed: all stays open
    return after, logs
