"""Writes rows to Parquet files: sealed runs, and sealed logs of runs that go on.

Knows columns and rows; what is in them is `sealing`'s and `segments`' to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmesh.journal import strings, table
from agentmesh.journal.payloads import RECORD

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 100_000
"""Rows of a row group, which is what a reader has in memory at a time."""

_UNIQUE = frozenset({"time", "time_ns", "message", "effect_key", RECORD})
"""Columns in which hardly a value comes twice: a dictionary makes them larger and slower."""

LOGS_KEY = b"agentmesh.logs"
"""Names the logs in the metadata of a schema."""


def sealed_schema(
    logs: dict[str, int], extra: dict[str, str] | None = None, **metadata: bytes
) -> pa.Schema:
    """Return the schema of a sealed file.

    Args:
        logs: Names of the logs that its rows come from, and how much of each was read.
        extra: Further columns and their types.
        metadata: Further metadata.
    """
    schema = table.schema({**(extra or {}), RECORD: "binary"})
    named = {name.encode(): value for name, value in metadata.items()}
    return schema.with_metadata({**schema.metadata, **named, LOGS_KEY: strings.dumps(logs)})


def write_sealed(
    path: Path, parts: Iterable[Any], schema: pa.Schema, group_rows: int | None = None
) -> int:
    """Write rows to a new local file; return their number.

    Args:
        path: The file.
        parts: Tables and record batches of that schema, in the order of the file.
        schema: From `sealed_schema`.
        group_rows: Rows of a row group; `GROUP_ROWS` if nothing is said.
    """
    import pyarrow.parquet as pq

    wanted, count, held = group_rows or GROUP_ROWS, 0, 0
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in _UNIQUE],
        write_page_index=True,
        write_page_checksum=True,
    ) as writer:
        group: list[Any] = []
        for part in parts:
            group.append(part)
            held += part.num_rows
            if held >= wanted:
                count, held = count + held, 0
                _write_group(writer, group, wanted)
        _write_group(writer, group, wanted)
    return count + held


def whole_table(parts: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """Return tables and record batches of one schema as one table."""
    import pyarrow as pa

    tables = [pa.Table.from_batches([part]) if _is_batch(part) else part for part in parts]
    return pa.concat_tables([schema.empty_table(), *tables])


def _write_group(writer: Any, group: list[Any], rows: int) -> None:
    if group:
        whole = whole_table(group, group[0].schema)
        writer.write_table(whole.combine_chunks(), row_group_size=rows * 2)
        group.clear()


def _is_batch(part: Any) -> bool:
    import pyarrow as pa

    return isinstance(part, pa.RecordBatch)
