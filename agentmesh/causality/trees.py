"""Why an event happened, and what came of it: as trees of a readable size.

The whole past of an event is soon the whole run. So a tree begins with the event, and takes
up what is nearest to it in the run order, until it has as many events as were asked for; at each
event it says how many more there are.

*Why*: an event has a cause that asked for it: the step that sent the message, or started the
effect or timer. What its agent took in before, independently of that cause, may have mattered,
too, by way of the agent's state: these are the events that *raced* with it for the agent.

*What came of it*: the messages that the step sent, the effects and timers that it started, and
so on; and what its own agent took in next, which met the state that the event left.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from agentmesh.causality.graph import Cone, Graph
from agentmesh.causality.index import NOBODY
from agentmesh.causality.order import EventRef
from agentmesh.causality.summaries import Summary, Teller
from agentmesh.journal.run import Run

EVENTS_MAX = 20
"""Events of a tree, unless told otherwise."""
WIDTH_MAX = 3
"""Earlier, or later, events of an agent that are shown at one event."""
LOOK_BACK = 1_000
"""How many earlier events of its agent an event is held against."""

CAUSE, BEFORE, EFFECT, AFTER = "came from", "before it", "led to", "after it"
"""How an event of a tree has to do with the one above it."""


@dataclass(kw_only=True)
class Node:
    """An event of a tree."""

    event: EventRef
    relation: str = ""
    """To the event above: `came from`, `before it`, `led to` or `after it`."""
    summary: Summary = field(default_factory=lambda: Summary(what=""))
    children: list["Node"] = field(default_factory=list)
    left_out: int = 0
    """Direct causes, or effects, that there was no room for."""
    others: int = 0
    """More events of its agent that came before it, or after it, and are not shown."""
    shown_elsewhere: bool = False
    """Whether this tree has the event at another place, with what follows from there."""

    def as_json(self, above: EventRef | None) -> dict[str, Any]:
        """Return plain values, without what is below."""
        return {
            "event": str(self.event),
            "number": self.event.number,
            "at_ns": self.event.at,
            "relation": self.relation,
            "of": None if above is None else str(above),
            "what": self.summary.what,
            "payload": self.summary.payload,
            "shown_elsewhere": self.shown_elsewhere,
            "left_out": self.left_out,
            "others": self.others,
        }


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Causes or effects of an event."""

    root: Node
    events: int
    """How many events the whole past or future has, the event included."""
    shown: int
    """How many of them are in the tree."""
    agents: dict[str, int]
    """How many of them each agent has, the event left out; the most first."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "events": self.events,
            "shown": self.shown,
            "agents": self.agents,
            "tree": [node.as_json(above) for node, above in self.nodes()],
        }

    def nodes(self) -> Iterator[tuple[Node, EventRef | None]]:
        """Yield all nodes, each with the event above it."""
        waiting: list[tuple[Node, EventRef | None]] = [(self.root, None)]
        while waiting:
            node, above = waiting.pop()
            yield node, above
            waiting += [(child, node.event) for child in reversed(node.children)]


class Telling(Protocol):
    """Puts events into words."""

    def read(self, events: Iterable[EventRef]) -> None:
        """Get ready to tell about some events."""

    def summary(self, event: EventRef) -> Summary:
        """Put an event into words."""


def why(
    run: Run,
    graph: Graph,
    event: EventRef,
    limit: int = EVENTS_MAX,
    *,
    teller: Telling | None = None,
    look_back: int = LOOK_BACK,
) -> Tree:
    """Return what an event came from, the latest first.

    Args:
        run: The run, open.
        graph: What causes what in it.
        event: The event.
        limit: How many events at most.
        teller: Puts events into words; reads them in the run by default.
        look_back: How many earlier events of its agent an event is held against.
    """
    teller = teller or Teller(run, graph.order)
    return _grown(teller, _Why(graph, look_back), graph.past(event), event, limit)


def effects_of(
    run: Run,
    graph: Graph,
    event: EventRef,
    limit: int = EVENTS_MAX,
    *,
    teller: Telling | None = None,
) -> Tree:
    """Return what an event led to, the earliest first.

    Args:
        run: The run, open.
        graph: What causes what in it.
        event: The event.
        limit: How many events at most.
        teller: Puts events into words; reads them in the run by default.
    """
    teller = teller or Teller(run, graph.order)
    return _grown(teller, _Effects(graph), graph.future(event), event, limit)


class _Below(NamedTuple):
    """What hangs below an event."""

    direct: list[EventRef]
    """Its cause, or its effects."""
    beside: list[EventRef]
    """Events of the same agent, before or after it."""
    others: int = 0
    """More of these."""


class _Why:
    """Looks back: at causes, and at what an agent had taken in that its cause did not know of."""

    sign = -1
    direct, beside = CAUSE, BEFORE

    def __init__(self, graph: Graph, look_back: int) -> None:
        self.graph = graph
        self._look_back = look_back

    def below(self, event: EventRef, *, is_root: bool) -> _Below:
        """Return what an event came from."""
        del is_root
        order = self.graph.order
        place, index = order.place_of(event.address, event.step), order.index
        cause = index.causes[place]
        first = place - event.step
        known = self._known(place, cause, first)
        earlier = range(place - 1, max(known, first), -1)  # the first is only the agent's start
        return _Below(
            direct=[] if cause == NOBODY else [order.at_place(cause)],
            beside=[order.at_place(each) for each in earlier[:WIDTH_MAX]],
            others=len(earlier[WIDTH_MAX:]),
        )

    def _known(self, place: int, cause: int, first: int) -> int:
        """Return the last event of the agent that the cause of an event knew of."""
        if cause == NOBODY:
            return first
        agent = self.graph.order.index.agent_at(place)
        floor = max(first, place - self._look_back)
        known = self.graph.latest_known(cause, agent, floor)
        return known if known >= floor else first  # it is earlier still, or there is none


class _Effects:
    """Looks ahead: at effects, and at what met the state that the event left."""

    sign = 1
    direct, beside = EFFECT, AFTER

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def below(self, event: EventRef, *, is_root: bool) -> _Below:
        """Return what an event led to."""
        order = self.graph.order
        led = [each for each in self.graph.effects_of(event) if each.step]  # no mere starts
        if not is_root:
            return _Below(led, [])
        last = order.steps_of(event.address) - 1
        shown = range(event.step + 1, min(last, event.step + WIDTH_MAX) + 1)
        later = [order.at_place(order.place_of(event.address, step)) for step in shown]
        return _Below(led, later, last - event.step - len(later))


def _grown(teller: Telling, look: _Why | _Effects, cone: Cone, event: EventRef, limit: int) -> Tree:
    """Take up the nearest events, one by one; then make them a tree, and put them into words."""
    known = _nearest(look, event, limit)
    root = Node(event=event)
    tree = Tree(root=root, events=len(cone), shown=len(known), agents=_others(cone.counts(), event))
    _arrange(root, known, look)
    teller.read(node.event for node, _ in tree.nodes())
    for node, _ in tree.nodes():
        node.summary = teller.summary(node.event)
    return tree


def _nearest(look: _Why | _Effects, event: EventRef, limit: int) -> dict[int, _Below]:
    """Return the events of the tree, by number, with what is below each."""
    known: dict[int, _Below] = {}
    waiting = [(look.sign * event.number, event)]
    while waiting and len(known) < limit:
        _, one = heapq.heappop(waiting)
        if one.number not in known:
            below = look.below(one, is_root=one == event)
            known[one.number] = below
            for other in (*below.direct, *below.beside):
                heapq.heappush(waiting, (look.sign * other.number, other))
    return known


def _arrange(root: Node, known: dict[int, _Below], look: _Why | _Effects) -> None:
    """Hang each event where it is least indented, and only mention it elsewhere."""
    taken = {root.event.number}
    waiting = deque([root])
    while waiting:
        node = waiting.popleft()
        below = known[node.event.number]
        node.others = below.others
        for relation, events in ((look.direct, below.direct), (look.beside, below.beside)):
            for event in events:
                child = Node(event=event, relation=relation)
                if event.number not in known:
                    node.left_out += relation == look.direct
                    node.others += relation == look.beside
                    continue
                node.children.append(child)
                if event.number in taken:
                    child.shown_elsewhere = True
                    continue
                taken.add(event.number)
                if relation == look.direct and len(below.direct) == 1:
                    waiting.appendleft(child)
                else:
                    waiting.append(child)


def _others(agents: dict[str, int], event: EventRef) -> dict[str, int]:
    """Return how many events agents have besides one, the most first; not those without."""
    agents[event.address] -= 1
    most = sorted(agents.items(), key=lambda item: (-item[1], item[0]))
    return {address: count for address, count in most if count}
