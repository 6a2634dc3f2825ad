"""The few file operations a store needs, on the local disk or on a pyarrow filesystem.

Paths are strings with `/`. Both kinds raise `OSError` and its subclasses, and both
write a file so that it is there complete or not at all.
"""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast


def join(*parts: str) -> str:
    """Join parts of a path."""
    return str(PurePosixPath(*parts))


class Files(Protocol):
    """Where a store's files are."""

    local: bool
    """Whether a path can be handed to `open`, and appended to."""
    foreign: bool
    """Whether somebody else made the files: then they are looked at more closely."""

    def read(self, path: str) -> bytes:
        """Return a file's content."""

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Put a file in its place at once, replacing what is there; make its folders."""

    def create(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Write a file that must not be there yet.

        Raises:
            FileExistsError: It is.
        """

    def upload(self, local: Path, path: str) -> None:
        """Put a copy of a local file in its place at once."""

    def building(self, path: str) -> AbstractContextManager[Path]:
        """Offer a local file to write; it is put in its place, and on the disk, at the end."""

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading, with seeking."""

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it does not exist."""

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""


class LocalFiles:
    """The local disk."""

    local = True
    foreign = False

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return Path(path).read_bytes()

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Put a file in its place at once, replacing what is there; make its folders."""
        with _beside(Path(path)) as beside:
            with beside.open("xb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
        if durable:
            sync_folder(Path(path).parent)

    def create(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Write a file that must not be there yet."""
        with _beside(Path(path)) as beside:
            beside.touch(mode=mode, exist_ok=False)
            beside.write_bytes(data)
            try:
                os.link(beside, path)
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                if Path(path).exists():
                    raise FileExistsError(path) from error
                beside.rename(path)

    def upload(self, local: Path, path: str) -> None:
        """Put a copy of a local file in its place at once."""
        with _beside(Path(path)) as beside:
            shutil.copyfile(local, beside)
            beside.replace(path)

    @contextmanager
    def building(self, path: str) -> Iterator[Path]:
        """Offer a local file to write; it is put in its place, and on the disk, at the end."""
        with _beside(Path(path)) as beside:
            yield beside
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        sync_folder(Path(path).parent)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading, with seeking."""
        return Path(path).open("rb")

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        return Path(path).exists()

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it does not exist."""
        try:
            return sorted(path.name for path in Path(folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        return Path(path).stat().st_size

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        Path(path).unlink(missing_ok=True)


class ArrowFiles:
    """A filesystem of pyarrow: S3, GCS, HDFS, or any that fsspec opens.

    Args:
        filesystem: A `pyarrow.fs.FileSystem`.
    """

    local = False
    foreign = False

    def __init__(self, filesystem: Any) -> None:
        self.filesystem = filesystem

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with self.filesystem.open_input_stream(path, compression=None) as stream:
            return cast("bytes", stream.read())

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        """Put a file in its place at once, replacing what is there; make its folders."""
        del durable  # a remote store has answered when the stream is closed
        with self._in_place(path) as beside, self._output(beside) as stream:
            stream.write(data)

    def create(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Write a file that must not be there yet; two at the same moment may both succeed."""
        del mode
        if self.exists(path):
            raise FileExistsError(path)
        self.write(path, data)

    def upload(self, local: Path, path: str) -> None:
        """Put a copy of a local file in its place at once."""
        with (
            self._in_place(path) as beside,
            self._output(beside) as stream,
            local.open("rb") as source,
        ):
            shutil.copyfileobj(source, stream, _COPY_BYTES)

    @contextmanager
    def building(self, path: str) -> Iterator[Path]:
        """Offer a local file to write; it is put in its place at the end."""
        with tempfile.TemporaryDirectory(prefix="agentmesh-") as folder:
            made = Path(folder) / PurePosixPath(path).name
            yield made
            self.upload(made, path)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading, with seeking."""
        return cast("BinaryIO", self.filesystem.open_input_file(path))

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        return bool(self._info(path).type)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it does not exist."""
        from pyarrow import fs

        selector = fs.FileSelector(folder, allow_not_found=True)
        return sorted(info.base_name for info in self.filesystem.get_file_info(selector))

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        return int(self._info(path).size)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        if self.exists(path):
            self.filesystem.delete_file(path)

    def _info(self, path: str) -> Any:
        return self.filesystem.get_file_info([path])[0]

    def _output(self, path: str) -> Any:
        return self.filesystem.open_output_stream(path, compression=None)

    @contextmanager
    def _in_place(self, path: str) -> Iterator[str]:
        self.filesystem.create_dir(str(PurePosixPath(path).parent), recursive=True)
        beside = f"{path}.{secrets.token_hex(4)}.part"
        try:
            yield beside
            self.filesystem.move(beside, path)
        except BaseException:
            self.remove(beside)
            raise


def sync_folder(folder: Path) -> None:
    """Make a folder's entries survive the machine."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Offer a name in the same folder, and leave nothing there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield beside
    finally:
        beside.unlink(missing_ok=True)


_COPY_BYTES = 1 << 20
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
