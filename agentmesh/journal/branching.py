"""The sealed file of a branch: its parent's rows, but for the agents that differ from some step on.

Rows that are the same are copied as columns, without being decoded: a branch of a long run costs
what it changes, and a few microseconds for each row that it does not. Payloads in the blob store
are linked, not copied, where the file system can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmesh.journal import strings, table
from agentmesh.journal.files import join
from agentmesh.journal.payloads import add_record
from agentmesh.journal.places import BLOBS, EVENTS, SEALED, unusable
from agentmesh.journal.run import Run
from agentmesh.journal.sealed_writer import sealed_schema, write_sealed

if TYPE_CHECKING:
    import pyarrow as pa


def seal_branch(parent: Run, branch: Run, kept: Mapping[str, int]) -> None:
    """Write a branch's sealed file, then remove its logs.

    Args:
        parent: The run that it is a branch of, open.
        branch: The branch: its logs have what is different.
        kept: Of each agent that is different, how many steps of the parent it has; what
            follows is in the branch's logs. Other agents are the parent's.

    Raises:
        JournalDamagedError: A file is damaged; all stay as they are.
        StoreError: The file can't be written; all stay as they are.
    """
    path, logs = join(branch.path, SEALED), branch.logs()
    columns = sealed_schema(logs)
    try:
        with branch.files.building(path) as made:
            write_sealed(made, _rows(parent, branch, kept, columns), columns)
        branch.close()
        for name in logs:
            branch.files.remove(join(branch.path, EVENTS, name))
    except OSError as error:
        raise unusable(path, "can't be written", error) from error


def link_blobs(parent: Run, branch: Run) -> None:
    """Let a branch have the payloads of its parent's blob store.

    Raises:
        StoreError: They can't be copied.
    """
    files = parent.files
    try:
        for folder in files.names(join(parent.path, BLOBS)):
            for name in files.names(join(parent.path, BLOBS, folder)):
                source = join(parent.path, BLOBS, folder, name)
                target = join(branch.path, BLOBS, folder, name)
                if not _linked(parent, branch, source, target):
                    branch.files.write(target, files.read(source))
    except OSError as error:
        raise unusable(join(branch.path, BLOBS), "can't be written", error) from error


def _linked(parent: Run, branch: Run, source: str, target: str) -> bool:
    if not (parent.files.local and branch.files.local):
        return False
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _rows(parent: Run, branch: Run, kept: Mapping[str, int], columns: pa.Schema) -> Iterator[Any]:
    """Yield the rows of a branch, in the order of the file."""
    known = parent.columns(["agent", "step"])
    ranges = _ranges(known["agent"])
    own = branch.addresses()
    wanted: list[tuple[int, int] | str] = []
    for address in sorted([*dict.fromkeys([*ranges, *own])], key=strings.escape):
        first, end = ranges.get(address, (0, 0))
        if address in kept:
            end = first + _count_before(known["step"].slice(first, end - first), kept[address])
        before = wanted[-1] if wanted else ""
        if not isinstance(before, str) and before[1] == first:
            wanted[-1] = (before[0], end)
        elif end > first:
            wanted.append((first, end))
        if address in own and address in kept:
            wanted.append(address)
    groups = _Groups(parent.row_groups(columns))
    for each in wanted:
        if isinstance(each, str):
            steps = branch.later_steps(each, kept[each])
            yield from table.batches(table.rows_of(each, steps, add_record), columns)
        else:
            yield from groups.between(*each)


class _Groups:
    """The rows of a run, read group by group, and handed out from the first to the last."""

    def __init__(self, groups: Iterator[Any]) -> None:
        self._groups = groups
        self._first = self._end = 0
        self._group: Any = None

    def between(self, first: int, end: int) -> Iterator[Any]:
        """Yield the rows from one to another; nobody wants earlier ones any more."""
        while first < end:
            while self._end <= first:
                self._group = next(self._groups)
                self._first, self._end = self._end, self._end + self._group.num_rows
            until = min(end, self._end)
            yield self._group.slice(first - self._first, until - first)
            first = until


def _ranges(agents: Any) -> dict[str, tuple[int, int]]:
    """Return the first row of each agent, and the one after its last."""
    import pyarrow.compute as pc

    runs = pc.run_end_encode(agents.combine_chunks())
    ends = runs.run_ends.to_pylist()
    names = map(strings.unescape, runs.values.to_pylist())
    return dict(zip(names, zip([0, *ends], ends, strict=False), strict=True))


def _count_before(steps: Any, step: int) -> int:
    """Return how many rows of an agent come before a step: steps never go back."""
    import pyarrow.compute as pc

    place: int = pc.index(pc.greater_equal(steps, step), value=True).as_py()
    return len(steps) if place < 0 else place
