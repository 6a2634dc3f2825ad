"""Points of a replay from which it can go on: cells at rest, kept in memory, few of them.

A rest is a kernel snapshot and, beside its JSON, a deep copy of the state's values: what JSON
forgets (which lists are the same list, private fields of models) is kept. What even a copy
may change, such as the order of a set, shows when commands are compared with the record; who
uses a rest replays from the start then.

`Rests` keeps two kinds. The *spine* lies evenly over what has been replayed: when there are
too many, every second one goes, and from then on they are taken half as often. The *near* ones
lie before the place that was gone to last, each half as far as the one before it, so that
stepping back costs no more than stepping forward. This is how rr thins out its checkpoints.
"""

import copy
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentmesh.errors import AgentMeshError
from agentmesh.kernel import lifecycle
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.snapshot import CellSnapshot, at_rest, restore, snapshot, take_up
from agentmesh.sdk.behavior import AgentBehavior
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import behavior_for

SPINE_MAX = 64
NEAR_MAX = 32
BYTES_MAX = 32 << 20
"""JSON of all states in the spine, and again in those near; the copies take a few times that."""
STRIDE = 64
"""Steps between two rests of the spine, at first."""
_BYTES_PER_STEP = 50
"""A state of so many bytes takes about as long to copy as a quarter of a step takes to handle."""


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """A cell at rest."""

    step: int
    """The latest step that it had handled."""
    taken: CellSnapshot
    values: dict[str, object] | None = None
    """Copies of the state's values; None if only their JSON is known."""
    waiting: tuple[Envelope, ...] = ()
    """Its mailbox, if it paused between two turns in the middle of that step."""


def attributes(cell: Cell) -> list[str]:
    """Return the names of what is an agent's state; none for an agent that is a function."""
    behavior = cell.behavior
    schema = behavior.agent_type.state if isinstance(behavior, AgentBehavior) else None
    return [] if schema is None or cell.instance is None else list(schema.hints)


def take(cell: Cell, step: int) -> Rest | None:
    """Take a rest of a cell; None if it is not at rest, or its state can't be copied."""
    if not at_rest(cell) or cell.state == lifecycle.STOPPED or _is_other(cell):
        return None
    try:
        taken = snapshot(cell)
        values = {name: getattr(cell.instance, name) for name in attributes(cell)}
        return Rest(step, taken, copy.deepcopy(values))
    except Exception:  # noqa: BLE001 - a value that can't be stored is no concern of a replay
        return None


def _is_other(cell: Cell) -> bool:
    """Tell whether a cell has another code than its address says."""
    return isinstance(cell.behavior, AgentBehavior) and cell.behavior.is_other


def made_of(rest: Rest, run: RunContext) -> Cell | None:
    """Make a cell that goes on where a rest was taken; None if it would not be the same."""
    taken = rest.taken
    try:
        cell = restore(behavior_for(run, taken.address), run, taken)
        if rest.values is not None:
            for name, value in copy.deepcopy(rest.values).items():
                object.__setattr__(cell.instance, name, value)
        same = cell.behavior.dump(cell.instance) == taken.state
        if rest.waiting:
            take_up(cell, rest.waiting)
    except AgentMeshError:
        return None
    return cell if same else None


class Rests:
    """The rests of one agent.

    Args:
        known: Some that are there from the beginning, such as those a run has recorded.
    """

    def __init__(self, known: Iterable[Rest] = ()) -> None:
        self._known = sorted(known, key=_step)
        self._spine: list[Rest] = []
        self._near: list[Rest] = []
        self._stride = STRIDE
        self._due = 0  # distance from the place that is gone to, at which one is taken
        self._size = 0  # of the latest state
        self.trusted = True
        """Whether any more are kept."""

    def __iter__(self) -> Iterator[Rest]:
        yield from (*self._known, *self._spine, *self._near)

    def __len__(self) -> int:
        return len(self._known) + len(self._spine) + len(self._near)

    def best(self, step: int) -> Rest | None:
        """Return the latest at or before a step."""
        every = sorted(self, key=_step)
        place = bisect_right(every, step, key=_step)
        return every[place - 1] if place else None

    def forget(self, *rests: Rest) -> None:
        """Keep these no longer; all, if none is named."""
        for kept in (self._known, self._spine, self._near):
            kept[:] = [each for each in kept if rests and each not in rests]

    def aim(self, distance: int) -> None:
        """Take in how far the place is that is gone to now."""
        self._due = distance // 2

    def offer(self, cell: Cell, step: int, distance: int) -> None:
        """Keep a rest of a cell if one is due.

        Args:
            cell: The cell, between two events.
            step: The latest step that it has handled.
            distance: How many steps there are still to go.
        """
        behind = step - (self._spine[-1].step if self._spine else -1)
        far = behind >= max(self._stride, self._size // _BYTES_PER_STEP)
        near = 0 < distance <= self._due
        if not (far or near) or not cell.idle or not self.trusted:
            return
        rest = take(cell, step)
        if rest is None:
            return
        self._size = len(rest.taken.state)
        if far:
            self._spine.append(rest)
            self._thin_out()
        if near:
            self._due = distance // 2
            others = [each for each in self._near if each.step != step]
            self._near = [*others[1 - NEAR_MAX :], rest]
            while len(self._near) > 1 and _size(self._near) > BYTES_MAX:
                del self._near[0]

    def _thin_out(self) -> None:
        spine = self._spine
        while len(spine) > 1 and (len(spine) > SPINE_MAX or _size(spine) > BYTES_MAX):
            del spine[1::2]
            self._stride *= 2


def _step(rest: Rest) -> int:
    return rest.step


def _size(rests: Iterable[Rest]) -> int:
    return sum(len(each.taken.state) for each in rests)
