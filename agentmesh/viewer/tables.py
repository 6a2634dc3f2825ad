"""Typed columns: what a browser draws from, and the bytes they travel as.

A row keeps its number as long as a generation of a run's tables lasts. Rows are added at the end,
and rows that were not final change in place: so whoever has some of them is told which rows have
changed since, and which are new.

A body is a number of four bytes, a header in JSON, and the columns one after the other, each
where eight bytes begin: typed arrays over it need no copy.

Knows no run.
"""

import struct
from array import array
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Final

from agentmesh.journal import strings

CODES: Final = {"f64": "d", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}
"""Types of columns, and what `array` calls them; all little-endian."""

U32_MAX: Final = (1 << 32) - 1
UNKNOWN: Final = -1
NAN: Final = float("nan")

DEFAULTS: Final[dict[str, float]] = {
    **dict.fromkeys(("end", "sent", "delivered", "begin", "answered"), NAN),
    **dict.fromkeys(("src", "src_step", "dst", "dst_step", "re", "answer_step"), UNKNOWN),
    **dict.fromkeys(("last_step", "deliver_step", "cause"), UNKNOWN),
}
"""What stands in a new row where nothing is known; 0 in all other columns."""

Columns = tuple[tuple[str, str], ...]


def _columns(text: str) -> Columns:
    return tuple((name, dtype) for name, dtype in (one.split(":") for one in text.split()))


TABLES: Final[dict[str, Columns]] = {
    "turns": _columns(
        "agent:u32 turn:u32 deliver_step:i32 first_step:u32 last_step:u32 delivered:f64 begin:f64 "
        "end:f64 asked:f64 performing:f64 handler:u32 type:u32 outcome:u8 src:i32 n:u32 "
        "effects:u32 input_tokens:u32 output_tokens:u32 cost:f64"
    ),
    "effects": _columns(
        "agent:u32 turn:u32 n:u32 first_step:u32 last_step:i32 begin:f64 end:f64 kind:u8 name:u32 "
        "model:u32 status:u8 input_tokens:u32 output_tokens:u32 cost:f64 request_bytes:u32 "
        "result_bytes:u32"
    ),
    "messages": _columns(
        "src:i32 src_step:i32 src_turn:u32 dst:i32 dst_step:i32 n:u32 kind:u8 type:u32 handler:u32 "
        "sent:f64 delivered:f64 begin:f64 end:f64 outcome:u8 turn:u32 re:i32 answered:f64 "
        "answer_step:i32 bytes:u32 cost:f64 tokens:u32"
    ),
    "events": _columns("agent:u32 step:u32 at:f64 kind:u8 cause:i32 turn:u32"),
    "logs": _columns("agent:u32 step:u32 index:u32 at:f64 turn:u32 level:u8 text:u32"),
}
"""The columns of each table, in order; what they mean is said where they are filled."""

DICTIONARIES: Final[dict[str, tuple[str, ...]]] = {
    "turns": ("handlers", "types"),
    "effects": ("effect_names", "models"),
    "messages": ("handlers", "types"),
    "events": (),
    "logs": ("texts",),
}
"""The dictionaries whose codes a table has."""


class Dictionary:
    """Texts by number; 0 is the empty one."""

    def __init__(self, texts: Iterable[str] = ("",)) -> None:
        self.texts: list[str] = list(texts)
        self._codes = {text: code for code, text in enumerate(self.texts)}

    def code(self, text: str) -> int:
        """Return the number of a text."""
        found = self._codes.get(text)
        if found is None:
            found = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return found


