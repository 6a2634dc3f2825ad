"""One run as its readers see it, whether it goes on, has crashed, or is sealed.

Reading is lazy and bounded: opening a run reads `run.json`; the first question about
its events scans the logs into an index, and bodies are decoded as they are asked for.
What was written since then is seen by a run that is opened again.

Nothing that a run contains is ever executed.
"""

from __future__ import annotations

import contextlib
import heapq
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from agentmesh.errors import UnknownAgentError
from agentmesh.journal import strings
from agentmesh.journal.blobs import Blobs
from agentmesh.journal.files import Files, join
from agentmesh.journal.lease import Holder, driver_of
from agentmesh.journal.parts import Parts
from agentmesh.journal.payloads import add_record
from agentmesh.journal.places import EVENTS, INFO, SEALED, unusable
from agentmesh.journal.query import query
from agentmesh.journal.records import (
    EVENT_KINDS,
    Recorded,
    Step,
    kind_of,
)
from agentmesh.journal.resolving import Resolvable, resolved
from agentmesh.journal.run_info import RunInfo, load_info
from agentmesh.journal.sealed_writer import sealed_schema, whole_table, write_sealed
from agentmesh.journal.table import schema
from agentmesh.kernel.events import Delivered

if TYPE_CHECKING:
    import pyarrow as pa


