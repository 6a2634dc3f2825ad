"""A finished run as one Parquet file: the table's columns, and what they leave out.

`events.parquet` has the columns of `table`, sorted by agent, step and index, for any
tool that reads Parquet. One more column, `record`, has what makes it lossless: the
record as the log had it, without its payload where `payload` shows exactly that. So a
payload is stored once, and reading gives back every byte.

The file's metadata name the version and the logs it was made from. `sealed_writer` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from agentmesh.errors import AgentMeshError, JournalVersionError
from agentmesh.journal import strings, table
from agentmesh.journal.bombs import Texts
from agentmesh.journal.payloads import RECORD, with_payload
from agentmesh.journal.reading import damaged, decode_record
from agentmesh.journal.records import (
    JOURNAL_VERSION,
    CommandRecord,
    EventRecord,
    Recorded,
    Step,
    kind_of,
)
from agentmesh.journal.sealed_writer import LOGS_KEY
from agentmesh.kernel.events import Delivered, Event

if TYPE_CHECKING:
    import pyarrow as pa

    from agentmesh.journal.files import Files

GROUP_ROWS_MAX = 1_000_000
"""Rows of a row group that is read: no more than that is in memory at a time."""

WHOLE_ROWS_MAX = 200_000
"""Rows of a file that is held in memory as a whole once somebody asks for columns of it."""

_FEW_ROWS = 64
READ = ["step", "index", "payload", "handled", RECORD]
_BROKEN = (
    msgspec.DecodeError,
    ValueError,
    RecursionError,
    AttributeError,
    TypeError,
    OverflowError,
)


class Sealed:
    """Reads a sealed run.

    Args:
        files: Where the store is.
        path: The Parquet file there.

    Raises:
        JournalDamagedError: It is damaged.
        JournalVersionError: Another version wrote it.

    Attributes:
        logs: Names of the logs it was made from, and how much of each.
        rows: Number of rows.
    """

    extra: ClassVar[dict[str, str]] = {}
    """Further columns that such a file has."""
    required: ClassVar[frozenset[str]] = frozenset(
        {"agent", "step", "index", "time_ns", "kind", RECORD}
    )
    """Columns with a value in every row."""

    def __init__(self, files: Files, path: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = path
        self._group: tuple[int, Any] = (-1, None)
        self._agents: dict[str, tuple[int, int]] | None = None
        self._texts: Texts | None = None
        self._whole: Any = None
        # Arrow opens a local file itself: its threads would give back a Python file object
        # while the interpreter ends, and abort the process.
        self._source = pa.OSFile(path) if files.local else files.open(path)
        try:
            with self._reading():
                self._file = pq.ParquetFile(self._source, page_checksum_verification=True)
                if files.foreign:
                    self._texts = Texts(self._source, self._file.schema_arrow, path)
                self.logs = self._check()
        except BaseException:
            self._source.close()
            raise
        self.rows: int = self._file.metadata.num_rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._source.close()

    @property
    def agents(self) -> dict[str, tuple[int, int]]:
        """First row and number of rows of each agent, by address."""
        if self._agents is None:
            with self._reading():
                self._agents = self._find_agents()
        return self._agents

    def steps(self, address: str, start: int = 0) -> Iterator[Step]:
        """Yield the steps of one agent, in order.

        Args:
            address: The agent.
            start: The first step that is wanted.

        Raises:
            JournalDamagedError: Part of the file can't be read.
        """
        current, done = -1, False
        event: EventRecord | None = None
        commands: list[CommandRecord] = []
        for rows in self._rows(address, start):
            for number, index, payload, handled, record in rows:
                body = self._body(record, payload, is_event=not index)
                if index:
                    if event is None or current != number:
                        problem = f"step {number} of {address} has commands and no event"
                        raise damaged(self.name, 0, problem)
                    commands.append(cast("CommandRecord", body))
                    continue
                if event is not None:
                    yield Step(current, event, tuple(commands), done)
                current, event, done = number, cast("EventRecord", body), bool(handled)
                commands = []
        if event is not None:
            yield Step(current, event, tuple(commands), done)

    def last_step(self, address: str) -> int:
        """Return the number of an agent's last step."""
        first, count = self.agents[address]
        row, start = first + count - 1, 0
        for group in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(group).num_rows
            if row < end:
                return cast("int", self._columns(["step"], group)["step"][row - start].as_py())
            start = end
        raise AssertionError  # the agent's rows are in the file

    def entries(self) -> Iterator[Recorded]:
        """Yield all events and commands: by time, then by agent, then by step.

        An agent's time never goes back; should it do so, the latest time so far counts.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        read = self._columns(["agent", "time_ns", *READ])
        # Rows are sorted by agent and step: a stable sort by time leaves those who tie so.
        with self._reading():
            latest = [
                pc.cumulative_max(read["time_ns"].slice(first, count)).combine_chunks()
                for first, count in self.agents.values()
            ]
            order = pc.array_sort_indices(pa.chunked_array(latest, pa.int64()))
        for start in range(0, self.rows, table.BATCH_ROWS):
            with self._reading():
                part = read.take(order.slice(start, table.BATCH_ROWS))
                columns = [part[name].to_pylist() for name in ("agent", "time_ns", *READ)]
            for agent, at, step, index, payload, _, record in zip(*columns, strict=True):
                body = self._body(record, payload, is_event=not index)
                yield Recorded(strings.unescape(agent), step, index, at, body)

    def delivery(self, message: str) -> Delivered | None:
        """Return the event that delivered a message."""
        import pyarrow.compute as pc

        shown = strings.readable(message)
        for group in range(self._file.num_row_groups):
            found = self._columns(["message", "kind"], group)
            mask = pc.and_(pc.equal(found["message"], shown), pc.equal(found["kind"], "delivered"))
            if not pc.any(mask).as_py():
                continue
            rows = self._read_group(group).filter(mask)
            payloads, records = rows["payload"].to_pylist(), rows[RECORD].to_pylist()
            for payload, record in zip(payloads, records, strict=True):
                body = self._body(record, payload, is_event=True)
                if isinstance(body, Delivered) and body.envelope.id == message:
                    return body
        return None

    def dataset(self) -> Any:
        """Return the file as a dataset that a query reads only the needed part of."""
        from pyarrow import dataset

        return dataset.dataset(self.name, format="parquet")

    def table(self) -> pa.Table:
        """Return the table's columns."""
        return table.completed(self._columns(list(table.COLUMNS)), table.schema())

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Return some of the table's columns; of a small file, all are read once for that."""
        if self.rows <= WHOLE_ROWS_MAX and not self._texts:
            if self._whole is None:
                self._whole = table.completed(self._columns(self._file.schema_arrow.names), _all())
            return self._whole.select(names)
        kinds = [name for name in names if name != "kind"]
        found = self._columns(["kind", *kinds])
        return table.completed(found, table.schema().empty_table().select(["kind", *kinds]).schema)

    def row_groups(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield all rows, a row group at a time, with all columns."""
        if self._whole is not None:
            yield self._whole.cast(schema)
            return
        for group in range(self._file.num_row_groups):
            found = self._columns(self._file.schema_arrow.names, group)
            yield table.completed(found, schema).cast(schema)

    def verify(self) -> None:
        """Read all columns once, a row group at a time.

        Raises:
            JournalDamagedError: Part of the file can't be read.
        """
        for group in range(self._file.num_row_groups):
            self._columns(self._file.schema_arrow.names, group)

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each kind."""
        counted: Counter[str] = Counter()
        for group in range(self._file.num_row_groups):
            with self._reading():
                found = self._columns(["kind"], group)["kind"].value_counts().to_pylist()
            counted.update({item["values"]: item["counts"] for item in found})
        return dict(counted)

    def _check(self) -> dict[str, int]:
        """Return the logs that the file names, if it is what it should be."""
        metadata = self._file.schema_arrow.metadata or {}
        version = metadata.get(table.VERSION_KEY, b"").decode("ascii", "replace")
        if version != str(JOURNAL_VERSION):
            raise _unknown_version(self.name, version)
        parts = [
            self._file.metadata.row_group(n).num_rows for n in range(self._file.num_row_groups)
        ]
        if sum(parts) != self._file.metadata.num_rows or min(parts, default=0) < 0:
            raise damaged(self.name, 0, "its numbers of rows do not add up")
        if max(parts, default=0) > GROUP_ROWS_MAX:  # a few bytes can claim to be billions
            raise damaged(self.name, 0, f"it has {max(parts):,} rows in one group")
        found = {field.name: field.type for field in self._file.schema_arrow}
        for field in table.schema({**self.extra, RECORD: "binary"}):
            later = field.name in table.LATER and field.name not in found
            if found.get(field.name) != field.type and not later:
                raise damaged(
                    self.name, 0, f"its column {field.name} is missing or has another type"
                )
        return msgspec.json.decode(metadata[LOGS_KEY], type=dict[str, int])

    def _find_agents(self) -> dict[str, tuple[int, int]]:
        import pyarrow.compute as pc

        found: dict[str, list[int]] = {}
        row = 0
        for group in range(self._file.num_row_groups):
            column = self._columns(["agent"], group)["agent"]
            for chunk in column.chunks:
                runs = pc.run_end_encode(chunk)
                before = 0
                for agent, end in zip(
                    runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True
                ):
                    place = found.setdefault(agent, [row + before, 0])
                    if sum(place) != row + before:
                        raise damaged(self.name, 0, f"the rows of {agent} are not together")
                    place[1] += end - before
                    before = end
                row += len(chunk)
        return {strings.unescape(agent): (first, n) for agent, (first, n) in found.items()}

    def _rows(
        self, address: str, first_step: int
    ) -> Iterator[Iterable[tuple[int, int, str | None, bool | None, bytes]]]:
        first, count = self.agents[address]
        start = 0
        for group in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(group).num_rows
            low, high = max(first, start), min(first + count, end)
            if low < high and not (first_step and self._is_before(group, high - start, first_step)):
                part = self._read_group(group).slice(low - start, high - low)
                if first_step:
                    part = _from_step(part, first_step)
                for batch in _batches(part, _FEW_ROWS if first_step else table.BATCH_ROWS):
                    columns = [batch.column(name).to_pylist() for name in READ]
                    yield zip(*columns, strict=True)
            start = end

    def _is_before(self, group: int, rows: int, first: int) -> bool:
        """Tell whether an agent's rows up to some number of a row group are before a step."""
        steps = self._columns(["step"], group)["step"] if group != self._group[0] else None
        return steps is not None and steps[rows - 1].as_py() < first

    def _read_group(self, group: int) -> Any:
        if self._group[0] != group:
            self._group = (group, self._columns(READ, group))
        return self._group[1]

    def _body(
        self, record: bytes, payload: str | None, *, is_event: bool
    ) -> EventRecord | CommandRecord:
        try:
            body = with_payload(decode_record(record), payload)
        except _BROKEN as error:
            raise damaged(self.name, 0, f"a record can't be read: {error}") from error
        if isinstance(body, Event) is not is_event:
            raise damaged(self.name, 0, f"a record of kind {kind_of(body)} is in a wrong place")
        return body

    def _columns(self, names: list[str], group: int | None = None) -> Any:
        """Read columns of one row group, or of all; those that the file has."""
        with self._reading():
            if self._texts is not None:
                for each in range(self._file.num_row_groups) if group is None else (group,):
                    self._texts.check(each, names)
            if group is None:
                found = self._file.read(columns=names)
            else:
                found = self._file.read_row_group(group, columns=names)
        for name in found.column_names:
            if name in self.required and found[name].null_count:
                raise damaged(self.name, 0, f"its column {name} lacks values")
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Report as damage whatever Arrow, or what was made of its answers, stumbles over."""
        from pyarrow import ArrowException

        try:
            yield
        except (ArrowException, OSError, LookupError, ValueError, TypeError, MemoryError) as error:
            if isinstance(error, AgentMeshError):
                raise
            raise damaged(self.name, 0, f"it can't be read as Parquet: {error}") from error


def _all() -> pa.Schema:
    return table.schema({RECORD: "binary"})


def _batches(part: Any, size: int) -> Iterator[Any]:
    """Yield the rows of a table in batches, which grow: whoever jumps may want a few only."""
    start = 0
    while start < part.num_rows:
        yield part.slice(start, size)
        start, size = start + size, min(size * 2, table.BATCH_ROWS)


def _from_step(part: Any, first: int) -> Any:
    """Return the rows of one agent from a step on: steps never go back."""
    import pyarrow.compute as pc

    place = pc.index(pc.greater_equal(part["step"], first), value=True).as_py()
    return part.slice(part.num_rows if place < 0 else place)


def _unknown_version(name: str, version: str) -> JournalVersionError:
    return JournalVersionError(
        f"{name} has journal version {version or '?'}; "
        f"this agentmesh reads version {JOURNAL_VERSION}.",
        cause="Another version of agentmesh sealed the run, or the file is none of its.",
        fix="Install the version of agentmesh that run.json names.",
        file=name,
        version=version,
    )
