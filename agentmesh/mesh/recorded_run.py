"""A recorded run with everything that can be asked of it: what `am.open_run` returns.

`journal.run.Run` reads what is written. The verbs here go further, and each is one call of a
module below: what they do is known there.
"""

from collections.abc import Iterator, Sequence

from agentmesh.causality.graph import Graph
from agentmesh.causality.json_path import JsonQuery
from agentmesh.causality.order import RunOrder
from agentmesh.causality.references import Named
from agentmesh.causality.search import Criteria, Hit, search
from agentmesh.causality.trees import EVENTS_MAX, Tree, effects_of, why
from agentmesh.causality.waits import Waits, waits
from agentmesh.journal.files import Files
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.replaying import chosen


class RecordedRun(Run):
    """A recorded run. Its files are closed by `close`, by a `with` statement, or with it.

    Args:
        files: Where the store is.
        path: The run's directory there.
        info: What `run.json` says.
        store: The store: it has the key that a replay makes placeholders of secrets with.
    """

    def __init__(self, files: Files, path: str, info: RunInfo, store: Store) -> None:
        super().__init__(files, path, info)
        self.store = store
        self._graph: Graph | None = None

    def order(self) -> RunOrder:
        """Return all events in one order that is the same each time, causes first.

        Raises:
            JournalDamagedError: A file is damaged, or the record contradicts itself.
        """
        return self.graph().order

    def graph(self) -> Graph:
        """Return what causes what; the whole run is read once for it.

        Raises:
            JournalDamagedError: A file is damaged, or the record contradicts itself.
        """
        if self._graph is None:
            self._graph = Graph(RunOrder.of(self))
        return self._graph

    def why(self, event: Named, *, limit: int = EVENTS_MAX) -> Tree:
        """Return what an event came from, as a tree of the nearest causes.

        Args:
            event: `Writer/w1@118`, (agent, step), or a number of the run order.
            limit: How many events at most.

        Raises:
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The run has no such event.
        """
        return why(self, self.graph(), self.order().find(event), limit)

    def effects_of(self, event: Named, *, limit: int = EVENTS_MAX) -> Tree:
        """Return what came of an event, as a tree of the nearest effects.

        Args:
            event: `Writer/w1@118`, (agent, step), or a number of the run order.
            limit: How many events at most.

        Raises:
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The run has no such event.
        """
        return effects_of(self, self.graph(), self.order().find(event), limit)

    def waits(self, *agents: str) -> Waits:
        """Return who waited for whom, the longest first.

        Args:
            agents: Addresses of those whose waits are wanted; all for none.

        Raises:
            UnknownAgentError: The run has no such agent.
        """
        return waits(self, agents)

    def search(
        self,
        text: str = "",
        *,
        agents: Sequence[str] = (),
        kinds: Sequence[str] = (),
        type: str = "",  # noqa: A002 - as the column is called
        where: str = "",
        failed: bool = False,
    ) -> Iterator[Hit]:
        """Yield messages, effects, log lines and failed turns, in the order of time.

        Args:
            text: Is in the payload; upper and lower case are the same.
            agents: Addresses (`Type/key`) or types of agents; all for none.
            kinds: `message`, `effect`, `log`, `turn`; all for none.
            type: Of a message: its type or handler; of an effect: its kind or name. `*` stands
                for anything.
            where: A JSON path that the payload has, perhaps compared: `$.amount > 100`.
            failed: Only what failed.

        Raises:
            UsageError: There is no such kind, or the path can't be read.
            UnknownAgentError: The run has no such agent.
        """
        criteria = Criteria(
            text=text,
            agents=chosen(self, agents) if agents else (),
            kinds=kinds,
            type=type,
            where=JsonQuery(where) if where else None,
            failed=failed,
        )
        return search(self, criteria)

    def close(self) -> None:
        """Close the run's files; the next question opens them again, and sees what is new."""
        self._graph = None
        super().close()
