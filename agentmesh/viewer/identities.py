"""What events are, whichever run they are in: columns by which a page aligns two runs.

Identities are made of causes (`causality.identity`), and each is one among those of its agent.
The whole run is read for them, so they are made when somebody compares it, and kept for the runs
that were compared last. They travel as doubles, which have 53 of their 64 bits: all that a page
can hold apart.
"""

import threading
from array import array
from collections import OrderedDict

from agentmesh.causality.identity import traces
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.tables import packed

_KEPT_MAX = 4
_BITS_LEFT_OUT = 11
_COLUMNS = (("identity", "f64"), ("content", "f64"), ("doings", "f64"))

Columns = tuple["array[float]", "array[float]", "array[float]"]


class Identities:
    """Makes and keeps the identities of runs' events."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Columns] = OrderedDict()
        self._making = threading.Lock()

    def body(self, opened: OpenRun, since: int, limit: int) -> bytes:
        """Return rows of a run's events, in the order of its table of events.

        Args:
            opened: The run.
            since: The first row that is wanted.
            limit: How many at most.

        Raises:
            JournalError: The run can't be read.
        """
        columns = self._of(opened)
        total = len(columns[0])
        upto = min(total, since + limit)
        header = {
            "table": "identities",
            "generation": opened.generation,
            "since": since,
            "rows": max(0, upto - since),
            "updates": 0,
            "total": total,
            "next": max(since, upto),
            "complete": True,
            "dictionaries": {},
        }
        return packed(header, _COLUMNS, [column[since:upto].tobytes() for column in columns])

    def _of(self, opened: OpenRun) -> Columns:
        opened.wait_complete()
        with self._making:
            key = (opened.id, opened.generation, opened.version)
            found = self._kept.pop(key, None) or _made(opened)
            self._kept[key] = found
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
        return found


def _made(opened: OpenRun) -> Columns:
    """Read a run, and bring what its events are into the order of its rows."""
    building = opened.building
    with opened.fresh() as run:
        by_agent = traces(run)
    known = [by_agent.get(agent.address) for agent in building.agents]
    events = building.tables["events"]
    columns: Columns = (array("d"), array("d"), array("d"))
    for row in range(events.rows):
        trace, step = known[events.columns["agent"][row]], events.columns["step"][row]
        found = (0, 0, 0)
        if trace is not None and step < len(trace):
            found = (trace.identities[step], trace.contents[step], trace.doings[step])
        for column, value in zip(columns, found, strict=True):
            column.append(float(value >> _BITS_LEFT_OUT))
    return columns