class Table:
    """Rows in typed columns.

    Only one thread changes it. Others may read at any time: slices of arrays are copies, made
    while nothing else runs.

    Args:
        name: One of `TABLES`.

    Attributes:
        rows: How many rows others may see.
        columns: By name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.specs = TABLES[name]
        self.columns: dict[str, array[Any]] = {
            column: array(CODES[dtype]) for column, dtype in self.specs
        }
        self.rows = 0
        self._count = 0
        self._room = 0
        self._changed: set[int] = set()
        self._changes: list[tuple[int, array[int]]] = []

    def __len__(self) -> int:
        """Return how many rows there are, seen or not."""
        return self._count

    def fields(self) -> Any:
        """Return the columns as attributes: the same arrays as long as the table lives."""
        return SimpleNamespace(**self.columns)

    def new(self) -> int:
        """Add a row in which nothing is known yet; return its number."""
        row = self._count
        if row == self._room:
            self._room += _ROOM
            for name, column in self.columns.items():
                column.extend(_BLANK[DEFAULTS.get(name, 0), column.typecode])
        self._count = row + 1
        return row

    def changed(self, row: int) -> None:
        """Note that a row has other values now."""
        if row < self.rows:
            self._changed.add(row)

    def publish(self, version: int) -> bool:
        """Let others see all rows; tell whether there is anything new."""
        new = self._count != self.rows or bool(self._changed)
        if self._changed:
            self._changes.append((version, array("I", sorted(self._changed))))
            self._changed.clear()
            if len(self._changes) > _CHANGES_MAX:
                self._merge_changes()
        self.rows = self._count
        return new

    def changes_since(self, version: int, below: int) -> "array[int]":
        """Return rows below a number that have changed after a version, sorted."""
        found: set[int] = set()
        for when, rows in reversed(self._changes):
            if when <= version:
                break
            found.update(row for row in rows if row < below)
        return array("I", sorted(found))

    def _merge_changes(self) -> None:
        """Forget when the older half of the changes was: who asks gets some rows for nothing."""
        half = len(self._changes) // 2
        older = self._changes[:half]
        rows = {row for _, some in older for row in some}
        self._changes[:half] = [(older[-1][0], array("I", sorted(rows)))]

    def reorder(self, order: Sequence[int]) -> None:
        """Put the rows in another order, before anybody sees them."""
        self.replace(
            {
                name: array(column.typecode, map(column.__getitem__, order))
                for name, column in self.columns.items()
            }
        )

    def replace(self, columns: dict[str, "array[Any]"]) -> None:
        """Take other values for all columns, before anybody sees them."""
        for name, values in columns.items():
            self.columns[name][:] = values
        self._count = self._room = len(self.columns[self.specs[0][0]])

    def trimmed(self) -> dict[str, "array[Any]"]:
        """Return copies of the columns with the rows that there are."""
        return {name: column[: self._count] for name, column in self.columns.items()}

    def body(self, since: int, limit: int, seen: int, header: dict[str, Any]) -> bytes:
        """Return rows as they travel: what has changed, and then what is new.

        Args:
            since: How many rows are known already.
            limit: How many new ones at most.
            seen: The version that was told with those.
            header: What else the header says.
        """
        total = self.rows
        since = min(since, total)
        changes = self.changes_since(seen, since)
        upto = min(since + limit, total)
        parts: list[bytes] = [changes.tobytes()]
        for name, _ in self.specs:
            column = self.columns[name]
            updated = array(column.typecode, map(column.__getitem__, changes))
            parts.append(updated.tobytes() + column[since:upto].tobytes())
        names = [("updated", "u32"), *self.specs]
        said = {
            "table": self.name,
            **header,
            "since": since,
            "rows": upto - since,
            "updates": len(changes),
            "total": total,
            "next": upto,
        }
        return packed(said, names, parts)


def packed(header: dict[str, Any], names: Sequence[tuple[str, str]], parts: list[bytes]) -> bytes:
    """Put a header and columns together."""
    offset, placed, data = 0, [], []
    for (name, dtype), part in zip(names, parts, strict=True):
        placed.append({"name": name, "dtype": dtype, "offset": offset, "length": len(part)})
        padding = -len(part) % 8
        data.append(part + b"\0" * padding)
        offset += len(part) + padding
    head = strings.dumps({**header, "columns": placed})
    head += b" " * (-(len(head) + 4) % 8)
    return b"".join([struct.pack("<I", len(head)), head, *data])


_CHANGES_MAX = 1_000
_ROOM = 4_096
"""Rows that room is made for at a time."""


class _Blanks(dict[tuple[float, str], "array[Any]"]):
    """Blocks of values of rows in which nothing is known."""

    def __missing__(self, key: tuple[float, str]) -> "array[Any]":
        value = 0 if key[1] == "I" and key[0] < 0 else key[0]
        self[key] = made = array(key[1], [value]) * _ROOM
        return made


_BLANK = _Blanks()
