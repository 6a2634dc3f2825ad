"""All files that a run's events are in, read as one: the sealed file, sealed logs, and logs.

Each log counts once, wherever it is. A file of sealed logs is in its place before the logs
are removed, and one that several were merged into before these are: so after a crash in
between, what is in several files is read from the largest. While a run goes on, a file may
vanish between the moment it is seen and the moment it is opened: then what replaced it is
there, and all is looked at again.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from agentmesh.journal import strings, table
from agentmesh.journal.files import Files, join
from agentmesh.journal.framing import LogHeader
from agentmesh.journal.lineage import counting_bytes
from agentmesh.journal.places import EVENTS, SEALED
from agentmesh.journal.reading import LogReader, damaged
from agentmesh.journal.records import Recorded, Step
from agentmesh.journal.sealing import Sealed
from agentmesh.journal.segments import SUFFIX, SealedLogs, agents_of, whole_until
from agentmesh.journal.sources import LogSource, MemorySegment, Plan, Segment, merged_steps

if TYPE_CHECKING:
    import pyarrow as pa

    from agentmesh.journal.segments import Group

LOOKS = 50
"""How often a run is looked at again when files vanish: each time somebody has got on."""

Finish = Callable[[table.Row, Recorded], None]


class Parts:
    """The files of a run.

    Args:
        files: Where the store is.
        path: The run's directory there.

    Raises:
        OSError: One can't be read.
        JournalDamagedError: One is damaged.

    Attributes:
        stored: The sealed run, if it was sealed at some time.
        sealed: Files of sealed logs.
        logs: Logs that are in none of these, or that have grown since.
        left: Logs that are in files of sealed logs, and were not removed: their sizes by name.
    """

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path
        self.stored: Sealed | None = None
        self.sealed: list[SealedLogs] = []
        self.logs: list[LogSource] = []
        self.left: dict[str, int] = {}
        self._opened = contextlib.ExitStack()
        self._latest: tuple[str, Plan] | None = None
        with contextlib.ExitStack() as opened:
            self._open(opened)
            self._opened = opened.pop_all()  # nothing failed: all stays open

    @classmethod
    def look(cls, files: Files, path: str) -> Parts:
        """Open the files of a run, which may go on.

        Raises:
            OSError: One can't be read.
            JournalDamagedError: One is damaged.
        """
        for _ in range(LOOKS):
            with contextlib.suppress(FileNotFoundError):
                return cls(files, path)
        return cls(files, path)

    @property
    def is_one(self) -> bool:
        """Whether all of the run is in the sealed file."""
        return self.stored is not None and not self.logs and not self.sealed

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def addresses(self) -> list[str]:
        """Return the addresses of all agents, sorted."""
        found = set(self.stored.agents) if self.stored is not None else set()
        found.update(*(source.groups for source in self.sealed))
        return sorted(found.union(*(log.segments for log in self.logs)))

    def steps(self, address: str, start: int = 0) -> Iterator[Step] | None:
        """Return the steps of an agent, payloads as they are; None if there is no such agent.

        Args:
            address: The agent.
            start: The first step that is wanted.
        """
        segments = self._segments(address)
        if self.stored is not None and address in self.stored.agents:
            if not segments:
                return self.stored.steps(address, start)
            segments.append(MemorySegment(self.stored.steps(address)))
        if not segments:
            return None
        return merged_steps(address, segments, self._path, start, self._plan(address, segments))

    def later_steps(self, address: str, start: int) -> Iterator[Step]:
        """Return an agent's steps from one on, where the logs have none before."""
        return merged_steps(address, self._segments(address), self._path, start)

    def count(self, address: str) -> int:
        """Return how many steps an agent has; 0 if there is no such agent."""
        stored = self.stored if self.stored and address in self.stored.agents else None
        last = stored.last_step(address) if stored else -1
        segments = self._segments(address)
        if stored and segments:
            segments.append(MemorySegment(stored.steps(address)))
        return self._plan(address, segments).end if segments else last + 1

    def _plan(self, address: str, segments: list[Segment]) -> Plan:
        """Return the plan of an agent's segments: the latest one is kept, for who jumps about."""
        if self._latest is None or self._latest[0] != address:
            plan = Plan(sorted(segments, key=lambda each: each.order))
            self._latest = (address, plan)
        return self._latest[1]

    def _segments(self, address: str) -> list[Segment]:
        segments: list[Segment] = [
            log.segments[address] for log in self.logs if address in log.segments
        ]
        for source in self.sealed:
            segments += source.segments(address)
        return segments

    def tables(self, schema: pa.Schema, finish: Finish | None = None) -> Iterator[Any]:
        """Yield all rows of the run, sorted by agent and step, as tables and record batches.

        What a sealed log has is copied as it is, where nothing speaks against it.

        Args:
            schema: The columns.
            finish: Adds columns that `table.row_of` does not know.
        """
        known = dict(agents_of(self.sealed))
        every = sorted(self.addresses(), key=strings.escape)
        rows = _Rows(self._decoded(every, known, finish), schema)
        for address in every:
            groups = known.get(address, [])
            if self._later(address, groups) is not None:
                for source, group in groups:
                    yield from source.tables(group, schema)
            yield from rows.of(address)

    def _decoded(
        self,
        every: list[str],
        known: dict[str, list[tuple[SealedLogs, Group]]],
        finish: Finish | None,
    ) -> Iterator[tuple[str, Iterator[table.Row]]]:
        """Yield all agents with the rows that can't be copied from sealed logs."""
        for address in every:
            later = self._later(address, known.get(address, []))
            steps = self.steps(address) if later is None else later
            yield address, table.rows_of(address, steps or (), finish)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep what is read of sealed logs in memory: for who reads all agents at once."""
        for source in self.sealed:
            source.holds_all = True
        try:
            yield
        finally:
            for source in self.sealed:
                source.release()

    def _later(self, address: str, groups: list[tuple[SealedLogs, Group]]) -> Iterator[Step] | None:
        """Return the steps that follow an agent's sealed ones, if they simply follow."""
        if not groups or (self.stored is not None and address in self.stored.agents):
            return None
        source, group = groups[-1]
        segments = [log.segments[address] for log in self.logs if address in log.segments]
        end = whole_until(groups, may_be_open=not segments)
        if end is None or any(
            each.order < source.order_of(group) or min(each.steps, default=end) < end
            for each in segments
        ):
            return None
        return merged_steps(address, segments, self._path, end) if segments else iter(())

    def _open(self, opened: contextlib.ExitStack) -> None:
        path = join(self._path, SEALED)
        folder = join(self._path, EVENTS)
        names = self._files.names(folder)  # before anything is opened: what is removed is missed
        if self._files.exists(path):
            self.stored = Sealed(self._files, path)
            opened.callback(self.stored.close)
        kept = {} if self.stored is None else self.stored.logs
        self.sealed = sealed_of(self._files, folder, names, opened, kept)
        taken = {name for source in self.sealed for name in source.wanted}
        self.left = {name: self._files.size(join(folder, name)) for name in names if name in taken}
        logs = {
            name: at
            for name in names
            if name.endswith(".log") and name not in taken
            for at in (join(folder, name),)
            if name not in kept or kept[name] != self._files.size(at)
        }
        self._read(logs, opened)

    def _read(self, paths: dict[str, str], opened: contextlib.ExitStack) -> None:
        """Read logs, each as far as it counts: see `journal.lineage`."""
        files: dict[str, BinaryIO] = {}
        headers: dict[str, LogHeader] = headers_of(self.sealed)
        for name, path in paths.items():
            files[name] = file = self._readable(path)
            opened.callback(file.close)
            header = LogReader(file, path).header
            if header is not None:
                headers[name] = header
        counting = counting_bytes(headers)
        for source in self.sealed:
            keep_counting(source, counting)
        self.logs = [
            LogSource(file, paths[name], counting.get(name)) for name, file in files.items()
        ]

    def _readable(self, path: str) -> BinaryIO:
        return self._files.open(path) if self._files.local else _local_copy(self._files, path)


