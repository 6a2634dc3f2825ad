"""The event index of a run, made of the columns of its table.

The same as `index` makes of decoded records, several times quicker where the run is one sealed
file: no record is decoded, and only the columns that say what causes what are read. Ids of
messages are compared as the table shows them; a run in which that is ambiguous (addresses that
are no valid Unicode) is not read this way.

Knows the table's columns; never runs a program.
"""

from typing import TYPE_CHECKING

from agentmesh.causality.index import NOBODY, EventIndex
from agentmesh.journal import strings
from agentmesh.kernel.envelope import CLIENT

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

_COLUMNS = ("agent", "index", "kind", "time_ns", "turn", "n", "message", "peer")
_STARTS = ("start_effect", "start_timer")
_ENDS = ("finished", "failed", "fired")


def index_of_columns(run: "Run") -> EventIndex | None:
    """Return what causes what in a sealed run; None where its columns do not say it.

    Args:
        run: The run, open and sealed.

    Raises:
        JournalDamagedError: The file is damaged.
    """
    addresses = run.addresses()
    if any(strings.escape(each) != each for each in addresses):
        return None
    table = run.columns(_COLUMNS)
    columns = {name: table[name].to_pylist() for name in _COLUMNS}
    reading = _Reading()
    first = 0
    ends = _ends_of(columns["agent"])
    for address in addresses:
        end = ends[address]
        reading.begin(address)
        rows = (columns[name][first:end] for name in _COLUMNS[1:])
        reading.take(zip(*rows, strict=True))
        first = end
    reading.match()
    return reading.index


def _ends_of(agents: list[str]) -> dict[str, int]:
    """Return where the rows of each agent end; rows of one agent are together."""
    return dict(zip(agents, range(1, len(agents) + 1), strict=True))


class _Reading:
    """Takes the rows of all agents, one agent after the other."""

    def __init__(self) -> None:
        self.index = EventIndex()
        self._sent: dict[str, int] = {}
        self._arrived: list[tuple[int, str]] = []

    def begin(self, address: str) -> None:
        self.index.begin(address)

    def take(self, rows: "zip[tuple[int, str, int, int | None, int | None, str, str]]") -> None:
        """Take the rows of one agent."""
        index, sent, arrived = self.index, self._sent, self._arrived
        started: dict[tuple[int | None, int | None], int] = {}
        first = place = len(index)
        is_new = True
        for number, kind, at, turn, n, message, peer in rows:
            if number == 0:
                place = len(index)
                cause = NOBODY
                if kind in _ENDS:
                    cause = started.pop((turn, n), NOBODY)
                elif kind == "streamed":
                    cause = started.get((turn, n), NOBODY)
                elif kind == "delivered":
                    if peer != CLIENT:
                        start = first if is_new else place
                        arrived.extend((each, message) for each in range(start, place + 1))
                    is_new = False
                index.add(at, cause)
            elif kind == "sent":
                sent.setdefault(message, place)
            elif kind in _STARTS:
                started[turn, n] = place

    def match(self) -> None:
        """Give what was delivered its cause."""
        causes, sent = self.index.causes, self._sent
        for place, message in self._arrived:
            causes[place] = sent.get(message, NOBODY)
