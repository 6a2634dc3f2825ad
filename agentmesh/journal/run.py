"""One run as its readers see it, whether it goes on, has crashed, or is sealed.

Reading is lazy and bounded: opening a run reads `run.json`; the first question about
its events scans the logs into an index, and bodies are decoded as they are asked for.
Nothing that a run contains is ever executed.
"""

import heapq
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self, TypeVar, cast

from msgspec.structs import replace

from agentmesh.journal.blobs import Blobs
from agentmesh.journal.directory import EVENTS
from agentmesh.journal.files import Files, join
from agentmesh.journal.records import CommandRecord, EventRecord, Recorded, Step
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.sources import LogSource, Segment, merged_steps
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import Delivered, EffectFinished

Resolvable = TypeVar("Resolvable", bound=EventRecord | CommandRecord)


class Run:
    """A recorded run. Close it, or use it in a `with` statement.

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
        self._logs: list[LogSource] | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.info.id

    def close(self) -> None:
        """Close the run's files."""
        for log in self._logs or ():
            log.close()
        self._logs = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def addresses(self) -> list[str]:
        """Return the addresses of all agents, sorted.

        Raises:
            JournalDamagedError: A file is damaged.
        """
        return sorted({address for log in self._sources() for address in log.segments})

    def steps(self, address: str, *, resolve: bool = True) -> Iterator[Step]:
        """Yield what happened to one agent, in order.

        Args:
            address: The agent.
            resolve: Whether events carry payloads that are in the blob store.

        Raises:
            JournalDamagedError: A file is damaged, or one is missing.
        """
        segments: list[Segment] = [
            log.segments[address] for log in self._sources() if address in log.segments
        ]
        for step in merged_steps(address, segments, self.path):
            yield self._resolved(step) if resolve else step

    def entries(self, *, resolve: bool = False) -> Iterator[Recorded]:
        """Yield all events and commands: by time, then by agent, then by step.

        That order is the same each time, and causal within an agent.
        """
        every = [self._recorded(address, resolve=resolve) for address in self.addresses()]
        return heapq.merge(*every, key=lambda one: (one.at, one.address, one.step, one.index))

    def counts(self) -> dict[str, int]:
        """Return how many agents, events, commands, and records of each kind there are."""
        kinds: Counter[str] = Counter()
        for address in self.addresses():
            for step in self.steps(address, resolve=False):
                kinds["events"] += 1
                kinds["commands"] += len(step.commands)
                kinds[kind_of(step.event)] += 1
                kinds.update(kind_of(command) for command in step.commands)
        return {"agents": len(self.addresses()), **dict(sorted(kinds.items()))}

    def resolve(self, body: Resolvable) -> Resolvable:
        """Return an event or command with its payload, if that is in the blob store."""
        if isinstance(body, Delivered) and body.envelope.blob:
            payload = self._blobs.get(body.envelope.blob)
            return replace(body, envelope=replace(body.envelope, payload=payload, blob=""))
        if isinstance(body, EffectFinished) and body.blob:
            return replace(body, result=self._blobs.get(body.blob), blob="")
        if isinstance(body, StartEffect) and body.blob:
            return replace(body, request=self._blobs.get(body.blob), blob="")
        return body

    @property
    def torn(self) -> dict[str, int]:
        """Files that end in the middle of a record, and where: their hosts were killed."""
        return {log.name: log.torn_at for log in self._sources() if log.torn_at is not None}

    def _resolved(self, step: Step) -> Step:
        event = self.resolve(step.event)
        return step if event is step.event else replace(step, event=event)

    def _recorded(self, address: str, *, resolve: bool) -> Iterator[Recorded]:
        for step in self.steps(address, resolve=resolve):
            at = step.event.at
            yield Recorded(address, step.number, 0, at, step.event)
            for index, command in enumerate(step.commands, start=1):
                body = self.resolve(command) if resolve else command
                yield Recorded(address, step.number, index, at, body)

    def _sources(self) -> list[LogSource]:
        if self._logs is None:
            folder = join(self.path, EVENTS)
            names = [name for name in self._files.names(folder) if name.endswith(".log")]
            self._logs = [self._log(join(folder, name)) for name in names]
        return self._logs

    def _log(self, path: str) -> LogSource:
        file = self._files.open(path) if self._files.local else _local_copy(self._files, path)
        try:
            return LogSource(file, path)
        except BaseException:
            file.close()
            raise


def kind_of(body: EventRecord | CommandRecord) -> str:
    """Return the name of an event's or command's kind: `delivered`, `sent`, ..."""
    return cast("str", body.__struct_config__.tag)


def _local_copy(files: Files, path: str) -> BinaryIO:
    """Return a file of a remote store as one on this machine, gone when it is closed."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the run
    with files.open(path) as source:
        shutil.copyfileobj(source, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)
