"""Seals logs of a run that goes on: what no recovery needs any more becomes Parquet.

A log that its host has closed, and that lies before the host's latest snapshot, is complete
and past: `pending_of` finds them by the names of files alone, so that it costs nothing to
look often. `compact` seals them, several to a file, and then merges files: as soon as there are
`FAN_IN` files of about one size, they become one. So a run of N bytes has O(log N) files, and
all rewriting together is O(N log N).

Nothing here needs a lock. A file is in its place, complete and on the disk, before anything
that it replaces is removed; readers take a log from one file only (`parts`). Two processes
that do this at once only do some of it twice, and a crash leaves nothing but files that
the next time removes.

It is work for a process of its own, which `python -m agentmesh.journal.compaction RUN` is:
in the process that drives a run, the interpreter's lock would make the run wait for it.
"""

import contextlib
import os
import signal
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from agentmesh.errors import AgentMeshError, JournalError
from agentmesh.journal.files import LocalFiles, join
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lineage import counting_bytes, name_parts
from agentmesh.journal.parts import headers_of, keep_counting, sealed_of
from agentmesh.journal.places import EVENTS, SNAPSHOTS
from agentmesh.journal.segment_writer import merge_sealed, seal_logs
from agentmesh.journal.segments import SUFFIX, SealedLogs
from agentmesh.journal.snapshots import read_header
from agentmesh.journal.sources import LogSource
from agentmesh.journal.succession import latest_snapshot

FAN_IN = 8
"""Logs that are sealed into one file, and files that are merged into one."""

BATCH_BYTES = 64 << 20
"""Logs are sealed into one file up to this many bytes: the index of them is in memory."""

NICE = 19


def pending_of(run: str) -> int:
    """Return how many logs look as if they could be sealed.

    Args:
        run: The run's directory.
    """
    latest: dict[str, int] = {}
    for name in _FILES.names(join(run, SNAPSHOTS)):
        host, number = name_parts(name)
        latest[host] = max(latest.get(host, 0), number)
    found = (name_parts(name) for name in _FILES.names(join(run, EVENTS)))
    return sum(0 <= number < latest.get(host, 0) for host, number in found)


