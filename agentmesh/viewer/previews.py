"""The beginnings of payloads, one or two for each row of a table: what a list shows.

They lie one after the other in a file without a name, so that memory has only where each is.
Knows no table's columns.
"""

import contextlib
import os
import re
import tempfile
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import zstandard

from agentmesh.journal import strings
from agentmesh.journal.files import join
from agentmesh.journal.places import BLOBS

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

SHOWN_BYTES = 200
"""How much of a payload is kept."""

_NAMES = ("messages", "effects", "logs")
_BUFFER_BYTES = 1 << 18
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARROW = " → "


class Previews:
    """Beginnings of payloads, by table and row.

    Only one thread adds; others may read at any time.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - as long as this lives
        self._pending = bytearray()
        self._written = 0
        self.places: dict[str, array[int]] = {}
        """Two numbers a row and half: where it begins, and how many bytes it has."""
        for name in _NAMES:
            self.places[name] = array("q")
            self.places[f"{name} end"] = array("q")

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # `__init__` did not get that far
            self.close()

    def reserve(self, name: str) -> None:
        """Make room for the next row."""
        self.places[name].append(0)
        if name == "effects":
            self.places["effects end"].append(0)

    def add(self, name: str, row: int, payload: bytes) -> None:
        """Keep the beginning of a row's payload; room was made for it."""
        self.places[name][row] = self._kept(payload)

    def end(self, name: str, row: int, payload: bytes) -> None:
        """Keep the beginning of what a row ended with."""
        self.places[f"{name} end"][row] = self._kept(payload)

    def line(self, name: str, row: int, text: str, fields: bytes) -> None:
        """Keep a log line with its fields."""
        said = strings.readable(text).encode()
        more = b"" if fields in (b"", b"{}") else b" " + fields
        self.reserve(name)
        self.add(name, row, said + more)

    def reorder(self, name: str, order: Sequence[int]) -> None:
        """Put the rows of a table in another order."""
        self.places[name] = array("q", map(self.places[name].__getitem__, order))

    def text(self, name: str, row: int) -> tuple[str, bool]:
        """Return what is shown of a row, and whether there is more."""
        first, cut = self._read(self.places[name], row)
        ends = self.places[f"{name} end"]
        if row < len(ends) and ends[row]:
            second, cut_too = self._read(ends, row)
            return f"{first}{_ARROW}{second}", cut or cut_too
        return first, cut

    def size_of(self, run: "Run", blob: str) -> int:
        """Return how many bytes a payload in the blob store has; 0 where that can't be told."""
        if not _DIGEST.fullmatch(blob):
            return 0
        try:
            with run.files.open(join(run.path, BLOBS, blob[:2], f"{blob}.zst")) as file:
                return max(0, zstandard.frame_content_size(file.read(_HEAD_BYTES)))
        except (OSError, zstandard.ZstdError):
            return 0

    def data(self) -> tuple[bytes, dict[str, "array[int]"]]:
        """Return all of it."""
        self._flush()
        return os.pread(self._file.fileno(), self._written, 0), self.places

    def restore(self, file: Any, places: dict[str, "array[int]"]) -> None:
        """Take what was kept before."""
        self._file.close()
        self._file = file
        self._written = os.fstat(file.fileno()).st_size
        self.places = places

    def _kept(self, payload: bytes) -> int:
        if not payload:
            return 0
        shown = payload[:SHOWN_BYTES]
        offset = self._written + len(self._pending)
        self._pending += shown
        if len(self._pending) > _BUFFER_BYTES:
            self._flush()
        return offset << _LENGTH_BITS | (len(payload) > SHOWN_BYTES) << _CUT_BIT | len(shown)

    def _flush(self) -> None:
        pending = bytes(self._pending)
        os.pwrite(self._file.fileno(), pending, self._written)
        # A reader looks into the file only below `_written`: first there, then no more here.
        self._written += len(pending)
        self._pending = bytearray()

    def _read(self, places: "array[int]", row: int) -> tuple[str, bool]:
        place = places[row] if 0 <= row < len(places) else 0
        size = place & _SIZE_MASK
        offset = place >> _LENGTH_BITS
        pending, written = self._pending, self._written
        if offset >= written:
            data = bytes(pending[offset - written : offset - written + size])
        else:
            data = os.pread(self._file.fileno(), size, offset)
        cut = bool(place >> _CUT_BIT & 1)
        text = data.decode("utf-8", "ignore" if cut else "backslashreplace")
        return text, cut


_LENGTH_BITS = 10
_CUT_BIT = 9
_SIZE_MASK = (1 << _CUT_BIT) - 1
_HEAD_BYTES = 18
