"""Writes closed logs of a run that goes on to Parquet, and several such files to one.

See `segments` for what is in such a file. Logs are decoded into rows; files are merged row by
row as they are, with one row group of each in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from agentmesh.journal import strings, table
from agentmesh.journal.payloads import RECORD, add_record
from agentmesh.journal.records import CommandRecord, EventRecord, Handled, Recorded
from agentmesh.journal.sealed_writer import sealed_schema, write_sealed
from agentmesh.journal.segments import EPOCH, EXTRA, HEADERS, LOG, SealedLog, SealedLogs, agents_of
from agentmesh.journal.sources import LogSource, Segment
from agentmesh.kernel.envelope import agent_type_of, key_of

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 20_000
"""Rows of a row group: few, since merging has one group of each file in memory."""


def seal_logs(path: Path, logs: dict[str, tuple[LogSource, int | None]]) -> None:
    """Write logs to a new local file.

    Args:
        path: The file.
        logs: Logs of one host, in order: names, sources, and how many bytes of each count.
    """
    headers = {name: SealedLog.of(source, limit) for name, (source, limit) in logs.items()}
    schema = _schema(headers)
    write_sealed(path, table.batches(_rows(logs), schema), schema, GROUP_ROWS)


def merge_sealed(path: Path, sources: Sequence[SealedLogs]) -> None:
    """Write to a new local file what counts of some others, row by row as it is there."""
    headers = {
        name: log
        for source in sources
        for name, log in source.headers.items()
        if name in source.wanted
    }
    schema = _schema(headers)
    write_sealed(path, _merged(sources, schema), schema, GROUP_ROWS)


def _merged(sources: Sequence[SealedLogs], schema: pa.Schema) -> Iterator[pa.Table]:
    for _, groups in agents_of(sources):
        for source, group in groups:
            yield from source.tables(group, schema)


def _schema(headers: dict[str, SealedLog]) -> pa.Schema:
    sizes = {name: log.size for name, log in headers.items()}
    return sealed_schema(sizes, EXTRA, **{HEADERS: msgspec.json.encode(headers)})


def _rows(logs: dict[str, tuple[LogSource, int | None]]) -> Iterator[table.Row]:
    addresses: set[str] = set().union(*(source.segments for source, _ in logs.values()))
    for address in sorted(addresses, key=strings.escape):
        for name, (source, _) in logs.items():
            if address in source.segments:
                yield from _rows_of(address, name, source.segments[address])


def _rows_of(address: str, log: str, segment: Segment) -> Iterator[table.Row]:
    """Yield what a log has of an agent: a step's event, then its commands."""
    agent = strings.escape(address)
    about: table.Row = {LOG: log, EPOCH: segment.order[0], "agent": agent}
    about |= {"agent_type": agent_type_of(agent), "agent_key": key_of(agent)}
    for step, event, handled in _pieces(segment):
        at = 0 if event is None else event.at
        commands = [] if handled is None else handled
        for index, body in enumerate((event, *commands)):
            if body is None:
                row: table.Row = {"step": step, "index": 0, RECORD: b""}
            else:
                recorded = Recorded(address, step, index, at, body)
                row = table.row_of(recorded)
                add_record(row, recorded)
            if index == 0:
                row["handled"] = handled is not None
            row.update(about)
            yield row


def _pieces(
    segment: Segment,
) -> Iterator[tuple[int, EventRecord | None, list[CommandRecord] | None]]:
    """Yield what a log has of each step: its event, its commands, or both."""
    events: dict[int, int] = {}
    handled: dict[int, list[int]] = {}
    records = zip(segment.steps, segment.is_commands, strict=True)
    for number, (step, is_commands) in enumerate(records):
        if is_commands:
            handled.setdefault(step, []).append(number)
        else:
            events[step] = number
    for step in sorted({*events, *handled}):
        event = cast("EventRecord", segment.load(events[step])) if step in events else None
        commands: list[CommandRecord] | None = None
        if step in handled:
            bodies = (cast("Handled", segment.load(number)) for number in handled[step])
            commands = [cast("CommandRecord", each) for body in bodies for each in body.commands]
        yield step, event, commands
