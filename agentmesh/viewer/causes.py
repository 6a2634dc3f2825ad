"""What came from what: causes and effects as trees, waits, the critical path, steps to and fro.

The *critical path* to an event is the chain of its causes: each event is brought by a message, an
effect or a timer that an earlier one has begun, and what an event begins is begun at once. So the
times between them add up to all the time that has passed, and nothing beside this chain could
have made the event come sooner.
"""

from collections import Counter
from typing import Any

from agentmesh.causality.graph import Cone
from agentmesh.causality.index import NOBODY
from agentmesh.causality.order import EventRef
from agentmesh.causality.trees import Tree, effects_of, why
from agentmesh.errors import UsageError
from agentmesh.mesh.naming import agents_called
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.agents import Agent
from agentmesh.viewer.effect_rows import MODEL, TIMER
from agentmesh.viewer.events import EventTeller
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.rows import found
from agentmesh.viewer.waiting import waits_json
from agentmesh.viewer.words import DELIVERED, STARTED, Words

SEGMENTS_MAX = 5_000
"""Links of a chain that are told one by one; all of them are added up."""
_NEXT, _PREVIOUS = "next", "previous"
DIRECTIONS = (_NEXT, _PREVIOUS)
BY = ("event", "agent", "handler")
_LOOK_BACK = 30
_KINDS = {MODEL: "model", TIMER: "timer"}


