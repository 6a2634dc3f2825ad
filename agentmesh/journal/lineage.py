"""Which parts of a host's files count, when the host has lived more than once.

A host that died is followed by a successor, the next *incarnation* of the same host.
The dead one may not be dead: a stopped process wakes up, a machine that was cut off
comes back. So a successor puts up a *fence* before it reads what its predecessors wrote:
a file whose existence says that a life is over. A host looks for its own fence after each
write and before anything leaves the process because of it. What it wrote before the
successor read its log, the successor knows; what it wrote after, it finds the fence
behind, and nobody was ever told. The order of these four steps is all that is needed:
no clock, no lock, no certainty that anybody is dead.

The header of a successor's first log says how much of each earlier log it has read
(`after`), and which snapshot it started from. The rest of those files is void for every
reader, from then on.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentmesh.errors import SupersededError
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.places import FENCES, unusable


@dataclass(frozen=True, kw_only=True)
class Life:
    """One life of a host, and what came before it."""

    incarnation: int = 1
    after: dict[str, int] = field(default_factory=dict)
    """Where earlier lives end: names of their logs, and how many bytes of each count."""
    base: str = ""
    """Name of the snapshot that this life starts from; empty for none."""


class Fence:
    """The end of one life of a host, as a file.

    Args:
        root: The run's directory on this machine.
        host: Name of the host.
        incarnation: Which life of it.
    """

    def __init__(self, root: Path, host: str, incarnation: int) -> None:
        self._path = str(root / FENCES / f"{host}-{incarnation}")
        self._host = host
        self._incarnation = incarnation

    def begin(self) -> None:
        """Begin that life, which only one process can.

        Raises:
            SupersededError: Another process has begun it, or it is over already.
            StoreError: The store can't be written.
        """
        path = f"{self._path}.begun"
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            raise self._superseded("another process lives it") from None
        except OSError as error:
            raise unusable(path, "can't be made", error) from error
        self.check()

    def put_up(self) -> None:
        """End that life: it journals nothing more that counts."""
        path = Path(self._path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def check(self) -> None:
        """Refuse to go on when the life is over.

        Raises:
            SupersededError: A successor has read this host's log.
        """
        if os.access(self._path, os.F_OK):
            raise self._superseded("it is over: a successor has taken its place")

    def _superseded(self, why: str) -> SupersededError:
        return SupersededError(
            f"This is not life {self._incarnation} of the host {self._host} any more: {why}.",
            cause="Usually this process was stopped, or cut off from the cluster, for so long "
            "that it was taken for dead.",
            fix="Nothing is lost: the successor goes on with all that was journaled.",
            host=self._host,
            incarnation=self._incarnation,
        )


def counting_bytes(headers: Mapping[str, LogHeader]) -> dict[str, int | None]:
    """Say how much of each log counts.

    Args:
        headers: Of a run's logs, by the file's name.

    Returns:
        Bytes by name: None where all of it counts, 0 where nothing does.
    """
    hosts = {header.host for header in headers.values()}
    counting: dict[str, int | None] = {}
    for host in sorted(hosts):
        own = {name: header for name, header in headers.items() if header.host == host}
        newest = latest_life(own.values())
        for name, header in own.items():
            is_old = header.incarnation < newest.incarnation
            counting[name] = newest.after.get(name, 0) if is_old else None
    return counting


def latest_life(headers: Iterable[LogHeader]) -> LogHeader:
    """Return the header that began the latest life of a host: it says what counts before."""
    return min(headers, key=lambda header: (-header.incarnation, header.number))


_NAME = re.compile(r"(.*)-(\d+)\.log")


def number_of(name: str, host: str) -> int | None:
    """Return the number of a host's log or snapshot by its file's name; None for another's."""
    found = _NAME.fullmatch(name)
    return int(found[2]) if found and found[1] == host else None


def name_parts(name: str) -> tuple[str, int]:
    """Return host and number of a log or snapshot by its file's name; -1 if it is neither."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else ("", -1)