class Run:
    """A recorded run. Its files are closed by `close`, by a `with` statement, or with it.

    Args:
        files: Where the store is.
        path: The run's directory there.
        info: What `run.json` says.
    """

    def __init__(self, files: Files, path: str, info: RunInfo) -> None:
        self.info = info
        self.path = path
        self._files = files
        self._blobs = Blobs(path, files)
        self._opened: Parts | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.info.id

    @property
    def files(self) -> Files:
        """Where the store is."""
        return self._files

    @property
    def sealed(self) -> bool:
        """Whether all of the run is in one Parquet file."""
        return self._parts().is_one

    @property
    def was_sealed(self) -> bool:
        """Whether it was sealed at some time; looks at no log."""
        return self._files.exists(join(self.path, SEALED))

    @property
    def driver(self) -> Holder | None:
        """Who drives the run, or did until it died; None if nobody holds it.

        Raises:
            StoreError: That can't be read.
        """
        try:
            return driver_of(self._files, self.path)
        except OSError as error:
            raise unusable(self.path, "can't be read", error) from error

    def current_info(self) -> RunInfo:
        """Return what `run.json` says by now.

        Raises:
            StoreError: It can't be read any more.
            JournalDamagedError: It is damaged.
        """
        path = join(self.path, INFO)
        try:
            self.info = load_info(self._files.read(path), path)
        except OSError as error:
            raise unusable(path, "can't be read", error) from error
        return self.info

    @property
    def torn(self) -> dict[str, int]:
        """Logs that end in the middle of a record, and where: their hosts were killed."""
        logs = self._parts().logs
        return {log.name: log.torn_at for log in logs if log.torn_at is not None}

    def close(self) -> None:
        """Close the run's files; the next question opens them again."""
        parts, self._opened = self._opened, None
        if parts is not None:
            parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # `__init__` did not get that far
            self.close()

    def addresses(self) -> list[str]:
        """Return the addresses of all agents, sorted.

        Raises:
            JournalDamagedError: A file is damaged.
        """
        return self._parts().addresses()

    def steps(self, address: str, *, start: int = 0, resolve: bool = True) -> Iterator[Step]:
        """Return what happened to one agent, step by step.

        Args:
            address: The agent.
            start: The first step that is wanted; those before are not decoded.
            resolve: Whether events carry payloads that are in the blob store.

        Raises:
            UnknownAgentError: No such agent is in the run.
            JournalDamagedError: A file is damaged, or one is missing.
        """
        steps = self._parts().steps(address, start)
        if steps is None:
            raise self._unknown_agent(address)
        return self._resolving(steps) if resolve else steps

    def later_steps(self, address: str, start: int) -> Iterator[Step]:
        """Return an agent's steps from one on, of a run whose logs have none before.

        Raises:
            JournalDamagedError: One is missing, or can't be read.
        """
        return self._parts().later_steps(address, start)

    def count_steps(self, address: str) -> int:
        """Return how many steps an agent has.

        Raises:
            UnknownAgentError: No such agent is in the run.
            JournalDamagedError: A file is damaged.
        """
        count = self._parts().count(address)
        if not count:
            raise self._unknown_agent(address)
        return count

    def entries(self, *, resolve: bool = False) -> Iterator[Recorded]:
        """Return all events and commands: by time, then by agent, then by step.

        That order is the same each time, and causal within an agent.

        Args:
            resolve: Whether they carry payloads that are in the blob store.
        """
        parts = self._parts()
        if parts.stored is not None and parts.is_one:
            entries = parts.stored.entries()
        else:
            entries = self._merged_entries(parts)
        if not resolve:
            return entries
        return (replace(each, body=self.resolve(each.body)) for each in entries)

    def counts(self) -> dict[str, int]:
        """Return how many agents, events, commands, and records of each kind there are."""
        parts = self._parts()
        if parts.stored is not None and parts.is_one:
            kinds = Counter(parts.stored.counts())
        else:
            kinds = Counter(
                kind_of(body)
                for address in self.addresses()
                for step in self.steps(address, resolve=False)
                for body in (step.event, *step.commands)
            )
        events = sum(count for kind, count in kinds.items() if kind in EVENT_KINDS)
        commands = kinds.total() - events
        totals = {"agents": len(self.addresses()), "events": events, "commands": commands}
        return {**totals, **dict(sorted(kinds.items()))}

    def payload_of(self, message: str) -> bytes | None:
        """Return the payload of a message; None if no such message was ever delivered.

        Args:
            message: Its id: sender, `#` and the sender's counter.
        """
        parts = self._parts()
        finders = [source.delivery for source in parts.sealed]
        finders += [source.delivery for source in parts.logs]
        if parts.stored is not None:
            finders.append(parts.stored.delivery)
        for find in finders:
            delivery = find(message)
            if delivery is not None:
                return self.resolve(delivery).envelope.payload
        return None

    def resolve(self, body: Resolvable) -> Resolvable:
        """Return an event or command with its payload, if that is in the blob store.

        Raises:
            JournalError: The blob is missing or damaged.
        """
        return resolved(body, self._blobs)

    def table(self) -> pa.Table:
        """Return one row per event and per command; the columns are in `journal.table`.

        Sorted by agent, step and index.
        """
        parts = self._parts()
        if parts.stored is not None and parts.is_one:
            return parts.stored.table()
        return whole_table(parts.tables(schema()), schema())

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Return some columns of the table; of a sealed run, nothing else is read."""
        parts = self._parts()
        if parts.stored is not None and parts.is_one:
            return parts.stored.columns(names)
        return self.table().select(names)

    def row_groups(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield all rows with all that a sealed file has, sorted by agent, step and index.

        Args:
            schema: Of such a file: see `sealed_writer.sealed_schema`.
        """
        parts = self._parts()
        if parts.stored is not None and parts.is_one:
            yield from parts.stored.row_groups(schema)
        else:
            yield whole_table(parts.tables(schema, add_record), schema)

    def sql(self, text: str, *, files: bool = False) -> pa.Table:
        """Answer a DuckDB query over the table, which is called `events`.

        Args:
            text: The query, as in `SELECT payload->>'$.text' FROM events`.
            files: Whether the query may also read and write files.

        Raises:
            UsageError: The query can't be answered.
        """
        parts = self._parts()
        if parts.stored is not None and parts.is_one and self._files.local:
            return query(text, parts.stored.dataset(), files=files)
        return query(text, self.table(), files=files)

    def seal(self) -> None:
        """Turn the logs into one Parquet file, then remove them.

        Does nothing if that has happened. A log that grows meanwhile stays, and a
        reader merges it with the file.

        Raises:
            JournalDamagedError: A log is damaged; all stay as they are.
            StoreError: The file can't be written; all stay as they are.
        """
        parts = self._parts()
        if parts.is_one:
            return
        path = join(self.path, SEALED)
        read = _lengths(parts)
        columns = sealed_schema(_names(parts) | read)
        try:
            with self._files.building(path) as made:
                write_sealed(made, parts.tables(columns, add_record), columns)
        except OSError as error:
            raise unusable(path, "can't be written", error) from error
        self.close()
        for source in parts.sealed:
            self._files.remove(source.name)
        folder = join(self.path, EVENTS)
        for name in self._files.names(folder):
            if name.startswith(".") and name.endswith(".part"):  # its writer was killed
                self._files.remove(join(folder, name))
        for name, size in read.items():
            log = join(folder, name)
            if self._files.size(log) == size:
                self._files.remove(log)

    def seal_to(self, path: Path) -> None:
        """Write the run as one Parquet file somewhere else; its own files stay as they are.

        Raises:
            JournalDamagedError: A file is damaged.
            OSError: The file can't be written.
        """
        parts = self._parts()
        if parts.is_one:
            with self.files.open(join(self.path, SEALED)) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            return
        columns = sealed_schema(self.logs())
        write_sealed(path, parts.tables(columns, add_record), columns)

    def logs(self) -> dict[str, int]:
        """Return the names of the logs that the run was written to, and how long they were."""
        parts = self._parts()
        return _names(parts) | _lengths(parts)

    def _resolving(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            event = step.event
            if isinstance(event, Delivered) and not event.envelope.blob:
                yield step  # nearly every one
                continue
            event = self.resolve(event)
            yield step if event is step.event else replace(step, event=event)

    def _recorded(self, place: int, address: str) -> Iterator[tuple[tuple[int, int], Recorded]]:
        """Yield an agent's entries, with what to merge those of all agents by."""
        latest = 0
        for step in self.steps(address, resolve=False):
            at = step.event.at
            latest = max(latest, at)
            for index, body in enumerate((step.event, *step.commands)):
                yield (latest, place), Recorded(address, step.number, index, at, body)

    def _merged_entries(self, parts: Parts) -> Iterator[Recorded]:
        every = sorted(self.addresses(), key=strings.escape)
        with parts.held():
            merged = heapq.merge(
                *(self._recorded(place, address) for place, address in enumerate(every)),
                key=itemgetter(0),
            )
            yield from (recorded for _, recorded in merged)

    def _parts(self) -> Parts:
        if self._opened is None:
            try:
                self._opened = Parts.look(self._files, self.path)
            except OSError as error:
                raise unusable(self.path, "can't be read", error) from error
        return self._opened

    def _unknown_agent(self, address: str) -> UnknownAgentError:
        known = self.addresses()
        return UnknownAgentError(
            f"The run {self.id} has no agent {address!r}.",
            cause=f"An agent is named Type/key: {strings.readable(', '.join(known[:_SHOWN_MAX]))}.",
            fix=f"List all {len(known)} with `agentmesh show {self.id}`.",
            agent=address,
        )


def _lengths(parts: Parts) -> dict[str, int]:
    """Return the names of the logs that are there, and how much of them was read."""
    return {Path(log.name).name: log.size for log in parts.logs} | parts.left


def _names(parts: Parts) -> dict[str, int]:
    """Return the names of the logs that Parquet files were made from."""
    names = dict(parts.stored.logs) if parts.stored is not None else {}
    for source in parts.sealed:
        names |= source.logs
    return names


_SHOWN_MAX = 5
