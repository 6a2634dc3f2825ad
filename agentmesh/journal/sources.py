"""Where a run's steps are read from: the logs of its hosts, merged.

A log is scanned once, into an index of some thirty bytes a record; bodies are decoded
when a step is asked for. Memory is bounded by the index and one step.

An agent that moved, or whose host died, has records in several files: segments. They
are ordered by epoch. A later segment is right: from its first event on, what earlier
segments say about the same and later steps is void (a host that was given up may have
gone on writing), and its commands for a step replace theirs (a host that restores an
agent handles again what the last one was killed in).
"""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from agentmesh.journal import framing
from agentmesh.journal.reading import LogReader, damaged
from agentmesh.journal.records import Body, CommandRecord, Handled, Opened, Step
from agentmesh.kernel.events import Delivered

_FRAME_START = framing.FRAME_SIZE + framing.ARRAY_SIZE
"""Bytes before a frame's first record."""

_HANDLED = b"\x92\xa7handled"
_OPENED = b"\xa6opened"
_ODD = b"\x92\xa3odd"
"""How records start: a msgpack array, then the tag."""

Load = Callable[[int], Body]


class Segment:
    """What one source has of one agent.

    Args:
        order: Segments of higher order are right about a step.
        load: Decodes the record with a number.
    """

    def __init__(self, order: tuple[int, int, int, str], load: Load) -> None:
        self.order = order
        self.load = load
        self.steps = array("q")
        self.is_commands = bytearray()

    def add(self, step: int, *, is_commands: bool) -> None:
        """Note the next record."""
        self.steps.append(step)
        self.is_commands.append(is_commands)


class LogSegment(Segment):
    """What one log has of one agent, and where in the file."""

    def __init__(self, order: tuple[int, int, int, str], log: "LogSource") -> None:
        super().__init__(order, self._load)
        self._log = log
        self.frames = array("q")
        self.offsets = array("q")
        self.sizes = array("q")

    def _load(self, number: int) -> Body:
        return self._log.body(self.frames[number], self.offsets[number], self.sizes[number])


class LogSource:
    """An index of one log file.

    Args:
        file: A local file, opened for reading; stays open as long as the source.
        name: Its path, for errors.
        limit: How many bytes of it count; all for None.

    Raises:
        JournalDamagedError: The file is damaged.
        JournalVersionError: Another version wrote it.

    Attributes:
        segments: By address.
        torn_at: Offset of a torn tail, or None.
        complete: Whether its writer closed it.
        size: Bytes that the file had.
        end: Where its last record ended.
    """

    def __init__(self, file: BinaryIO, name: str, limit: int | None = None) -> None:
        self.name = name
        self.segments: dict[str, LogSegment] = {}
        self._file = file
        self._reader = LogReader(file, name, limit)
        self._cells: dict[int, LogSegment] = {}
        self.end = 0
        for offset, records in self._reader.frames():
            self.end = offset + framing.FRAME_SIZE + len(records)
            try:
                self._index(offset, records)
            except OverflowError as error:
                raise damaged(name, offset, f"a number is out of range: {error}") from error
        self.header = self._reader.header
        self.torn_at = self._reader.torn_at if limit is None else None
        self.complete = self._reader.complete
        self.size = os.fstat(file.fileno()).st_size

    def sync(self) -> None:
        """Wait until what was read is on the disk, whoever wrote it.

        Raises:
            OSError: The disk failed.
        """
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def body(self, frame: int, offset: int, size: int) -> Body:
        """Decode the record at an offset, which is in the frame at another."""
        raw = os.pread(self._file.fileno(), size, offset)
        if len(raw) < size:
            raise damaged(self.name, frame, "the file has become shorter")
        return self._reader.body(frame, raw)

    def delivery(self, message: str) -> Delivered | None:
        """Return the event that delivered a message."""
        sender = message.rpartition("#")[0]
        mark = sender.encode("utf-8", "surrogatepass")
        plain = mark.isascii() and b"\\" not in mark  # others may be stored escaped
        for offset, records in self._reader.frames():
            if plain and mark not in records:
                continue
            for place in self._reader.places(offset, records):
                raw = bytes(place.body)
                if plain and mark not in raw:
                    continue
                body = self._reader.body(offset, raw)
                if isinstance(body, Delivered) and body.envelope.id == message:
                    return body
        return None

    def _index(self, frame: int, records: bytes) -> None:
        at = frame + _FRAME_START
        for place in self._reader.places(frame, records):
            raw = bytes(place.body)
            at += 1 + _int_size(place.cell) + _int_size(place.step)
            if raw.startswith(_OPENED, 1) or (raw.startswith(_ODD) and raw[6:13] == _OPENED):
                self._open(place.cell, frame, raw)
            else:
                segment = self._cells.get(place.cell)
                if segment is None:
                    raise damaged(self.name, frame, f"cell {place.cell} was not announced")
                if place.step < 0:
                    raise damaged(self.name, frame, f"a step has the number {place.step}")
                segment.add(place.step, is_commands=raw.startswith(_HANDLED))
                segment.frames.append(frame)
                segment.offsets.append(at)
                segment.sizes.append(len(raw))
            at += len(raw)
        if at != frame + framing.FRAME_SIZE + len(records):
            raise damaged(self.name, frame, "its records do not add up to its length")

    def _open(self, cell: int, frame: int, raw: bytes) -> None:
        opened = cast("Opened", self._reader.body(frame, raw))
        header = self._reader.header
        assert header is not None
        order = (opened.epoch, header.incarnation, header.number, self.name)
        segment = self.segments.setdefault(opened.address, LogSegment(order, self))
        self._cells[cell] = segment


