"""How much text a column of a Parquet file stands for, before it is read.

Parquet stores a text once that many rows have: a few kilobytes can stand for more than any
machine's memory. So a column is first read with each text once; what all its rows would take is
then a sum. What agentmesh writes does not come near the limit. It takes time: only files from
elsewhere are looked at. What they say of their own sizes is no help: it may be a lie, and where
a column's metadata are broken, Arrow ends the process that asks for them.

Knows Parquet; knows no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentmesh.journal.reading import damaged

LEAST_BYTES = 256 << 20
"""Text that a column of a row group may always have."""
FACTOR = 1_000
"""Text that it may have, at most, for each byte of the file."""


class Texts:
    """Watches over the columns of one file.

    Args:
        source: The file, as Arrow opened it.
        schema: Of that file.
        name: Its path, for errors.
    """

    def __init__(self, source: Any, schema: Any, name: str) -> None:
        self._source = source
        self._name = name
        self._limit = max(LEAST_BYTES, FACTOR * source.size())
        self._texts = {
            field.name
            for field in schema
            if str(field.type) in ("string", "binary", "large_string", "large_binary")
        }
        self._checked: set[tuple[int, str]] = set()

    def check(self, group: int, names: Iterable[str]) -> None:
        """Refuse a row group some of whose columns have too much text.

        Raises:
            JournalDamagedError: One has.
        """
        for name in names:
            if name in self._texts and (group, name) not in self._checked:
                self._measure(group, name)
                self._checked.add((group, name))

    def _measure(self, group: int, name: str) -> None:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        once = pq.ParquetFile(self._source, read_dictionary=[name])
        column = once.read_row_group(group, columns=[name])[name]
        sizes = (
            pc.sum(pc.binary_length(each.dictionary).cast("int64").take(each.indices)).as_py()
            for each in column.chunks
        )
        total = sum(size or 0 for size in sizes)
        if total > self._limit:
            raise damaged(self._name, 0, f"its column {name} unpacks to {total:,} bytes")
