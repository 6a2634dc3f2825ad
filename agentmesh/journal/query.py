"""SQL over a run's table, by DuckDB in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentmesh.errors import UsageError
from agentmesh.journal.table import COLUMNS, LATER

if TYPE_CHECKING:
    import pyarrow as pa


def query(text: str, events: Any, *, files: bool = False) -> pa.Table:
    """Answer a query.

    Args:
        text: One statement of DuckDB's SQL.
        events: What `events` stands for: a pyarrow table or dataset.
        files: Whether the query may read and write files; it never loads an extension.

    Raises:
        UsageError: The query can't be answered.
    """
    import duckdb
    import pyarrow as pa

    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": files,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.register("stored_events", events)
        found = set(events.schema.names)
        columns = ", ".join(f'"{name}"' if name in found else _default(name) for name in COLUMNS)
        connection.execute(f"CREATE VIEW events AS SELECT {columns} FROM stored_events")  # noqa: S608 - our own names
        try:
            answer = connection.sql(text)
            return pa.table({}) if answer is None else answer.to_arrow_table()
        except duckdb.Error as error:
            raise UsageError(
                f"The query failed: {error}",
                cause="The table is called events; its columns are " + ", ".join(COLUMNS) + ".",
                fix="Correct the query. Payloads are JSON: payload->>'$.text'.",
            ) from error


def _default(name: str) -> str:
    """Return what stands for a column that a file of an earlier release does not have."""
    default = LATER.get(name)
    if default is None:
        return f'CAST(NULL AS VARCHAR) AS "{name}"'
    kind, value = default
    return f'CASE WHEN "kind" = \'{kind}\' THEN {str(value).lower()} END AS "{name}"'
