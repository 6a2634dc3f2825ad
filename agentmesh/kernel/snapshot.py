"""A cell at rest as plain data, and a cell made of it.

At rest nothing is open: no turn, no effect, no timer of user code. What is left is the
agent's state and a few counters, from which every identity and random draw follows. A
cell that is made of a snapshot goes on exactly as the one it was taken of would have,
provided that its state is the same after a round trip through JSON.

A cell that could not be created is never at rest: its history is as short as it gets.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from agentmesh.errors import JournalVersionError, describe, rebuild
from agentmesh.kernel import lifecycle
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.cell import RULES, Cell
from agentmesh.kernel.commands import Command, StartTimer
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.prng import KeyedRandom
from agentmesh.kernel.supervised import SupervisedCell, cell_for
from agentmesh.kernel.supervision import Standing


class CellSnapshot(msgspec.Struct, array_like=True, frozen=True):
    """A cell at rest."""

    address: str
    seed: str
    rules: int
    now: int
    """Logical time of its latest event, nanoseconds since the epoch."""
    origin: int
    """Logical time of its first event."""
    serial: int
    """Of the latest task or future."""
    named: int
    """How many tasks were given a name."""
    sent: int
    """Messages sent so far."""
    turns: int
    """Turns started so far."""
    outside: int
    """Timers started outside any turn so far."""
    lifecycle: str
    state: bytes
    """JSON of the agent's state."""
    random: tuple[int, int, bytes, bytes, float | None] | None
    """Position in the stream of what runs outside any turn; None if nothing was drawn."""
    onward: list[Envelope]
    """Messages that turns go on with, sent and not delivered yet."""
    monitors: list[Envelope]
    """Who waits for it to stop."""
    down: bytes
    """How it stopped; empty while it lives."""
    why: bytes
    """The error that messages to it end with, as `errors.describe` wrote it; usually empty."""
    standing: dict[str, Any] | None
    """Of a supervised agent."""


def at_rest(cell: Cell) -> bool:
    """Tell whether a snapshot of the cell can be taken."""
    open_work = cell._timers or cell._effects or cell._asks
    created = cell._broken is None or cell.state == lifecycle.STOPPED
    return cell.idle and not open_work and created and cell.state != lifecycle.NEW


def snapshot(cell: Cell) -> CellSnapshot:
    """Take a snapshot of a cell at rest.

    Raises:
        StateError: A value of the state does not fit its annotation.
    """
    stopped = cell.state == lifecycle.STOPPED
    position = None if cell._random is None else cell._random.getstate()
    return CellSnapshot(
        address=cell.address,
        seed=cell.seed,
        rules=RULES,
        now=cell.now,
        origin=cell.loop.origin,
        serial=cell.loop._serial,
        named=cell.loop._named,
        sent=cell.sent,
        turns=cell._turns_started,
        outside=cell._outside,
        lifecycle=cell.state,
        state=b"" if stopped else cell.behavior.dump(cell.instance),
        random=None if position is None else _packed(position),
        onward=list(cell.onward),
        monitors=list(cell.monitors or ()),
        down=cell.down,
        why=b"" if cell._broken is None else describe(cell._broken),
        standing=cell.standing.as_data() if isinstance(cell, SupervisedCell) else None,
    )


def restore(behavior: Behavior, run: object, taken: CellSnapshot) -> Cell:
    """Make a cell that goes on where a snapshot was taken.

    Raises:
        JournalVersionError: It was taken under other scheduling rules.
        StateError: The state does not fit the agent's class.
    """
    if taken.rules != RULES:
        raise JournalVersionError(
            f"The snapshot of {taken.address} was taken under scheduling rules {taken.rules}; "
            f"this version knows {RULES}.",
            fix="Use the agentmesh version that recorded the run.",
        )
    cell = cell_for(behavior, run)
    cell.address, cell.seed, cell.now = taken.address, taken.seed, taken.now
    cell.loop.origin, cell.loop._serial, cell.loop._named = taken.origin, taken.serial, taken.named
    cell.sent, cell._turns_started, cell._outside = taken.sent, taken.turns, taken.outside
    cell.state = taken.lifecycle
    if taken.lifecycle != lifecycle.STOPPED:
        cell.instance = behavior.create(taken.state)
    if taken.random is not None:
        cell._random = _unpacked(KeyedRandom(cell.seed, cell.address), taken.random)
    cell._onward = {each.id: each for each in taken.onward} or None
    cell.monitors = taken.monitors or None
    cell.down = taken.down
    if taken.why:
        cell._broken = rebuild(taken.why)
    if isinstance(cell, SupervisedCell) and taken.standing is not None:
        cell.standing = Standing.of_data(taken.standing)
        cell._earlier_turns = 0
    return cell


def take_up(cell: Cell, waiting: Iterable[Envelope]) -> list[Command]:
    """Go on from a pause between two turns, in a cell made of the snapshot taken there.

    Args:
        cell: The cell.
        waiting: What was in its mailbox.

    Returns:
        What the rest of the event led to in which it had paused.
    """
    cell._mailbox = deque(waiting)
    cell.open_out()
    cell.loop.drain(cell._settle)
    return cell.take_out()


def open_timers(cell: Cell) -> list[StartTimer]:
    """Return the timers that a restored cell waits for."""
    timers = [StartTimer(*each.timer_id, each.due_ns) for each in cell._timers.values()]
    rest = cell.standing.alarm() if isinstance(cell, SupervisedCell) else None
    return [*timers, rest] if rest is not None else timers


def open_effects(cell: Cell) -> list[tuple[int, int]]:
    """Return turn and issue number of the effects that a restored cell waits for."""
    return list(cell._effects)


def _packed(state: tuple[Any, ...]) -> tuple[int, int, bytes, bytes, float | None]:
    """Return what a position is besides its identity; the pool may have any size."""
    _, key, counter, pool, bits, gauss = state
    return counter, bits, key, pool.to_bytes((bits + 7) // 8, "little"), gauss


def _unpacked(
    generator: KeyedRandom, packed: tuple[int, int, bytes, bytes, float | None]
) -> KeyedRandom:
    counter, bits, key, pool, gauss = packed
    root = generator.getstate()[0]
    generator.setstate((root, key, counter, int.from_bytes(pool, "little"), bits, gauss))
    return generator
