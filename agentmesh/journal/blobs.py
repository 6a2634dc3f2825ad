"""Large payloads: stored once by their content, compressed, checked when read.

A blob is `blobs/<2 hex>/<digest>.zst`, where the digest is the SHA-256 of the content:
equal payloads are one file, whoever sends them. A blob is complete or absent: it is
written beside its place and renamed.

A digest that comes from a journal is foreign input: it is checked before it becomes
part of a path, and a blob that unpacks to more than it should is refused.
"""

import hashlib
import re
from pathlib import Path

import zstandard

from agentmesh.errors import JournalDamagedError, JournalError
from agentmesh.journal.files import Files, LocalFiles, join
from agentmesh.journal.places import BLOBS, unusable

THRESHOLD = 64 * 1024
"""Payloads of more bytes than this go to the blob store. Part of the format: what a replay
compares is the digest of a larger request, so that all versions must agree on it."""

CONTENT_MAX = 1 << 31
"""Bytes a blob may unpack to."""

_AT_ONCE_BYTES = 8 << 20
_LEVEL = 3
_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(content: bytes) -> str:
    """Return the name of a content: its SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


class Blobs:
    """The blob store of one run, or of its local spool.

    Args:
        root: The run's directory, as a path of `files`.
        files: Where it is; the local disk if nothing is said.
        durable: Whether a blob is on the disk when `put` returns.
    """

    def __init__(
        self, root: str | Path, files: Files | None = None, *, durable: bool = False
    ) -> None:
        self._files = files if files is not None else LocalFiles()
        self._folder = join(str(root), BLOBS)
        self._durable = durable
        self._known: set[str] = set()

    def put(self, content: bytes) -> str:
        """Store a content unless it is there already; return its digest.

        Raises:
            JournalError: It can't be written: the disk is full, for instance.
        """
        digest = digest_of(content)
        if digest in self._known:
            return digest
        path = self._path(digest)
        try:
            if not self._files.exists(path):
                packed = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
                self._files.write(path, packed, durable=self._durable)
        except OSError as error:
            raise JournalError(
                f"A payload of {len(content)} bytes can't be stored at {path}: {error}.",
                cause="Usually the disk is full, or the directory is not writable.",
                fix="Make room; what was journaled before is safe.",
            ) from error
        self._known.add(digest)
        return digest

    def get(self, digest: str) -> bytes:
        """Return a content.

        Raises:
            JournalError: There is no such blob.
            JournalDamagedError: It is not what it was when it was stored.
        """
        path, packed = self._packed(digest)
        try:
            content = _unpack(packed)
        except (zstandard.ZstdError, MemoryError) as error:
            raise _damaged(path, str(error)) from error
        if digest_of(content) != digest:
            raise _damaged(path, "its content has another SHA-256 than its name")
        return content

    def copy(self, digest: str, to: Path) -> None:
        """Copy a content as it is stored, and check it.

        Raises:
            JournalError: There is no such blob.
            JournalDamagedError: It is not what it was when it was stored.
        """
        self.get(digest)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(self._packed(digest)[1])

    def _packed(self, digest: str) -> tuple[str, bytes]:
        path = self._path(digest)
        try:
            return path, self._files.read(path)
        except FileNotFoundError as error:
            raise JournalError(
                f"The payload {path} is missing.",
                cause="Usually a run's directory was copied without its blobs folder.",
                fix="Copy the folder too.",
            ) from error
        except OSError as error:
            raise unusable(path, "can't be read", error) from error

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise JournalDamagedError(
                f"{digest!r} is no name of a payload in {self._folder}.",
                cause="A journal names payloads by SHA-256; this one was changed or made up.",
                fix="Get the run's directory again from where it was recorded.",
            )
        return join(self._folder, digest[:2], digest + ".zst")


def _unpack(packed: bytes) -> bytes:
    size = zstandard.frame_content_size(packed)
    if not 0 <= size <= CONTENT_MAX:
        raise zstandard.ZstdError(f"it claims to unpack to {size} bytes")
    if size <= _AT_ONCE_BYTES:
        return zstandard.ZstdDecompressor().decompress(packed)
    pieces, left = [], size  # memory is taken for what is there, not for what is claimed
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        while left and (piece := reader.read(min(left, _AT_ONCE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def _damaged(path: str, reason: str) -> JournalDamagedError:
    return JournalDamagedError(
        f"The payload {path} is damaged: {reason}.",
        cause="Usually the disk or a copy went wrong.",
        fix="Get the file again from where the run was recorded.",
        file=path,
    )