class _Rows:
    """Rows of agents, made into batches across agents and handed out agent by agent.

    Args:
        agents: Addresses and rows, in order.
        schema: The columns.
    """

    def __init__(
        self, agents: Iterable[tuple[str, Iterator[table.Row]]], schema: pa.Schema
    ) -> None:
        self._counts: Counter[str] = Counter()
        self._batches = table.batches(self._feed(agents), schema)
        self._rest: Any = None

    def of(self, address: str) -> Iterator[Any]:
        """Yield the rows of an agent; it must be the next."""
        given = 0
        while True:
            if self._rest is None:
                self._rest = next(self._batches, None)
            rest, count = self._rest, self._counts[address] - given
            if rest is None or count == 0:
                return  # what was made belongs to others
            yield rest.slice(0, count)
            given += min(count, rest.num_rows)
            self._rest = rest.slice(count) if count < rest.num_rows else None
            if self._rest is not None:
                return

    def _feed(self, agents: Iterable[tuple[str, Iterator[table.Row]]]) -> Iterator[table.Row]:
        for address, rows in agents:
            for row in rows:
                self._counts[address] += 1
                yield row


def sealed_of(
    files: Files,
    folder: str,
    names: Iterable[str],
    opened: contextlib.ExitStack,
    kept: dict[str, int] | None = None,
) -> list[SealedLogs]:
    """Open files of sealed logs; each wants only what no larger one has.

    Args:
        files: Where the store is.
        folder: Where the files are.
        names: The names of all files there.
        opened: Closes them.
        kept: Logs that are not wanted, if they were as long.
    """
    found = []
    for name in names:
        if name.endswith(SUFFIX) and not name.startswith("."):
            source = SealedLogs(files, join(folder, name))
            opened.callback(source.close)
            found.append(source)
    taken: set[str] = set()
    for source in sorted(found, key=lambda each: (-len(each.headers), each.name)):
        for name, log in source.headers.items():
            if name in taken or (kept or {}).get(name) == log.size:
                source.wanted.discard(name)
        taken |= source.wanted
    return found


def headers_of(sources: Iterable[SealedLogs]) -> dict[str, LogHeader]:
    """Return what sealed logs said of themselves, by their names."""
    return {
        name: log.header
        for source in sources
        for name, log in source.headers.items()
        if name in source.wanted
    }


def keep_counting(source: SealedLogs, counting: dict[str, int | None]) -> None:
    """Want no sealed log that a later life of its host does not count.

    Raises:
        JournalDamagedError: It counts a part of one, of which more was sealed.
    """
    for name in sorted(source.wanted):
        limit, end = counting.get(name), source.headers[name].end
        if limit == 0:
            source.wanted.discard(name)
        elif limit is not None and limit < end:
            problem = f"{limit} bytes of {name} count, and it was sealed with {end}"
            raise damaged(source.name, 0, problem)


def _local_copy(files: Files, path: str) -> BinaryIO:
    """Return a file of a remote store as one on this machine, gone when it is closed."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the run
    with files.open(path) as source:
        shutil.copyfileobj(source, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)
