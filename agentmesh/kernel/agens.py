"""Asynchronous generators that have begun and not ended, and whose turn each belongs to.

One that is broken off is closed when its last reference goes, or else with its turn. They
are known by address, which is used again: an entry counts for the latest generator there.
"""

from typing import Any
from weakref import ref

from agentmesh.kernel.tasks import AsyncGen
from agentmesh.kernel.turn import Turn

_PRUNE_AT = 64


class Agens:
    """The asynchronous generators of one cell, oldest first."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        # By a weak reference, or itself once only the garbage collector had found it.
        self._held: dict[int, tuple[Turn, ref[AsyncGen] | AsyncGen]] = {}

    def adopt(self, agen: AsyncGen, turn: Turn) -> None:
        """Note who a generator belongs to, when it begins."""
        held = self._held
        if len(held) >= _PRUNE_AT and len(held) & (len(held) - 1) == 0:
            for number in [number for number, each in held.items() if _unended(each) is None]:
                del held[number]
        number = id(agen)  # tidy: looked up, never ordered
        held.pop(number, None)
        held[number] = (turn, ref(agen))

    def drop(self, agen: AsyncGen) -> Turn | None:
        """Forget a generator that is about to be closed; return whose it was."""
        entry = self._held.pop(id(agen), None)  # tidy: looked up, never ordered
        return None if entry is None else entry[0]

    def keep(self, agen: AsyncGen) -> None:
        """Hold a generator that the garbage collector found until its turn ends.

        It is out of the handler's reach, so that this is the same as if the collector
        had not run: a replay, where it runs at other moments, does the same.
        """
        number = id(agen)  # tidy: looked up, never ordered
        entry = self._held.get(number)
        if entry is not None:
            self._held[number] = (entry[0], agen)

    def take(self, turn: Turn) -> list[AsyncGen]:
        """Forget a turn's generators; return those that have to be closed, oldest first."""
        mine = [number for number, (owner, _) in self._held.items() if owner is turn]
        unended = (_unended(self._held.pop(number)) for number in mine)
        return [agen for agen in unended if agen is not None]


def _unended(entry: tuple[Turn, ref[AsyncGen] | AsyncGen]) -> AsyncGen | None:
    held: Any = entry[1]
    agen: AsyncGen | None = held() if isinstance(held, ref) else held
    return None if agen is None or getattr(agen, "ag_frame", None) is None else agen