class Causes:
    """Answers what came from what in a run.

    Args:
        opened: The run's columns.
    """

    def __init__(self, opened: OpenRun) -> None:
        self._opened = opened
        self._graph = opened.graph()
        self._order = self._graph.order
        self._rows = opened.building.rows
        self._start_ns = self._rows.start_ns
        self._words = Words(opened.building)
        self._effects = opened.building.tables["effects"]

    def why(self, run: RecordedRun, ref: str, limit: int) -> dict[str, Any]:
        """Return what an event came from; with no tree for a limit of 0."""
        event = self._order.find(ref)
        tree = self._why(run, event, limit) if limit else None
        return self._told(event, tree, self._graph.past(event))

    def effects_of(self, run: RecordedRun, ref: str, limit: int) -> dict[str, Any]:
        """Return what came of an event; with no tree for a limit of 0."""
        event = self._order.find(ref)
        tree = effects_of(run, self._graph, event, limit, teller=self._words) if limit else None
        return self._told(event, tree, self._graph.future(event))

    def waits(self, agent: str, limit: int) -> dict[str, Any]:
        """Return who waited for whom, the longest first.

        Raises:
            UnknownAgentError: The run has no such agent.
        """
        chosen = None
        if agent:
            names = agents_called(agent, self._order.addresses, self._opened.id)
            chosen = frozenset(self._rows.by_address[each].index for each in names)
        return waits_json(self._opened.building, chosen, limit)

    def step(self, teller: EventTeller, ref: str, by: str, direction: str) -> dict[str, Any]:
        """Return the next or previous event."""
        event = self._order.find(ref)
        sign = 1 if direction == _NEXT else -1
        if by == "event":
            number = event.number + sign
            other = self._order.event(number) if 0 <= number < len(self._order) else None
        else:
            agent = self._rows.by_address[event.address]
            step = event.step + sign
            if by == "handler":
                step = self._same_handler(agent, event, sign)
            inside = 0 <= step < len(agent.at)
            other = self._at(event.address, step) if inside else None
        return {"link": teller.link(other)}

    def critical_path(self, ref: str) -> dict[str, Any]:
        """Return the chain of causes of an event: the last one of the run, if none is named."""
        event = self._order.find(ref) if ref else self._last()
        segments: list[dict[str, Any]] = []
        effects = self._effects_by_end()
        by_kind: Counter[str] = Counter()
        by_agent: Counter[str] = Counter()
        index, count, later = self._order.index, 1, event
        while (cause := index.causes[self._order.place_of(later.address, later.step)]) != NOBODY:
            earlier = self._order.at_place(cause)
            if earlier.number >= later.number:  # only a made-up record goes in circles
                break
            kind, name = self._link(effects, later)
            spent = max(0, later.at - earlier.at)
            by_kind[kind] += spent
            by_agent[later.address] += spent
            count += 1
            if len(segments) < SEGMENTS_MAX:
                segments.append(self._segment(earlier, later, kind, name))
            later = earlier
        return {
            "to": str(event),
            "total_ns": event.at - later.at,
            "events": count,
            "truncated": count - 1 > len(segments),
            "segments": segments,
            "by_kind": dict(by_kind.most_common()),
            "by_agent": dict(by_agent.most_common()),
        }

    def _segment(self, one: EventRef, other: EventRef, kind: str, name: str) -> dict[str, Any]:
        agents = self._rows.by_address
        return {
            "from": str(one),
            "to": str(other),
            "from_row": one.number,
            "to_row": other.number,
            "from_agent_index": agents[one.address].index,
            "agent_index": agents[other.address].index,
            "from_ns": one.at - self._start_ns,
            "to_ns": other.at - self._start_ns,
            "kind": kind,
            "name": name,
        }

    def _last(self) -> EventRef:
        """Return the event at which the workflow ended; the last of all, if it has not."""
        if not len(self._order):
            raise UsageError("The run has no events yet.", fix="Ask again in a while.")
        table = self._opened.building.tables["turns"]
        for agent in self._rows.agents:
            if agent.address.endswith("/root"):
                rows = list(found(table, "turn", 1, agent.index))
                rows += list(found(table, "src", -1, agent.index))
                ends = [table.columns["last_step"][row] for row in rows]
                if ends and agent.address.partition("/")[0] == self._opened.info.workflow:
                    return self._at(agent.address, min(max(ends), len(agent.at) - 1))
        return self._order.event(len(self._order) - 1)

    def _effects_by_end(self) -> dict[tuple[int, int], int]:
        """Return the rows of effects and timers, by agent and step of their ends."""
        columns, count = self._effects.columns, self._effects.rows
        ends = zip(columns["agent"], columns["last_step"], range(count), strict=False)
        return {(agent, step): row for agent, step, row in ends}

    def _link(self, effects: dict[tuple[int, int], int], later: EventRef) -> tuple[str, str]:
        """Return what led to an event from its cause: its kind and its name."""
        agent = self._rows.by_address[later.address]
        kind = agent.kinds[later.step]
        if kind == STARTED:
            return "start", ""
        if kind == DELIVERED:
            row = self._words.message(agent, later.step)
            if row is None:
                return "message", ""
            columns = self._opened.building.tables["messages"].columns
            handler = self._rows.handlers.texts[columns["handler"][row]]
            return "message", handler or self._rows.types.texts[columns["type"][row]]
        row = effects.get((agent.index, later.step))
        if row is None:
            return "effect", ""
        columns = self._effects.columns
        name = self._rows.effect_names.texts[columns["name"][row]]
        return _KINDS.get(columns["kind"][row], "effect"), name

    def _same_handler(self, agent: Agent, event: EventRef, sign: int) -> int:
        """Return the step of the next delivery of this agent that starts the same handler."""
        columns = self._opened.building.tables["messages"].columns

        def handler_at(step: int) -> int:
            row = self._words.message(agent, step) if agent.kinds[step] == DELIVERED else None
            return 0 if row is None else columns["handler"][row]

        wanted = handler_at(event.step)
        step = event.step + sign
        while 0 <= step < len(agent.at):
            here = handler_at(step)
            if here and (not wanted or here == wanted):
                return step
            step += sign
        return -1

    def _why(self, run: RecordedRun, event: EventRef, limit: int) -> Tree:
        # Somebody waits for it, and many events may have happened since the agent's last few.
        return why(run, self._graph, event, limit, teller=self._words, look_back=_LOOK_BACK)

    def _told(self, event: EventRef, tree: Tree | None, cone: Cone) -> dict[str, Any]:
        agents = self._rows.by_address
        said: dict[str, Any] = {"ref": str(event), "events": len(cone)}
        spans = cone.steps().items()
        said["cone"] = [[agents[address].index, *span] for address, span in spans]
        if tree is None:
            return {**said, "shown": 0, "agents": cone.counts(), "tree": []}
        nodes = tree.as_json()
        for node in nodes["tree"]:
            node["row"] = node["number"]
            node["at_ns"] -= self._start_ns
            node.pop("payload")
        return {**said, **nodes}

    def _at(self, address: str, step: int) -> EventRef:
        return self._order.at_place(self._order.place_of(address, step))