def compact(run: str, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Seal what can be sealed of a run, and merge files; return how many files were made.

    Args:
        run: The run's directory, on this machine.
        goes_on: Asked between files; ends the work when it is false.

    Raises:
        OSError: A file can't be read or written; nothing is lost.
        JournalError: A file is damaged; nothing is lost.
    """
    made = 0
    for work in (_seal_some, _merge_some):
        while goes_on() and work(run):
            made += 1
    return made


class _Look:
    """A run's logs and sealed logs, as they are right now; what is left over is removed."""

    def __init__(self, run: str, opened: contextlib.ExitStack) -> None:
        self.run = run
        self.folder = join(run, EVENTS)
        names = _FILES.names(self.folder)
        self.sealed = sealed_of(_FILES, self.folder, names, opened)
        self.past = headers_of(self.sealed)
        self._remove_leavings(names)
        self.headers = {**_headers(self.folder, set(names) - set(self.past)), **self.past}
        self.counting = counting_bytes(self.headers)
        for source in self.sealed:
            keep_counting(source, self.counting)

    def ripe(self, host: str) -> list[str]:
        """Return the logs of a host that may be sealed, in order."""
        own = {name: header for name, header in self.headers.items() if header.host == host}
        snapshot = latest_snapshot(Path(self.run, SNAPSHOTS), host, own)
        before = name_parts(snapshot)[1] if snapshot else 0
        ripe = [
            name
            for name, header in own.items()
            if name not in self.past and header.number < before and self.counting[name] != 0
        ]
        return sorted(ripe, key=lambda name: own[name].number)

    def read(self, name: str, opened: contextlib.ExitStack) -> LogSource | None:
        """Read a log; None if it is not known to be whole."""
        path, limit = Path(self.folder, name), self.counting[name]
        file = opened.enter_context(path.open("rb"))
        try:
            source = LogSource(file, str(path), limit)
        except JournalError:
            return None  # it stays as it is, for somebody to repair
        return source if limit is not None or source.complete else None

    def _remove_leavings(self, names: Iterable[str]) -> None:
        """Remove what a crash left between a file and what it replaces."""
        for name in names:
            if name in self.past:
                _FILES.remove(join(self.folder, name))
        for source in [source for source in self.sealed if not source.wanted]:
            _FILES.remove(source.name)
            self.sealed.remove(source)


def _seal_some(run: str) -> bool:
    """Seal some logs of one host into one file; tell whether there were any."""
    with contextlib.ExitStack() as opened:
        look = _Look(run, opened)
        for host in sorted({header.host for header in look.headers.values()}):
            logs = _next_logs(look, look.ripe(host), opened)
            if logs:
                path = join(look.folder, name_of([look.headers[name] for name in logs]))
                with _FILES.building(path) as made:
                    seal_logs(made, logs)
                for name in logs:
                    _FILES.remove(join(look.folder, name))
                return True
    return False


def _next_logs(
    look: _Look, ripe: list[str], opened: contextlib.ExitStack
) -> dict[str, tuple[LogSource, int | None]]:
    """Read the next logs for one file: those before one that can't be sealed."""
    logs: dict[str, tuple[LogSource, int | None]] = {}
    size = 0
    for name in ripe:
        source = look.read(name, opened)
        if source is not None:
            logs[name] = source, look.counting[name]
            size += source.end
        if logs and (source is None or len(logs) == FAN_IN or size >= BATCH_BYTES):
            break
    return logs


def _merge_some(run: str) -> bool:
    """Merge some files of one host into one; tell whether there were enough."""
    with contextlib.ExitStack() as opened:
        look = _Look(run, opened)
        levels: dict[tuple[int, str], list[SealedLogs]] = {}
        for source in look.sealed:
            logs = [source.headers[name].header for name in source.wanted]
            if logs:
                levels.setdefault((_level_of(len(logs)), logs[0].host), []).append(source)
        for level in sorted(levels):
            if len(levels[level]) < FAN_IN:
                continue
            some = sorted(levels[level], key=_first_number)[:FAN_IN]
            logs = [each.headers[name].header for each in some for name in each.wanted]
            path = join(look.folder, name_of(logs))
            with _FILES.building(path) as made:
                merge_sealed(made, some)
            for source in some:
                if source.name != path:
                    _FILES.remove(source.name)
            return True
    return False


def name_of(logs: Iterable[LogHeader]) -> str:
    """Return the name of a file for some logs of one host: for others, it is another."""
    known = sorted(logs, key=lambda header: header.number)
    first, last = known[0].number, known[-1].number
    name = f"{known[0].host}-{first}" if first == last else f"{known[0].host}-{first}..{last}"
    if last - first + 1 != len(known):
        numbers = ",".join(str(header.number) for header in known)
        name += f"+{zlib.crc32(numbers.encode()):08x}"
    return name + SUFFIX


def _headers(folder: str, names: Iterable[str]) -> dict[str, LogHeader]:
    found: dict[str, LogHeader] = {}
    for name in names:
        if name_parts(name)[1] >= 0:
            with contextlib.suppress(JournalError):
                header = read_header(Path(folder, name))
                if header is not None:
                    found[name] = header
    return found


def _level_of(logs: int) -> int:
    level = 0
    while logs >= FAN_IN:
        level, logs = level + 1, logs // FAN_IN
    return level


def _first_number(source: SealedLogs) -> int:
    return min(source.headers[name].header.number for name in source.wanted)


def main(run: str, parent: int) -> int:
    """Do what there is to do for a run, at leisure, as long as the parent process lives."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is half done is removed
    try:
        compact(run, lambda: os.getppid() == parent)
    except (OSError, AgentMeshError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


_FILES = LocalFiles()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
