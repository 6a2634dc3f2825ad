"""The steps of a run while it is written, each once and in its agent's order.

Logs of a run on this machine are read from where the last look ended, so that a look costs what is
new. Logs may be removed meanwhile (they become Parquet), and runs in other places have no logs that
grow: then the run is opened anew and read from each agent's next step. The same happens at the
end of a run, which finds what is torn or damaged, and misses nothing.

An agent that moved has steps in several logs. They are put into order by their numbers; what a
later life of a host says again is left out. A host that was given up may have written
steps that do not count: they may be seen here, if they are seen before its successor says so.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from agentmesh.journal import framing
from agentmesh.journal.files import Files, join
from agentmesh.journal.lineage import name_parts
from agentmesh.journal.places import EVENTS
from agentmesh.journal.reading import LogReader
from agentmesh.journal.records import CommandRecord, EventRecord, Handled, Opened, Step
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo

NewStep = tuple[str, Step]


@dataclass(slots=True)
class _Agent:
    """What is known of an agent beyond the steps that were given out."""

    next: int = 0
    events: dict[int, EventRecord] = field(default_factory=dict)
    commands: dict[int, list[CommandRecord]] = field(default_factory=dict)


@dataclass(slots=True)
class _Log:
    """A log that is read while it grows."""

    path: str
    file: BinaryIO
    reader: LogReader
    offset: int = 0
    limit: int | None = None
    cells: dict[int, str] = field(default_factory=dict)


class Follower:
    """Reads what is new in a run, again and again.

    Args:
        files: Where the run's store is.
        path: The run's directory there.
        info: What `run.json` says.
        start: By agent: the first step that is wanted.

    Attributes:
        lives: How many hosts have begun to live again, after an earlier life of theirs.
        latest_ns: Logical time of the latest event that was read; 0 before the first.
    """

    def __init__(
        self, files: Files, path: str, info: RunInfo, start: Mapping[str, int] | None = None
    ) -> None:
        self.lives = 0
        self.latest_ns = 0
        self._files = files
        self._path = path
        self._info = info
        self._folder = join(path, EVENTS)
        self._agents = {address: _Agent(step) for address, step in (start or {}).items()}
        self._logs: dict[str, _Log] = {}
        self._numbers: dict[str, int] = {}  # the highest number of a log, by host
        self._tails = files.local and Path(self._folder).is_dir()

    @property
    def late_since_ns(self) -> int:
        """Logical time of what was read last, if a log has more; 0 if nothing waits."""
        grown = any(
            not log.reader.complete and os.fstat(log.file.fileno()).st_size > log.offset > 0
            for log in self._logs.values()
        )
        return self.latest_ns if grown else 0

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs.values():
            log.file.close()
        self._logs.clear()

    def new(self) -> Iterator[NewStep]:
        """Yield the steps that are complete and were not given out yet.

        Raises:
            JournalError: A file is damaged.
        """
        if not self._tails:
            yield from self._opened_anew(to_the_end=False)
            return
        if self._look():
            yield from self._opened_anew(to_the_end=False)
        for name in sorted(self._logs, key=self._order):
            yield from self._read(self._logs[name])

    def rest(self) -> Iterator[NewStep]:
        """Yield what is left of a run that has ended; a last step may not have been handled.

        Raises:
            JournalError: A file is damaged.
        """
        yield from self._opened_anew(to_the_end=True)

    # --- logs that grow ---------------------------------------------------------------------------

    def _look(self) -> bool:
        """Open new logs; tell whether one came and went between two looks."""
        missed = False
        for name in self._files.names(self._folder):
            if name in self._logs or not name.endswith(".log"):
                continue
            opened = self._open(name)
            if opened is None:
                continue
            host, number = name_parts(name)
            missed |= number > self._numbers.get(host, -1) + 1
            self._numbers[host] = max(number, self._numbers.get(host, 0))
            self._logs[name] = opened
        for log in self._logs.values():
            header = log.reader.header
            for name, size in header.after.items() if header is not None else ():
                if name in self._logs:
                    self._logs[name].limit = size
        return missed

    def _open(self, name: str) -> _Log | None:
        path = join(self._folder, name)
        try:
            file = self._files.open(path)
        except FileNotFoundError:
            return None  # it has become Parquet
        reader = LogReader(file, path)
        if reader.header is None:
            file.close()
            return None  # its writer has only begun
        self.lives += reader.header.incarnation > 1 and bool(reader.header.after)
        return _Log(path, file, reader)

    def _order(self, name: str) -> tuple[int, int, str]:
        header = self._logs[name].reader.header
        assert header is not None
        return header.incarnation, header.number, name

    def _read(self, log: _Log) -> Iterator[NewStep]:
        touched: dict[str, None] = {}
        for offset, records in log.reader.frames(log.offset):
            if log.limit is not None and offset >= log.limit:
                break
            for place in log.reader.places(offset, records):
                address = log.cells.get(place.cell)
                if address is not None and place.step < self._agents[address].next:
                    continue
                body = log.reader.body(offset, bytes(place.body))
                if isinstance(body, Opened):
                    log.cells[place.cell] = body.address
                    self._agents.setdefault(body.address, _Agent())
                elif address is not None:
                    agent = self._agents[address]
                    if isinstance(body, Handled):
                        agent.commands[place.step] = body.commands  # type: ignore[assignment]
                        touched[address] = None
                    else:
                        agent.events[place.step] = body
            log.offset = offset + framing.FRAME_SIZE + len(records)
            for address in touched:
                yield from self._complete(address)
            touched.clear()

    def _complete(self, address: str) -> Iterator[NewStep]:
        agent = self._agents[address]
        while agent.next in agent.commands and agent.next in agent.events:
            number = agent.next
            event, commands = agent.events.pop(number), agent.commands.pop(number)
            agent.next += 1
            self.latest_ns = max(self.latest_ns, event.at)
            yield address, Step(number, event, tuple(commands))

    # --- whatever else a run is kept in -----------------------------------------------------------

    def _opened_anew(self, *, to_the_end: bool) -> Iterator[NewStep]:
        with Run(self._files, self._path, self._info) as run:
            for address in run.addresses():
                agent = self._agents.setdefault(address, _Agent())
                if agent.next >= run.count_steps(address):
                    continue
                for step in run.steps(address, start=agent.next, resolve=False):
                    if not step.handled and not to_the_end:
                        break
                    agent.next = step.number + 1
                    agent.events.pop(step.number, None)
                    agent.commands.pop(step.number, None)
                    self.latest_ns = max(self.latest_ns, step.event.at)
                    yield address, step
