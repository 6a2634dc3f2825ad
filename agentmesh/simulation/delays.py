"""All schedules with at most so many deviations: none, one, two things held back.

Emmi, Qadeer and Rakamarić, "Delay-Bounded Scheduling" (POPL 2011), for worlds: instead of
skipping an agent in a round, one pending thing is held back until nothing else can happen. Most
bugs need one or two. When all are explored without a failure, that is a proof for this bound.
"""

from collections.abc import Callable, Iterator, Sequence

from agentmesh.simulation.pool import Item
from agentmesh.simulation.schedulers import Held, Scheduler
from agentmesh.simulation.world import World


def within(make: Callable[[Scheduler], World], bound: int) -> Iterator[World]:
    """Yield worlds, not begun, for every way to hold back at most so many things.

    Whoever takes them runs them: what there is to hold back is seen from what happened.

    Args:
        make: Makes a world for a scheduler, always alike.
        bound: How many deviations.
    """
    level: list[tuple[str, ...]] = [()]
    seen: dict[tuple[str, ...], None] = {}
    for depth in range(bound + 1):
        further: list[tuple[str, ...]] = []
        for held in level:
            with make(Held(held)) as world:
                contended: dict[str, None] = {}
                world.scheduler = _Watched(world.scheduler, contended)
                yield world
                order = tuple(world.order)
            if order in seen:
                continue
            seen[order] = None
            if depth < bound:
                further.extend((*held, key) for key in contended if key not in held)
        level = further


class _Watched:
    """Notes what is chosen while something else was possible, too."""

    def __init__(self, inner: Scheduler, contended: dict[str, None]) -> None:
        self._inner = inner
        self._contended = contended

    def begin(self, seed: str) -> None:
        self._inner.begin(seed)

    def choose(self, possible: Sequence[Item]) -> Item:
        chosen = self._inner.choose(possible)
        if len(possible) > 1:
            self._contended[chosen.key] = None
        return chosen
