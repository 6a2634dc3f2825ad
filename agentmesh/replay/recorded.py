"""Rests that a run itself has recorded: the snapshots of its hosts.

A run that goes on, or broke off, has the latest snapshot of each host; one that has ended
has none any more. A rest counts only where it is what a replay would come to: under the same
scheduling rules, and with the code that recorded it. What goes on from it is compared with
the record like any other step.
"""

from collections.abc import Iterator
from pathlib import Path

from agentmesh.errors import JournalError
from agentmesh.journal.places import EVENTS, SNAPSHOTS
from agentmesh.journal.run import Run
from agentmesh.journal.snapshots import CellImage, read_header, read_snapshot
from agentmesh.journal.succession import latest_snapshot
from agentmesh.kernel.cell import RULES
from agentmesh.replay.divergence import Today
from agentmesh.replay.resting import Rest


def recorded_rests(run: Run, address: str, today: Today) -> list[Rest]:
    """Return the rests of an agent in a run's snapshots; none if they are of no use here.

    Args:
        run: The run; only one on this machine has snapshots that can be read.
        address: The agent.
        today: What this process is.
    """
    recorded = run.info.sources
    if not recorded or any(today.sources.get(each) != recorded[each] for each in recorded):
        return []
    try:
        return [rest for rest in _rests(run, address) if rest.taken.rules == RULES]
    except (JournalError, OSError):
        return []  # a damaged snapshot costs time, and nothing else


def _rests(run: Run, address: str) -> Iterator[Rest]:
    root = Path(run.path)
    folder, events = root / SNAPSHOTS, root / EVENTS
    if not folder.is_dir() or not events.is_dir():
        return
    headers = {path.name: read_header(path) for path in sorted(events.glob("*.log"))}
    known = {name: header for name, header in headers.items() if header is not None}
    for host in sorted({header.host for header in known.values()}):
        mine = {name: header for name, header in known.items() if header.host == host}
        name = latest_snapshot(folder, host, mine)
        for image in read_snapshot(folder / name) if name is not None else ():
            if isinstance(image, CellImage) and image.address == address and image.rest:
                since = len(image.carried) - image.unhandled
                waiting = tuple(run.resolve(each).envelope for each in image.mailbox())
                yield Rest(image.steps - since - 1, image.rest, waiting=waiting)
