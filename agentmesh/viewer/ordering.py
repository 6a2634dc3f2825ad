"""The events of a run as rows in run order, each with its cause.

At first all events are put in order as `causality.order` does. What a run that goes on adds later
comes behind that, in an order that is as causal; only when the run has ended, and is read anew,
all have their final numbers.
"""

import heapq
from array import array
from collections.abc import Iterator, Sequence

from agentmesh.causality.index import NOBODY, EventIndex
from agentmesh.causality.order import RunOrder
from agentmesh.errors import JournalDamagedError
from agentmesh.viewer.agents import NOTHING, Agent, message_of
from agentmesh.viewer.tables import Table


def first(agents: Sequence[Agent], events: Table, messages: Table, start_ns: int) -> str:
    """Put all events in order; return why they are in the order of time only, if they are."""
    index = _index(agents, messages)
    problem = ""
    try:
        places: Sequence[int] = RunOrder(index).places
    except JournalDamagedError as error:
        problem = error.what
        places = sorted(range(len(index)), key=index.at.__getitem__)
    rows = array("i", bytes(4 * len(places)))
    for row, place in enumerate(places):
        rows[place] = row
    by_agent, steps = array("I"), array("I")
    kinds, turns = array("B"), array("I")
    for agent in agents:
        count = len(agent.at)
        by_agent.extend([agent.index] * count)
        steps.extend(range(count))
        kinds.extend(agent.kinds)
        turns.extend(agent.turns)
        agent.ordered = count
    causes = index.causes
    found = [causes[place] for place in places]
    events.replace(
        {
            "agent": array("I", map(by_agent.__getitem__, places)),
            "step": array("I", map(steps.__getitem__, places)),
            "at": array("d", [index.at[place] - start_ns for place in places]),
            "kind": array("B", map(kinds.__getitem__, places)),
            "cause": array("i", [rows[each] if each >= 0 else -1 for each in found]),
            "turn": array("I", map(turns.__getitem__, places)),
        }
    )
    return problem


def further(agents: Sequence[Agent], events: Table, messages: Table, start_ns: int) -> None:
    """Add the events that are new, each after its cause."""
    rows, columns = _rows(agents, events), events.columns
    for agent, step in _merged(agents, messages):
        cause = _cause(agent, step, messages)
        row = -1
        if cause is not None:
            row = rows[cause[0]][cause[1]] if cause[1] < len(rows[cause[0]]) else -1
        rows[agent.index].append(len(events))
        new = events.new()
        columns["agent"][new], columns["step"][new] = agent.index, step
        columns["at"][new] = agent.at[step] - start_ns
        columns["kind"][new], columns["turn"][new] = agent.kinds[step], agent.turns[step]
        columns["cause"][new] = row
    turns, steps, by_agent = (events.columns[name] for name in ("turn", "step", "agent"))
    for row in range(events.rows):  # turns that have begun since then
        turn = agents[by_agent[row]].turns[steps[row]]
        if turn != turns[row]:
            turns[row] = turn
            events.changed(row)


def restored(agents: Sequence[Agent], events: Table, messages: Table, run_id: str) -> RunOrder:
    """Return the events, in the order that they have here, as others ask for them."""
    index = _index(agents, messages)
    steps, by_agent = events.columns["step"], events.columns["agent"]
    firsts = index.first
    count = events.rows
    places = array("q", (firsts[by_agent[row]] + steps[row] for row in range(count)))
    return RunOrder.restored(index, places, run_id)


def _index(agents: Sequence[Agent], messages: Table) -> EventIndex:
    index = EventIndex()
    firsts, total = [], 0
    for agent in agents:
        firsts.append(total)
        total += len(agent.at)
    senders, steps = messages.columns["src"], messages.columns["src_step"]
    for agent in agents:
        index.begin(agent.address)
        index.at.extend(agent.at)
        index.first[-1] = len(index.at)
        base = firsts[agent.index]
        for cause in agent.causes:
            if cause >= 0:
                index.causes.append(base + cause)
            elif cause == NOTHING:
                index.causes.append(NOBODY)
            else:
                row = message_of(cause)
                step = steps[row]
                index.causes.append(firsts[senders[row]] + step if step >= 0 else NOBODY)
    return index


def _cause(agent: Agent, step: int, messages: Table) -> tuple[int, int] | None:
    """Return the agent and step that an event comes from."""
    cause = agent.causes[step]
    if cause >= 0:
        return agent.index, cause
    if cause == NOTHING:
        return None
    row = message_of(cause)
    sent_at = messages.columns["src_step"][row]
    return (messages.columns["src"][row], sent_at) if sent_at >= 0 else None


def _merged(agents: Sequence[Agent], messages: Table) -> Iterator[tuple[Agent, int]]:
    """Yield the new events: the earliest first, none before its cause if that is new, too."""
    heap = [(agent.at[agent.ordered], agent.index) for agent in agents if _more(agent)]
    heapq.heapify(heap)
    waiting: dict[tuple[int, int], list[tuple[int, int]]] = {}
    held: list[tuple[int, int]] = []
    while heap or held:
        if not heap:  # a circle, or what they wait for is not on record: any order will do
            heap, held = held, []
            waiting.clear()
            heapq.heapify(heap)
            checked = False
        else:
            checked = True
        at, index = heapq.heappop(heap)
        agent = agents[index]
        step = agent.ordered
        cause = _cause(agent, step, messages) if checked else None
        if cause is not None and cause[0] != index and agents[cause[0]].ordered <= cause[1]:
            waiting.setdefault(cause, []).append((at, index))
            held.append((at, index))
            continue
        yield agent, step
        agent.ordered += 1
        if _more(agent):
            heapq.heappush(heap, (max(at, agent.at[agent.ordered]), index))
        for entry in waiting.pop((index, step), ()):
            held.remove(entry)
            heapq.heappush(heap, entry)


def _more(agent: Agent) -> bool:
    return agent.ordered < len(agent.at)


def _rows(agents: Sequence[Agent], events: Table) -> "list[array[int]]":
    """Return the row of each event, by agent and step."""
    rows = [array("i", bytes(4 * agent.ordered)) for agent in agents]
    steps, by_agent = events.columns["step"], events.columns["agent"]
    for row in range(len(events)):
        rows[by_agent[row]][steps[row]] = row
    return rows
