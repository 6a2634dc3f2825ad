"""How far an export has got: a small file in the run's directory, one for each endpoint.

For each agent: the next step to take, and the first step that something still open began in. An
export that goes on reads from the latter, so as to know what is open, and sends what ends from the
former on. The file is written after a receiver has taken what it stands for: what was sent
in between two of its states is sent again, under the same ids.

A run that can't be written to (somebody else's, a packed one) is exported from its start.
"""

import contextlib
from hashlib import blake2b

import msgspec

from agentmesh.errors import JournalDamagedError
from agentmesh.journal.files import Files, join
from agentmesh.journal.places import INFO

FOLDER = "telemetry"


class Progress(msgspec.Struct):
    """The content of a cursor's file."""

    endpoint: str = ""
    """For people: where the spans went."""
    agents: dict[str, tuple[int, int]] = {}
    """Next step, and first step that is needed, by agent."""
    spans: int = 0
    """How many were taken, in all."""
    complete: bool = False
    """Whether the run had ended, and all of it was taken."""
    version: int = 1


class Cursor:
    """A cursor's file.

    Args:
        files: Where the run's store is.
        path: The run's directory there.
        endpoint: Where spans go.
    """

    def __init__(self, files: Files, path: str, endpoint: str) -> None:
        name = blake2b(endpoint.encode(), digest_size=6).hexdigest()
        self._files = files
        self._path = join(path, FOLDER, f"otlp-{name}.json")
        self._info = join(path, INFO)
        self._endpoint = endpoint
        self.writable = True
        """Whether it could be written so far."""

    def load(self) -> Progress:
        """Return what was noted last; a new one where nothing was.

        Raises:
            JournalDamagedError: The file can't be read.
        """
        try:
            data = self._files.read(self._path)
        except (OSError, KeyError):
            return Progress(endpoint=self._endpoint)
        try:
            return msgspec.json.decode(data, type=Progress)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalDamagedError(
                f"{self._path} can't be read: {error}.",
                cause="Usually it was edited, or cut short when it was copied.",
                fix="Remove it: the run is exported again from its start, with the same ids.",
                file=self._path,
            ) from error

    def save(self, progress: Progress) -> None:
        """Note how far it is; does nothing where a run can't be written to."""
        if self.writable:
            self.writable = False
            with contextlib.suppress(OSError, NotImplementedError):
                if self._files.exists(self._info):  # else the run was removed: it stays so
                    self._files.write(self._path, msgspec.json.encode(progress))
                    self.writable = True
