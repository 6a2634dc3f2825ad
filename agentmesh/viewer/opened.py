"""One run that is open: its columns, and a reader for what is asked about single events.

A thread reads the run into columns, and goes on doing so as long as the run goes on and somebody
looks: never more than a fifth of the time, however long a round takes. When the run has ended, all
is read once more, so that every event has its final place; that is the next *generation*. The
same happens if what was read is not on record any more, because a host was restored.

Everything else is asked of a `RecordedRun`, by one thread at a time.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agentmesh.causality.graph import Graph
from agentmesh.effects import prices
from agentmesh.errors import AgentMeshError, InternalError, UnknownRunError
from agentmesh.journal.run_info import RUNNING, RunInfo
from agentmesh.mesh.condition import Condition, condition_of
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer import cache
from agentmesh.viewer.building import Building, RecordChanged, Unwanted
from agentmesh.viewer.previews import Previews

_SHARE = 4.0
"""How much longer is waited after a round than it took."""
_PAUSE_SECONDS = 0.5
_IDLE_SECONDS = 30.0
"""When nobody has asked for that long, nothing is read any more."""
_CHANGES_MAX = 20
"""How often a record may change under a reader before that is taken for a fault."""


class OpenRun:
    """A run that is open.

    Args:
        info: What is known of it.
        opens: Opens it anew.
        folder: Where columns of finished runs are kept; None for nowhere.

    Attributes:
        generation: Grows when rows get other numbers.
        building: The columns that are shown.
        condition: How the run stood when it was read last.
        complete: Whether all that was on record then is in the columns.
        error: Why it can't be read any further.
    """

    def __init__(
        self, info: RunInfo, opens: Callable[[], RecordedRun], folder: Path | None = None
    ) -> None:
        self.id = info.id
        self.info = info
        self.generation = 1
        self.condition = Condition(status=info.status)
        self.complete = False
        self.growing = info.status == RUNNING
        self.error: AgentMeshError | None = None
        self._opens = opens
        self._folder = folder
        self._prices = prices.recorded(info.prices)
        self.building = self._new()
        self._closed = False
        self._asked = time.monotonic()
        self._stirred = threading.Event()
        self._changes = 0
        self._reader: RecordedRun | None = None
        self._reader_version = -1
        self._reading = threading.Lock()
        self._graph: tuple[tuple[int, int], Graph] | None = None
        self._graphing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.stir()

    @property
    def version(self) -> int:
        """Grows when there is something new to see."""
        return self.building.version

    @property
    def is_gone(self) -> bool:
        """Whether the run was not there any more when it was looked for last."""
        return isinstance(self.error, UnknownRunError)

    def stir(self) -> None:
        """Say that somebody looks: the run is read on, if there may be more of it."""
        self._asked = time.monotonic()
        with self._starting:
            alive = self._thread is not None and self._thread.is_alive()
            if alive or self._closed or (self.complete and not self.growing) or self.error:
                return
            self._thread = threading.Thread(
                target=self._work, name=f"agentmesh-viewer-{self.id}", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop reading, and close all files."""
        self._closed = True
        self._stirred.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self.building.previews.close()

    @contextlib.contextmanager
    def reader(self) -> Iterator[RecordedRun]:
        """Hand out the run to one thread at a time, as it is now on record.

        Raises:
            UnknownRunError: It is gone.
            JournalError: It can't be read.
        """
        self.stir()
        with self._reading:
            if self._reader is None:
                self._reader, self._reader_version = self._opens(), self.version
            elif self.growing and self._reader_version != self.version:
                self._reader.close()
                self._reader_version = self.version
            yield self._reader

    def fresh(self) -> RecordedRun:
        """Open the run once more, for a reader that takes long."""
        self.stir()
        return self._opens()

    def graph(self) -> Graph:
        """Return what causes what, made of the columns."""
        self.wait_complete()
        building = self.building
        now = (self.generation, building.version)
        with self._graphing:
            known = self._graph
            if known is None or known[0] != now:
                self._graph = known = (now, Graph(building.run_order(self.id)))
            return known[1]

    def wait_complete(self, seconds: float = 120.0) -> None:
        """Wait until the columns have all that is on record.

        Raises:
            AgentMeshError: The run can't be read, or that takes too long.
        """
        end = time.monotonic() + seconds
        while not self.complete:
            self.stir()
            if self.error is not None:
                raise self.error
            if time.monotonic() > end or self._closed:
                raise InternalError(
                    f"The run {self.id} is still being read.", fix="Ask again in a while."
                )
            time.sleep(_LOOK_SECONDS)

    def live(self) -> dict[str, Any]:
        """Return what changes while a run is read or goes on."""
        building = self.building
        return {
            "generation": self.generation,
            "version": building.version,
            "rows": {name: table.rows for name, table in building.tables.items()},
            "growing": self.growing,
            "complete": self.complete,
            "status": self.condition.status,
        }

    # --- reading, in a thread of its own ----------------------------------------------------------

    def _new(self) -> Building:
        return Building(self._prices, Previews())

    def _work(self) -> None:
        try:
            while not self._closed and time.monotonic() - self._asked < _IDLE_SECONDS:
                started = time.monotonic()
                if not self._round():
                    return
                took = time.monotonic() - started
                self._stirred.wait(max(_PAUSE_SECONDS, took * _SHARE))
                self._stirred.clear()
        except Unwanted:
            return
        except AgentMeshError as error:
            self.error = error
            self.building.version += 1
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            self.error = InternalError(
                f"The run {self.id} can't be read: {type(error).__name__}: {error}",
                fix="Please report this.",
            )
            self.building.version += 1

    def _round(self) -> bool:
        """Read what is new; tell whether there may be more."""
        with self._opens() as run:
            if run.info.created_at_ns != self.info.created_at_ns:
                self.info, self._changes = run.info, self._changes + 1
                self._swap(self._new())
            self.condition = condition_of(run)
            grew, self.growing = self.growing, self.condition.driver is not None
            self.info = run.info
            if not self.growing:
                return self._last_round(run, again=grew and self.building.events > 0)
            try:
                self.building.take(run, grows=True, going=self._is_wanted)
            except RecordChanged:
                self._changes += 1
                if self._changes > _CHANGES_MAX:
                    raise
                self._swap(self._new())
            else:
                self.complete = True
            return True

    def _last_round(self, run: RecordedRun, *, again: bool) -> bool:
        """Read all of a run that has ended; rows get their final places."""
        identity = cache.identity(run)
        if self._folder is not None:
            kept = cache.load(self._folder, identity, self._new)
            if kept is not None:
                self._swap(kept, new=self.building.events > 0)
                self.complete = True
                self.graph()  # before anybody asks for it
                return False
        building = self._new() if again else self.building
        building.take(run, grows=False, going=self._is_wanted)
        if again:
            self._swap(building)
        self.complete = True
        self.building.version += 1
        if self._folder is not None and building.events >= cache.EVENTS_MIN:
            cache.save(self._folder, identity, building)
        self.graph()
        return False

    def _swap(self, building: Building, *, new: bool = True) -> None:
        before, self.building = self.building, building
        self.generation += new
        self.complete = False
        before.previews.close()

    def _is_wanted(self) -> bool:
        return not self._closed


_JOIN_SECONDS = 10.0
_LOOK_SECONDS = 0.02
