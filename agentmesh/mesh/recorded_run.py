"""A recorded run with everything that can be asked of it: what `am.open_run` returns.

`journal.run.Run` reads what is written. The verbs here go further, and each is one call of a
module below: what they do is known there.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agentmesh.causality.graph import Graph
from agentmesh.causality.json_path import JsonQuery
from agentmesh.causality.order import RunOrder
from agentmesh.causality.references import Named
from agentmesh.causality.search import Criteria, Hit, search
from agentmesh.causality.trees import EVENTS_MAX, Tree, effects_of, why
from agentmesh.causality.waits import Waits, waits
from agentmesh.counterfactual.record import Ledger
from agentmesh.effects.prices import Cost
from agentmesh.journal.files import Files
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.costs import cost_of_run
from agentmesh.mesh.moment import Moment, Timelines
from agentmesh.mesh.racing import Races, Subject, find_races
from agentmesh.mesh.replaying import chosen, replayer_of
from agentmesh.mesh.when import when
from agentmesh.replay.watching import Matches


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
        self.program: str | Path | None = None
        """The program's file, if it is not where it ran."""
        self._graph: Graph | None = None
        self._timelines: Timelines | None = None
        self._ledger: Ledger | None = None

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

    def ledger(self) -> Ledger:
        """Return where each message came: what branches need to know of the run.

        Raises:
            JournalDamagedError: A file is damaged, or the record contradicts itself.
        """
        if self._ledger is None:
            self._ledger = Ledger(self, self.order())
        return self._ledger

    def at(self, event: Named, agent: str | None = None, *, anyway: bool = False) -> Moment:
        """Return the moment just after an event, to look at agents as they were then.

        Args:
            event: `Writer/w1@118`, (agent, step), or a number of the run order.
            agent: The agent, where `event` is only the number of its step.
            anyway: Also show what is not as it was recorded, because the replay differs.

        Raises:
            UsageError: It names no event, or the program can't be imported.
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The run has no such event.
        """
        return Moment(self, event, agent, anyway=anyway)

    def when(
        self,
        about: str,
        predicate: str | Callable[[Any], object] | None = None,
        *,
        processes: int = 1,
        on_progress: Callable[[int], None] | None = None,
    ) -> Matches:
        """Return the events after which something holds for the state of agents.

        Args:
            about: An agent (`Writer/w1`, `Writer`, `writer`), or without a predicate an
                expression that names agents: `"writer.draft_count > 3"`.
            predicate: An expression over the attributes of that agent, such as
                `"draft_count > 3"` or `"changed(status)"`; or a function of its state.
            processes: How many, at most, for an expression about several agents of a type.
            on_progress: Called now and then with the number of events replayed.

        Raises:
            UsageError: The expression can't be understood, may do more than look, or fails
                after every event.
            UnknownAgentError: The run has no such agent.
        """
        return when(self, about, predicate, processes=processes, on_progress=on_progress)

    def cost(self) -> Cost:
        """Return what the run's model calls cost, by the prices that were recorded with it.

        Raises:
            JournalDamagedError: A file is damaged.
        """
        return cost_of_run(self)

    def timelines(self) -> Timelines:
        """Return what replays agents to any of their steps; imports the run's program.

        Raises:
            UsageError: The program can't be imported.
        """
        if self._timelines is None:
            replayer = replayer_of(self, self.store.redactor_for(self.info), self.program)
            self._timelines = Timelines(replayer)
        return self._timelines

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

    def races(self, **options: Any) -> Races:
        """Return what could have come the other way round, and what would have come of it.

        Args:
            options: As of `am.races`.

        Raises:
            UsageError: What it means to have failed can't be understood.
            DivergenceError: The program is not what it was when the run was recorded.
        """
        return find_races(Subject(self, self.ledger(), self.store, self.program), **options)

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
        timelines, self._timelines, self._graph = self._timelines, None, None
        self._ledger = None
        if timelines is not None:
            timelines.close()
        super().close()
