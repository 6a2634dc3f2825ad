"""Closed logs of a run that goes on, as Parquet: `events/<host>-<n>.parquet`.

A long run would keep gigabytes of raw logs, and sealing it at its end would be one huge
rewrite. So logs that no recovery needs any more are sealed while it goes on, several to a
file: see `compaction`.

Such a file has what its logs had, record by record, and decides nothing: which record is
right about a step is the business of whoever merges it with the run's other files, as it
is for logs (`sources`). It has the columns of a sealed run, and two more: `log` names the
log that a row was in, and `epoch` is the agent's epoch there. Rows are sorted by agent,
then by log, then by step. Where a log has the commands of a step and not its event, which
an earlier log has, a row of no kind stands for the event.

The metadata have the header and the length of each log: a later life of the host counts
a log in here as it would count the log itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec

from agentmesh.journal import strings, table
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.payloads import RECORD
from agentmesh.journal.reading import damaged
from agentmesh.journal.records import Body, CommandRecord, EventRecord, Handled
from agentmesh.journal.sealing import READ, Sealed
from agentmesh.journal.sources import LogSource, Segment

if TYPE_CHECKING:
    import pyarrow as pa

    from agentmesh.journal.files import Files

SUFFIX = ".parquet"
LOG, EPOCH = "log", "epoch"
"""Columns that sealed runs do not have."""
EXTRA = {LOG: "string", EPOCH: "int64"}
HEADERS = "agentmesh.headers"
_SHAPE = ["agent", LOG, EPOCH, "step", "index", "kind", "handled"]
_WINDOW_ROWS = 512


class SealedLog(msgspec.Struct, frozen=True):
    """What is known of a log besides its records."""

    header: LogHeader
    size: int
    """Bytes that counted of it."""
    end: int
    """Where its last record ended."""

    @staticmethod
    def of(source: LogSource, limit: int | None) -> SealedLog:
        """Return what is known of a log of which so many bytes count."""
        assert source.header is not None
        size = source.size if limit is None else limit
        return SealedLog(source.header, size, min(size, source.end))


@dataclass(slots=True)
class Group:
    """The rows of one agent that come from one log.

    Attributes:
        first: Number of the first row.
        rows: How many there are.
        start: The first step.
        end: The step after the last.
        whole: Whether each step from start to end has its event and is handled; the last
            may be unhandled.
        is_open: Whether the last is.
    """

    agent: str
    address: str
    log: str
    epoch: int
    first: int
    rows: int = 0
    start: int = 0
    end: int = 0
    whole: bool = True
    is_open: bool = False
    has_steps: bool = field(default=False, repr=False)

    def add(self, rows: int, steps: Sequence[int], *, whole: bool, is_open: bool) -> None:
        """Add the next rows.

        Args:
            rows: How many.
            steps: The steps that begin in them, in order.
            whole: Whether all these but the last have event and commands.
            is_open: Whether the last lacks its commands.
        """
        self.rows += rows
        if not steps:
            return
        follows = not self.has_steps or (steps[0] == self.end and not self.is_open)
        gapless = steps[-1] - steps[0] + 1 == len(steps)
        self.start = min(self.start, steps[0]) if self.has_steps else steps[0]
        self.end, self.has_steps = steps[-1] + 1, True
        self.whole, self.is_open = self.whole and whole and follows and gapless, is_open


class SealedLogs(Sealed):
    """Reads a file of sealed logs.

    Args:
        files: Where the store is.
        path: The file there.

    Raises:
        JournalDamagedError: It is damaged.
        JournalVersionError: Another version wrote it.

    Attributes:
        headers: What is known of its logs, by their names.
        wanted: Those of them that count, and are in no better file; all at first.
    """

    extra = EXTRA
    required = frozenset({"agent", LOG, EPOCH, "step", "index"})

    def __init__(self, files: Files, path: str) -> None:
        super().__init__(files, path)
        raw = (self._file.schema_arrow.metadata or {}).get(HEADERS.encode(), b"")
        try:
            self.headers = msgspec.json.decode(raw, type=dict[str, SealedLog])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.close()
            raise damaged(path, 0, f"what it says of its logs can't be read: {error}") from error
        self.wanted = set(self.headers)
        self._groups: dict[str, list[Group]] | None = None
        self._held: dict[int, Any] = {}
        self._whole: tuple[int, pa.Schema, pa.Table] | None = None
        self.holds_all = False
        """Whether what was read stays in memory: for who reads all agents at once."""

    @property
    def groups(self) -> dict[str, list[Group]]:
        """What counts of each agent, by address, in the order of the file."""
        if self._groups is None:
            with self._reading():
                self._groups = self._find_groups()
        return self._groups

    def release(self) -> None:
        """Forget what was read."""
        self.holds_all = False
        self._held.clear()

    def segments(self, address: str) -> list[Segment]:
        """Return what the logs have of an agent."""
        return [self._segment(group) for group in self.groups.get(address, ())]

    def order_of(self, group: Group) -> tuple[int, int, int, str]:
        """Return what segments are sorted by: see `sources`."""
        header = self.headers[group.log].header
        return (group.epoch, header.incarnation, header.number, group.log)

    def tables(self, group: Group, of: pa.Schema) -> Iterator[pa.Table]:
        """Yield the rows of a group, with the columns of a schema."""
        for number, low, high in self._places(group.first, group.rows):
            if self._whole is None or self._whole[:2] != (number, of):
                read = table.completed(self._columns(of.names, number), of).combine_chunks()
                self._whole = (number, of, read)
            yield self._whole[2].slice(low, high - low)

    def body(
        self, payload: str | None, record: bytes, *, is_event: bool
    ) -> EventRecord | CommandRecord:
        """Decode a record."""
        return self._body(record, payload, is_event=is_event)

    def read(self, first: int, rows: int, names: list[str]) -> list[list[Any]]:
        """Return some columns of some rows."""
        columns: list[list[Any]] = [[] for _ in names]
        for number, low, high in self._places(first, rows):
            part = self._read_group(number).slice(low, high - low)
            for column, name in zip(columns, names, strict=True):
                column.extend(part[name].to_pylist())
        return columns

    def _segment(self, group: Group) -> StoredSegment:
        with self._reading():
            columns = self.read(group.first, group.rows, ["step", "index", "kind", "handled"])
            return StoredSegment(self.order_of(group), self, group, columns)

    def _places(self, first: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """Yield in which row groups some rows are, and from where to where there."""
        start = 0
        for number in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(number).num_rows
            low, high = max(first, start), min(first + rows, end)
            if low < high:
                yield number, low - start, high - start
            start = end

    def _read_group(self, group: int) -> Any:
        return self._cached(group, [*READ, "kind"])

    def _cached(self, group: int, names: list[str]) -> Any:
        found = self._held.get(group)
        if found is None:
            if not self.holds_all:
                self._held.clear()
            found = self._held[group] = self._columns(names, group)
        return found

    def _find_groups(self) -> dict[str, list[Group]]:
        found: list[Group] = []
        row = 0
        for number in range(self._file.num_row_groups):
            part = self._columns(_SHAPE, number).combine_chunks()
            self._add_groups(found, row, part)
            row += part.num_rows
        groups: dict[str, list[Group]] = {}
        for group in found:
            if group.log in self.wanted:
                groups.setdefault(group.address, []).append(group)
        return groups

    def _add_groups(self, found: list[Group], row: int, part: Any) -> None:
        """Add the groups of a row group; the first may continue one."""
        import pyarrow.compute as pc

        places = pc.indices_nonzero(pc.equal(part["index"], 0))
        handled = pc.fill_null(part["handled"].take(places), fill_value=False)
        starts, steps = places.to_pylist(), part["step"].take(places).to_pylist()
        opened = pc.indices_nonzero(pc.invert(handled)).to_pylist()
        lacking = pc.indices_nonzero(pc.is_null(part["kind"].take(places))).to_pylist()
        ends = sorted(_run_ends(part["agent"]) | _run_ends(part[LOG]))
        begins = [0, *ends[:-1]]
        said = [part[name].take(begins).to_pylist() for name in ("agent", LOG, EPOCH)]
        for begin, end, agent, log, epoch in zip(begins, ends, *said, strict=True):
            last = found[-1] if found else None
            if last is None or (last.agent, last.log) != (agent, log):
                if log not in self.headers:
                    raise damaged(self.name, 0, f"it does not say what {log} was")
                last = Group(agent, strings.unescape(agent), log, epoch, row + begin)
                found.append(last)
            low, high = bisect_left(starts, begin), bisect_left(starts, end)
            first, after = bisect_left(opened, low), bisect_left(opened, high)
            is_open = after > first and opened[after - 1] == high - 1
            whole = after - first == is_open and bisect_left(lacking, low) == bisect_left(
                lacking, high
            )
            last.add(end - begin, steps[low:high], whole=whole, is_open=is_open)


class StoredSegment(Segment):
    """What one sealed log has of one agent. Decodes some rows at a time.

    Args:
        order: Segments of higher order are right about a step.
        file: The file.
        group: Its rows there.
        columns: Step, index, kind and handled of these.
    """

    def __init__(
        self,
        order: tuple[int, int, int, str],
        file: SealedLogs,
        group: Group,
        columns: list[list[Any]],
    ) -> None:
        super().__init__(order, self._load)
        self._file = file
        self._group = group
        self._rows = array("q")
        self._window: tuple[int, list[tuple[str | None, bytes]]] = (0, [])
        for row, (step, index, kind, handled) in enumerate(zip(*columns, strict=True)):
            if step < 0:
                raise damaged(file.name, 0, f"a step of {group.agent} has the number {step}")
            if index == 0:
                if kind is not None:
                    self.add(step, is_commands=False)
                    self._rows.append(row)
                if handled:
                    self.add(step, is_commands=True)
                    self._rows.append(row + 1)
        self._indices = columns[1]

    def _load(self, number: int) -> Body:
        row = self._rows[number]
        if not self.is_commands[number]:
            return cast("EventRecord", self._body(row))
        commands = []
        while row < len(self._indices) and self._indices[row]:
            commands.append(cast("CommandRecord", self._body(row)))
            row += 1
        return Handled(list(commands))

    def _body(self, row: int) -> EventRecord | CommandRecord:
        start, held = self._window
        if not start <= row < start + len(held):
            count = min(_WINDOW_ROWS, self._group.rows - row)
            columns = self._file.read(self._group.first + row, count, ["payload", RECORD])
            start, held = self._window = row, list(zip(*columns, strict=True))
        payload, record = held[row - start]
        if row + 1 == self._group.rows:
            self._window = (0, [])  # steps are read in order: this was the last
        return self._file.body(payload, record, is_event=not self._indices[row])


def agents_of(
    sources: Iterable[SealedLogs],
) -> Iterator[tuple[str, list[tuple[SealedLogs, Group]]]]:
    """Yield all agents, as sealed files sort them, each with its groups: later ones are right."""
    every: dict[str, list[tuple[SealedLogs, Group]]] = {}
    for source in sources:
        for address, groups in source.groups.items():
            every.setdefault(address, []).extend((source, group) for group in groups)
    for address in sorted(every, key=strings.escape):
        yield address, sorted(every[address], key=lambda each: each[0].order_of(each[1]))


def whole_until(
    groups: Iterable[tuple[SealedLogs, Group]], *, may_be_open: bool = False
) -> int | None:
    """Return the step after an agent's groups if these simply follow each other; else None.

    Args:
        groups: All of the agent, by order.
        may_be_open: Whether the last step may be unhandled.
    """
    end, is_open = 0, False
    for _, group in groups:
        if is_open or not group.whole or not group.has_steps or group.start != end:
            return None
        end, is_open = group.end, group.is_open
    return None if is_open and not may_be_open else end


def _run_ends(column: Any) -> set[int]:
    """Return where the values of a column change, and its end."""
    import pyarrow.compute as pc

    ends: set[int] = set()
    before = 0
    for chunk in column.chunks:
        ends.update(before + end for end in pc.run_end_encode(chunk).run_ends.to_pylist())
        before += len(chunk)
    return ends
