"""The event index of a run, made of the columns of its table.

The same as `index` makes of decoded records, many times quicker where the run is one sealed
file: no record is decoded, and only the columns that say what causes what are looked at. Ids of
messages are compared as the table shows them; a run in which that is ambiguous (addresses that
are no valid Unicode, effects that begin twice) is not read this way.

Knows the table's columns; never runs a program.
"""

from array import array
from typing import TYPE_CHECKING, Any

from agentmesh.causality.index import NOBODY, EventIndex
from agentmesh.journal import strings
from agentmesh.kernel.envelope import CLIENT

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

COLUMNS = ("agent", "index", "kind", "time_ns", "turn", "n", "message", "peer")
_STARTS = ["start_effect", "start_timer"]
_ENDS = ["finished", "failed", "fired", "streamed"]


def index_of_columns(run: "Run") -> EventIndex | None:
    """Return what causes what in a sealed run; None where its columns do not say it.

    Args:
        run: The run, open and sealed.

    Raises:
        JournalDamagedError: The file is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    addresses = run.addresses()
    if any(strings.escape(each) != each for each in addresses):
        return None
    table = run.columns(COLUMNS)
    is_event = pc.equal(table["index"], 0)
    places = pc.subtract(pc.cumulative_sum(pc.cast(is_event, pa.int64())), 1)
    table = table.append_column("place", places)
    events = table.filter(is_event)
    index = EventIndex.of(addresses, _ends(events["agent"]), _numbers(events["time_ns"]))
    if len(index) != events.num_rows or not _match_effects(index, table):
        return None
    _match_messages(index, table)
    return index


def _ends(agents: Any) -> dict[str, int]:
    """Return, by agent, the number of the row behind its last one: its rows are together."""
    import pyarrow.compute as pc

    runs = pc.run_end_encode(agents.combine_chunks())
    return dict(zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True))


def _numbers(column: Any) -> "array[int]":
    return array("q", column.to_pylist())


def _rows(table: Any, kinds: list[str], *names: str) -> list[list[Any]]:
    """Return some columns of the rows of some kinds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = table.select(["kind", *names]).filter(
        pc.is_in(table["kind"], value_set=pa.array(kinds))
    )
    return [found[name].to_pylist() for name in names]


def _match_effects(index: EventIndex, table: Any) -> bool:
    """Give the ends of effects and timers their causes; tell if none began twice."""
    agents, turns, numbers, places = _rows(table, _STARTS, "agent", "turn", "n", "place")
    started = dict(zip(zip(agents, turns, numbers, strict=True), places, strict=True))
    if len(started) != len(places):
        return False
    causes = index.causes
    agents, turns, numbers, places = _rows(table, _ENDS, "agent", "turn", "n", "place")
    for place, began in zip(places, zip(agents, turns, numbers, strict=True), strict=True):
        causes[place] = started.get(began, NOBODY)
    return True


def _match_messages(index: EventIndex, table: Any) -> None:
    """Give what was delivered its cause, and the start of an agent that of its first message."""
    messages, places = _rows(table, ["sent"], "message", "place")
    sent = dict(zip(reversed(messages), reversed(places), strict=True))  # the first one counts
    causes, arrived = index.causes, {}
    messages, peers, places = _rows(table, ["delivered"], "message", "peer", "place")
    for message, peer, place in zip(messages, peers, places, strict=True):
        if peer != CLIENT:
            causes[place] = arrived[place] = sent.get(message, NOBODY)
    firsts = sorted(places)
    at = 0
    for first, end in zip(index.first, index.first[1:], strict=False):
        while at < len(firsts) and firsts[at] < first:
            at += 1
        if at < len(firsts) and firsts[at] < end and firsts[at] in arrived:
            for place in range(first, firsts[at]):
                causes[place] = arrived[firsts[at]]
