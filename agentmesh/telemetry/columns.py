"""Runs as Parquet for other tools: one dataset that grows run by run, and SQL views over it.

    DIRECTORY/events/run_date=2026-11-24/run_id=.../events.parquet    as `journal.table` has it
    DIRECTORY/runs/run_date=2026-11-24/run_id=.../run.parquet         one row
    DIRECTORY/views.sql                                               for DuckDB

Columns are stable: later versions add some at the end, and never change one. The version is in the
metadata of each file. `views.sql` makes what people ask about of these: turns, messages, effects,
model calls with tokens, waits, log lines.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmesh.errors import StoreError, UsageError
from agentmesh.journal import strings
from agentmesh.journal.table import BATCH_ROWS, COLUMNS, schema

if TYPE_CHECKING:
    import pyarrow as pa

    from agentmesh.journal.run import Run

VIEWS = "views.sql"
EVENTS, RUNS = "events", "runs"

RUN_COLUMNS = (
    *("id", "workflow", "status", "created", "ended", "created_ns", "ended_ns", "parent"),
    *("driver", "python", "agentmesh", "code_commit", "input", "result", "error", "settings"),
)
"""Of a run's row; JSON where a value has parts."""

_PLACE = "${directory}"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written.

    Attributes:
        directory: The dataset.
        rows: Events and commands.
        size: Bytes of the files.
    """

    directory: Path
    rows: int
    size: int


def write_parquet(run: Run, directory: Path, *, overwrite: bool = False) -> Written:
    """Add a run to a dataset, which is made if it is not there.

    Args:
        run: The run, open.
        directory: The dataset.
        overwrite: Whether the run is replaced if it is there already.

    Raises:
        UsageError: The run is there already.
        StoreError: A file can't be written.
        JournalError: The journal can't be read.
    """
    place = Path(_date_of(run), f"run_id={run.id}")
    events = directory / EVENTS / place / "events.parquet"
    row = directory / RUNS / place / "run.parquet"
    if events.exists() and not overwrite:
        raise UsageError(
            f"{directory} has the run {run.id} already.",
            fix="Replace it with --force, or name another directory.",
        )
    try:
        for file in (events, row):
            file.parent.mkdir(parents=True, exist_ok=True)
        rows = _write_events(run, events)
        _write_run(run, row)
        (directory / VIEWS).write_text(views_for(directory), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{directory} can't be written: {error.strerror or error}.",
            cause="Usually it is read-only or full.",
            fix="Choose another directory with --output.",
            path=str(directory),
        ) from error
    return Written(directory=directory, rows=rows, size=events.stat().st_size + row.stat().st_size)


def views_for(directory: Path) -> str:
    """Return the SQL that makes the views over a dataset."""
    text = (resources("agentmesh.telemetry") / VIEWS).read_text(encoding="utf-8")
    quoted = str(directory.absolute()).replace("'", "''")
    return text.replace(_PLACE, quoted)


def _write_events(run: Run, file: Path) -> int:
    """Write the stable columns, a batch at a time: by way of a sealed file."""
    import pyarrow.parquet as pq

    whole, beside = file.with_suffix(".whole"), file.with_suffix(".part")
    rows = 0
    try:
        run.seal_to(whole)
        columns = schema()
        with (
            pq.ParquetFile(whole) as source,
            pq.ParquetWriter(beside, columns, compression="zstd") as writer,
        ):
            names = [name for name in COLUMNS if name in source.schema_arrow.names]
            for batch in source.iter_batches(BATCH_ROWS, columns=names):
                writer.write_batch(_completed(batch, columns))
                rows += batch.num_rows
        beside.replace(file)
    finally:
        for left in (whole, beside):
            left.unlink(missing_ok=True)
    return rows


def _completed(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    known = set(batch.schema.names)
    arrays = [
        batch[field.name].cast(field.type)
        if field.name in known
        else pa.nulls(batch.num_rows, field.type)
        for field in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _write_run(run: Run, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    info = run.info
    stamp, text, number = pa.timestamp("us"), pa.string(), pa.int64()
    values: dict[str, tuple[Any, Any]] = {
        "id": (info.id, text),
        "workflow": (strings.readable(info.workflow), text),
        "status": (info.status, text),
        "created": (info.created_at_ns // 1000, stamp),
        "ended": (info.ended_at_ns // 1000 or None, stamp),
        "created_ns": (info.created_at_ns, number),
        "ended_ns": (info.ended_at_ns or None, number),
        "parent": (info.parent or None, text),
        "driver": (info.driver, text),
        "python": (info.python, text),
        "agentmesh": (info.agentmesh, text),
        "code_commit": (info.code.commit or None, text),
        "input": (strings.dumps_readable(info.input), text),
        "result": (strings.dumps_readable(info.result), text),
        "error": (None if info.error is None else strings.dumps_readable(info.error), text),
        "settings": (strings.dumps_readable(info.settings), text),
    }
    table = pa.table({name: pa.array([values[name][0]], values[name][1]) for name in RUN_COLUMNS})
    pq.write_table(table.replace_schema_metadata(schema().metadata), file)


def _date_of(run: Run) -> str:
    day = time.strftime("%Y-%m-%d", time.gmtime(run.info.created_at_ns // 1_000_000_000))
    return f"run_date={day}"
