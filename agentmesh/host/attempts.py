"""What a host's lives began to handle for the first time while they took up earlier ones' work.

A handler may end its process: it crashes the interpreter, or takes all memory. The event is
journaled by then, so that the next life handles it again, and ends there as well. Each life
notes where it is: what the last note of a life that did not get through says has ended it.

One line of JSON for each note, in the run's directory; it survives the process, and is of no
use to anybody once the run has ended.
"""

import json
import os
from pathlib import Path

from agentmesh.errors import JournalError
from agentmesh.journal.places import FENCES

LETHAL = 3
"""Processes that one event may end: the one that journaled it, and those that tried again."""


class Attempts:
    """The notes of one host's lives.

    Args:
        folder: The run's directory on this machine.
        host: Name of the host.
        incarnation: Which life writes.
    """

    def __init__(self, folder: Path, host: str, incarnation: int) -> None:
        self._path = folder / FENCES / f"{host}.attempts"
        self._life = incarnation
        self._file = -1
        self._ends = _ends(self._path)

    def ended_by(self, address: str, step: int) -> int:
        """Return how many of the latest lives, without one in between, ended at an event."""
        count = 0
        for end in reversed(self._ends):
            if end != (address, step):
                break
            count += 1
        return count

    def begin(self, address: str, step: int) -> None:
        """Note an event before it is handled.

        Raises:
            JournalError: It can't be written.
        """
        self._write({"life": self._life, "address": address, "step": step})

    def close(self) -> None:
        """Note that this life got through."""
        if self._file >= 0:
            self._write({"life": self._life})
            os.close(self._file)
            self._file = -1

    def _write(self, note: dict[str, object]) -> None:
        try:
            if self._file < 0:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o666)
            os.write(self._file, json.dumps(note).encode() + b"\n")
        except OSError as error:
            raise JournalError(
                f"The notes {self._path} can't be written: {error.strerror or error}.",
                cause="Usually the disk or a quota is full.",
                fix="Make room, and resume the run.",
                file=str(self._path),
            ) from error


def _ends(path: Path) -> list[tuple[str, int] | None]:
    """Return where each life ended, oldest first; None for one that got through."""
    ends: dict[int, tuple[str, int] | None] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            note = json.loads(line)
        except ValueError:
            continue  # cut off: it had not begun yet
        ends[note["life"]] = (note["address"], note["step"]) if "address" in note else None
    return list(ends.values())