class MemorySegment(Segment):
    """Steps that are in memory already, as the earliest of some segments."""

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__((-1, 0, 0, ""), self._load)
        self._bodies: list[Body] = []
        for step in steps:
            self.add(step.number, is_commands=False)
            self._bodies.append(step.event)
            if step.handled:
                self.add(step.number, is_commands=True)
                self._bodies.append(Handled(list(step.commands)))

    def _load(self, number: int) -> Body:
        return self._bodies[number]


def merged_steps(
    address: str,
    segments: Iterable[Segment],
    run: str,
    start: int = 0,
    plan: "Plan | None" = None,
) -> Iterator[Step]:
    """Yield the steps of one agent, in order.

    Args:
        address: The agent, for errors.
        segments: Whatever the run's sources have of it.
        run: Path of the run, for errors.
        start: The first step that is wanted.
        plan: The plan of these segments, where it is known.

    Raises:
        JournalDamagedError: A step is missing, or a record can't be read.
    """
    if plan is None:
        plan = Plan(sorted(segments, key=lambda each: each.order), start)
    for number in range(start, plan.end):
        if not plan.has(number):
            problem = f"step {number} of {address} is missing: perhaps a log file is, too"
            raise damaged(run, 0, problem)
        step = plan.step(number)
        if step is None:
            raise damaged(run, 0, f"step {number} of {address} is not what it is said to be")
        yield step


class Plan:
    """Which record is right about each step: some sixteen bytes a step.

    A record is known by one number: that of its segment and its own in there.

    Args:
        segments: Of one agent, in order: later ones are right.
        start: The first step that anybody asks for.
    """

    def __init__(self, segments: list[Segment], start: int = 0) -> None:
        self._segments = segments
        self.end = 0
        self._start = start
        size = sum(len(segment.steps) for segment in segments)
        self._size = start + size
        self._events = array("q", [-1]) * size  # from `start` on, as the next
        self._commands = array("q", [-1]) * size
        self._more: dict[int, list[int]] = {}
        for place, segment in enumerate(segments):
            self._lay_over(place, segment)

    def has(self, number: int) -> bool:
        """Tell whether there is a record of a step's event."""
        return self._start <= number < self._size and self._events[number - self._start] >= 0

    def step(self, number: int) -> Step | None:
        """Decode a step; None if it has commands for its event, or the other way round."""
        place = number - self._start
        event = self._load(self._events[place])
        commands: list[CommandRecord] = []
        for record in (self._commands[place], *self._more.get(place, ())):
            handled = self._load(record) if record >= 0 else _NOTHING
            if not isinstance(handled, Handled):
                return None
            commands += cast("list[CommandRecord]", handled.commands)
        if isinstance(event, Handled | Opened):
            return None
        return Step(number, event, tuple(commands), handled=self._commands[place] >= 0)

    def _lay_over(self, place: int, segment: Segment) -> None:
        records = zip(segment.steps, segment.is_commands, strict=True)
        first = min((step for step, is_commands in records if not is_commands), default=self.end)
        for step in range(max(first, self._start), min(self.end, self._size)):
            here = step - self._start
            self._events[here] = self._commands[here] = -1
            self._more.pop(here, None)
        self.end = min(self.end, first)
        records = zip(segment.steps, segment.is_commands, strict=True)
        for number, (step, is_commands) in enumerate(records):
            self.end = max(self.end, step + 1)
            # Where there are later ones, some are missing: there is one record each at least.
            if self._start <= step < self._size:
                record = place << _PLACE_BITS | number
                self._put(step - self._start, record, is_commands=bool(is_commands))

    def _put(self, place: int, record: int, *, is_commands: bool) -> None:
        if not is_commands:
            self._events[place] = record
        elif self._commands[place] >> _PLACE_BITS == record >> _PLACE_BITS:
            self._more.setdefault(place, []).append(record)
        else:
            self._commands[place] = record
            self._more.pop(place, None)

    def _load(self, record: int) -> Body:
        segment = self._segments[record >> _PLACE_BITS]
        return segment.load(record & ((1 << _PLACE_BITS) - 1))


_PLACE_BITS = 40
_NOTHING = Handled([])


def _int_size(number: int) -> int:
    """Return how many bytes msgpack needs for a number that is not negative."""
    if number < 0x80:  # noqa: PLR2004 - msgpack's limits
        return 1
    if number < 0x100:  # noqa: PLR2004
        return 2
    if number < 0x10000:  # noqa: PLR2004
        return 3
    return 5 if number < 0x100000000 else 9  # noqa: PLR2004
