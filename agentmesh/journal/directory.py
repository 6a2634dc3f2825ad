"""One run as its drivers write it: `run.json`, logs and blobs.

In a store on the local disk, everything is written in its place. Other stores can't be
appended to: there, logs and blobs are written to a spool on the local disk, and copied
to the store when a log is closed and whenever somebody flushes.
"""

import itertools
import re
import shutil
from pathlib import Path

from msgspec.structs import replace

from agentmesh.errors import JournalError, StoreError, UsageError
from agentmesh.journal.blobs import Blobs
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.files import Files, join
from agentmesh.journal.lineage import Life
from agentmesh.journal.log import Durability, LogWriter
from agentmesh.journal.places import BLOBS, EVENTS, FENCES, INFO, SNAPSHOTS, unusable
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run_info import RunInfo, dump_info

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunDirectory:
    """Writes one run. Made by `Store.create_run` and `Store.attach`.

    Args:
        files: Where the store is.
        path: The run's directory there.
        info: What `run.json` says.
        spool: Where logs and blobs are written first; None if they are in their place at once.
    """

    def __init__(self, files: Files, path: str, info: RunInfo, spool: Path | None = None) -> None:
        self.files = files
        self.path = path
        self.info = info
        self.spool = spool
        self._uploaded: set[str] = set()

    @property
    def id(self) -> str:
        """The run's id."""
        return self.info.id

    @property
    def local(self) -> Path:
        """Folder on this machine that logs and blobs are written to."""
        return Path(self.path) if self.spool is None else self.spool

    def update(self, **changes: object) -> RunInfo:
        """Change fields of `run.json`; only the run's driver does this.

        Raises:
            StoreError: It can't be written.
        """
        return self.save(replace(self.info, **changes))

    def save(self, info: RunInfo) -> RunInfo:
        """Replace `run.json`, at once or not at all.

        Raises:
            StoreError: It can't be written.
        """
        path = join(self.path, INFO)
        try:
            before = self.files.read(path) if self.files.exists(path) else b""
            self.files.write(path, dump_info(info, before), durable=info.durability == "disk")
        except OSError as error:
            raise unusable(path, "can't be written", error) from error
        self.info = info
        return info

    def blobs(self, durability: Durability | None = None) -> Blobs:
        """Return the run's blob store on this machine."""
        return Blobs(self.local, durable=self._durability(durability) == "disk")

    def log_writer(
        self,
        host: str,
        redactor: Redactor,
        durability: Durability | None = None,
        life: Life | None = None,
    ) -> LogWriter:
        """Start a new log file.

        Args:
            host: Name of this process, unique within the run: letters, digits, `.`, `_`, `-`.
            redactor: See `Store.redactor_for`.
            durability: What the run says, if nothing else is said.
            life: What came before, for a host that was restored.

        Raises:
            JournalError: The file can't be made.
        """
        if not _HOST.fullmatch(host):
            raise UsageError(
                f"{host!r} can't be the name of a host.",
                cause="It becomes part of a file's name.",
                fix="Use up to 100 letters, digits, dots, underscores and hyphens.",
            )
        encoder = BodyEncoder(redactor, self.blobs(durability))
        for number in itertools.count(self.next_number(host)):
            path = self.local / EVENTS / f"{host}-{number}.log"
            try:
                return LogWriter(
                    path,
                    encoder,
                    run=self.id,
                    host=host,
                    number=number,
                    life=life,
                    durability=self._durability(durability),
                    on_close=None if self.spool is None else self._upload_closed,
                    version=self.info.agentmesh,
                )
            except JournalError as error:
                if not isinstance(error.__cause__, FileExistsError):
                    raise
        raise AssertionError("unreachable")

    def flush(self) -> None:
        """Copy to the store what is on this machine only: for stores that are elsewhere.

        Raises:
            StoreError: It can't be copied; it stays in the spool.
        """
        if self.spool is None:
            return
        try:
            for path in sorted(self.spool.glob(f"{BLOBS}/*/*.zst")):
                name = path.relative_to(self.spool).as_posix()
                if name not in self._uploaded:
                    self.files.upload(path, join(self.path, name))
                    self._uploaded.add(name)
            for path in sorted(self.spool.glob(f"{EVENTS}/*.log")):
                self.files.upload(path, join(self.path, EVENTS, path.name))
        except OSError as error:
            raise StoreError(
                f"The run {self.id} can't be copied to {self.path}: {error}.",
                cause="Usually the network or the credentials of the store fail.",
                fix=f"Nothing is lost: it is in {self.spool}, and the next flush tries again.",
            ) from error

    def clear_leavings(self) -> None:
        """Remove what only a run that goes on needs; no log may be open any more."""
        if self.spool is not None:
            self.flush()
            shutil.rmtree(self.spool, ignore_errors=True)
        for name in (SNAPSHOTS, FENCES):
            shutil.rmtree(self.local / name, ignore_errors=True)

    def _upload_closed(self, path: Path) -> None:
        self.flush()
        path.unlink()

    def _durability(self, durability: Durability | None) -> Durability:
        return durability or ("disk" if self.info.durability == "disk" else "process")

    def next_number(self, host: str) -> int:
        """Return a number that no log of a host has."""
        taken = self.files.names(join(self.path, EVENTS))
        if self.spool is not None and (self.spool / EVENTS).is_dir():
            taken = taken + [path.name for path in (self.spool / EVENTS).iterdir()]
        mine = re.compile(re.escape(host) + r"-(\d+)\.log")
        numbers = [int(found[1]) for name in taken if (found := mine.fullmatch(name))]
        return max(numbers, default=-1) + 1
