"""A place with runs: on the local disk, or wherever pyarrow's filesystems reach.

A store is a folder with one folder per run and the key that makes placeholders of
secrets (`redaction.key`, readable by its owner only, never in a run).
"""

import difflib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from agentmesh.errors import (
    AgentMeshError,
    RunExistsError,
    StoreError,
    UnknownRunError,
    UsageError,
)
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.files import ArrowFiles, Files, LocalFiles, join
from agentmesh.journal.lease import driver_of
from agentmesh.journal.packing import SUFFIX, PackedFiles
from agentmesh.journal.places import INFO, unusable
from agentmesh.journal.redaction import DEFAULT_HEADERS, DEFAULT_PATTERNS, Redactor
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo, load_info

__all__ = ["LATEST", "RunDirectory", "Store"]

LATEST = "latest"
"""Names the run that was started last."""

_KEY = "redaction.key"
_KEY_BYTES = 32
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NEAREST = 3


class Store:
    """A place with runs.

    For a store that is not on the local disk, logs are written to a spool on the
    local disk while a run goes on. They reach the store when a host flushes or closes
    its log; until then others see what was flushed last.

    Args:
        location: A path, or a URL: `file://`, `s3://bucket/folder`, `gs://`, `hdfs://`, or
            any that an installed fsspec knows.
        filesystem: A `pyarrow.fs.FileSystem` to use instead of what the URL says;
            `location` is then a path in it.
        spool: Where logs of remote stores are written first; a folder in the user's cache
            unless said here or in `AGENTMESH_SPOOL`.

    Raises:
        StoreError: The location can't be understood or reached.
    """

    def __init__(
        self,
        location: str | Path,
        *,
        filesystem: Any = None,
        spool: str | Path | None = None,
    ) -> None:
        self.location = str(location)
        self.files, self.root = _open_location(self.location, filesystem)
        self._spool = Path(spool) if spool is not None else None

    def create_run(self, info: RunInfo) -> RunDirectory:
        """Make the directory of a new run.

        Args:
            info: What is known so far; `created_at_ns` is filled in when it is 0.

        Raises:
            RunExistsError: A run of that id is there.
            StoreError: The store can't be written.
            UsageError: The id can't be a directory's name.
        """
        path = self.claim(info.id)
        directory = RunDirectory(self.files, path, info, self._spool_of(info.id))
        directory.save(replace(info, created_at_ns=info.created_at_ns or time.time_ns()))
        return directory

    def attach(self, run_id: str) -> RunDirectory:
        """Return the directory of a run that another process made, to write to it.

        Raises:
            UnknownRunError: There is no run of exactly that id.
        """
        path = self._path(run_id)
        return RunDirectory(self.files, path, self._info(path), self._spool_of(run_id))

    def open_run(self, name: str | Path = LATEST) -> Run:
        """Open a run for reading.

        Args:
            name: Its id or the start of it, the path of its directory or of a packed run
                (`run.mesh`), or `latest`.

        Raises:
            UnknownRunError: There is no such run, or several ids start like this.
            StoreError: There is no store.
            JournalVersionError: Another version recorded it.
        """
        return Run(*self.locate(name))

    def locate(self, name: str | Path = LATEST) -> tuple[Files, str, RunInfo]:
        """Find a run: where it is stored, its directory there, and what `run.json` says.

        Args:
            name: Its id or the start of it, the path of its directory or of a packed run
                (`run.mesh`), or `latest`.

        Raises:
            UnknownRunError: There is no such run, or several ids start like this.
            StoreError: There is no store.
            JournalVersionError: Another version recorded it.
        """
        files, path = self._find(str(name))
        return files, path, load_info(_read_info(files, path), join(path, INFO))

    def list_runs(
        self, on_problem: Callable[[str, AgentMeshError], None] | None = None
    ) -> list[RunInfo]:
        """Return what is known about the runs, the oldest first.

        Args:
            on_problem: Called with the id and the error of each run that can't be read.

        Raises:
            StoreError: The store can't be read.
        """
        found = []
        for run_id in self._ids():
            try:
                found.append(self._info(self._path(run_id)))
            except UnknownRunError:
                continue
            except AgentMeshError as error:
                if on_problem is not None:
                    on_problem(run_id, error)
        return sorted(found, key=lambda info: (info.created_at_ns, info.id))

    def redactor(
        self,
        patterns: Sequence[str] = DEFAULT_PATTERNS,
        headers: Iterable[str] = DEFAULT_HEADERS,
        fields: Iterable[str] = (),
    ) -> Redactor:
        """Return what replaces secrets in this store's runs, with the store's key."""
        return Redactor(patterns, headers, self.key(), fields)

    def redactor_for(self, info: RunInfo) -> Redactor:
        """Return what replaces secrets in a run: with the patterns the run was made with.

        Where there is no store, as where a packed run was brought to, none is made.
        """
        said = info.redaction
        patterns, headers = said.patterns or DEFAULT_PATTERNS, said.headers or DEFAULT_HEADERS
        if not self.files.exists(self.root):
            return Redactor(patterns, headers, fields=said.fields)
        return self.redactor(patterns, headers, said.fields)

    def key(self) -> bytes:
        """Return the store's key; made once.

        Raises:
            StoreError: It can't be made or read.
        """
        path = join(self.root, _KEY)
        try:
            if not self.files.exists(path):
                try:
                    key = secrets.token_bytes(_KEY_BYTES)
                    self.files.create(path, key.hex().encode() + b"\n", mode=0o600)
                except FileExistsError:
                    pass  # another process was quicker: its key counts
            return bytes.fromhex(self.files.read(path).decode())
        except (OSError, ValueError) as error:
            raise unusable(path, "can't be used", error) from error

    def claim(self, run_id: str) -> str:
        """Make the directory of a run that comes from elsewhere; return its path.

        Raises:
            RunExistsError: A run of that id is there.
            StoreError: The store can't be written.
            UsageError: The id can't be a directory's name.
        """
        path = self._path(run_id)
        try:
            self._claim(path, run_id)
        except OSError as error:
            raise unusable(path, "can't be made", error) from error
        return path

    def _claim(self, path: str, run_id: str) -> None:
        if self.files.local:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            try:
                Path(path).mkdir()
            except FileExistsError as error:
                raise _exists(self.files, run_id, path) from error
        elif self.files.exists(join(path, INFO)):
            raise _exists(self.files, run_id, path)

    def _find(self, name: str) -> tuple[Files, str]:
        if "/" in name or os.sep in name or name.endswith(SUFFIX):
            path = Path(name).expanduser()
            if (path / INFO).is_file():
                return LocalFiles(), str(path)
            if path.is_file():
                return PackedFiles(path), str(path)
            if name.endswith(SUFFIX) and "/" in name:
                raise _no_file(name)
            if "/" in name or os.sep in name:
                raise self._unknown(name)
        if name == LATEST:
            runs = self.list_runs()
            if not runs:
                raise self._unknown(name)
            return self.files, self._path(runs[-1].id)
        if _RUN_ID.fullmatch(name):
            path_here = self._path(name)
            if self.files.exists(join(path_here, INFO)):
                return self.files, path_here
            matching = [run_id for run_id in self._ids() if run_id.startswith(name)]
            if len(matching) == 1:
                return self.files, self._path(matching[0])
        if name.endswith(SUFFIX):
            raise _no_file(name)
        raise self._unknown(name)

    def _ids(self) -> list[str]:
        try:
            names = self.files.names(self.root)
        except OSError as error:
            raise unusable(self.root, "can't be read", error) from error
        return [name for name in names if _RUN_ID.fullmatch(name) and name != _KEY]

    def _info(self, path: str) -> RunInfo:
        return load_info(_read_info(self.files, path), join(path, INFO))

    def _path(self, run_id: str) -> str:
        if not _RUN_ID.fullmatch(run_id) or run_id in (LATEST, _KEY):
            raise UsageError(
                f"{run_id!r} can't be the id of a run.",
                cause="It becomes a directory's name, by which people find the run.",
                fix="Use up to 128 letters, digits, dots, underscores and hyphens; not 'latest'.",
            )
        return join(self.root, run_id)

    def _spool_of(self, run_id: str) -> Path | None:
        if self.files.local:
            return None
        place = hashlib.sha256(self.location.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return (self._spool or _default_spool()) / place / run_id

    def _unknown(self, name: str) -> AgentMeshError:
        if not self.files.exists(self.root):
            return StoreError(
                f"There is no store at {shown(self.location)}.",
                cause="Runs are kept under .agentmesh/runs of the directory they started in.",
                fix="Change to that directory, or name the store with --store or AGENTMESH_STORE.",
                path=self.root,
            )
        ids = [info.id for info in self.list_runs()]
        starting = [run_id for run_id in ids if run_id.startswith(name)]
        near = starting or difflib.get_close_matches(name, ids, _NEAREST) or ids[-_NEAREST:]
        problem = f"{len(starting)} runs start with" if len(starting) > 1 else "There is no run"
        return UnknownRunError(
            f"{problem} {name!r} in {shown(self.location)}.",
            cause=f"The nearest are {', '.join(near[-_NEAREST:])}." if near else "It has no runs.",
            fix="List them with `agentmesh runs`, or name another store with --store.",
            run=name,
            nearest=near[-_NEAREST:],
        )


def shown(location: str) -> str:
    """Return a store's location as it may be printed: without the keys that a URL may have."""
    before, separator, after = location.partition("://")
    host, slash, path = after.partition("/")
    return f"{before}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else location


def _open_location(location: str, filesystem: Any) -> tuple[Files, str]:
    if filesystem is not None:
        return ArrowFiles(filesystem), location.strip("/")
    parts = urlsplit(location)
    if "://" not in location or parts.scheme == "file":
        path = unquote(parts.path) if parts.scheme == "file" else location
        return LocalFiles(), str(Path(path).expanduser().absolute())
    return _open_url(location)


def _open_url(location: str) -> tuple[Files, str]:
    from pyarrow import ArrowException, fs

    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (ArrowException, OSError) as error:
        scheme = urlsplit(location).scheme
        try:
            import fsspec  # type: ignore[import-not-found,unused-ignore]

            opened, path = fsspec.core.url_to_fs(location)
        except (ImportError, ValueError, OSError) as other:
            public = shown(location)
            reasons = [str(each).replace(location, public) for each in (error, other)]
            raise StoreError(
                f"The store {public} can't be opened: {reasons[0]}.",
                cause=f"pyarrow has no filesystem for {scheme}://, or it refused ({reasons[1]}).",
                fix="Use a path, s3://, gs:// or hdfs://, or install fsspec for other schemes.",
                path=public,
            ) from None  # what pyarrow says quotes the keys
        filesystem = fs.PyFileSystem(fs.FSSpecHandler(opened))
    return ArrowFiles(filesystem), path.rstrip("/")


def _default_spool() -> Path:
    named = os.environ.get("AGENTMESH_SPOOL")
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "agentmesh" / "spool"


def _read_info(files: Files, path: str) -> bytes:
    try:
        return files.read(join(path, INFO))
    except FileNotFoundError as error:
        raise UnknownRunError(
            f"There is no run in {path}.",
            cause="A run's directory has a run.json.",
            fix="List the runs with `agentmesh runs`.",
            run=path,
        ) from error
    except OSError as error:
        raise unusable(path, "can't be read", error) from error


def _no_file(name: str) -> UnknownRunError:
    return UnknownRunError(
        f"There is no file {name}.",
        cause=f"A name that ends with {SUFFIX} is a run that `agentmesh export` packed.",
        fix="Check the path; runs in the store are listed with `agentmesh runs`.",
        run=name,
    )


def _exists(files: Files, run_id: str, path: str) -> RunExistsError:
    try:
        holder = driver_of(files, path)
    except OSError:
        holder = None
    goes_on = f", driven by {holder.shown}" if holder is not None and not holder.is_dead else ""
    return RunExistsError(
        f"The run {run_id!r} is in the store already, at {path}{goes_on}.",
        cause="Ids are made at random unless one is given; this one was given twice.",
        fix=f"Give another id, or none; or go on with that run: `agentmesh resume {run_id}`.",
        run=run_id,
    )
