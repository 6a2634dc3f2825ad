"""A failing schedule made small: fewest faults, fewest deviations from the default order.

A schedule is rewritten as what has to be held back (`schedulers.Held`), and of that, parts are
taken away as long as the same failure comes (Zeller's ddmin, then one by one). A failure is the
same if it is called the same: the invariant's or the error's name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from agentmesh.simulation.cases import Case
from agentmesh.simulation.faults import FaultPlan
from agentmesh.simulation.schedulers import Recorded, Scheduler
from agentmesh.simulation.world import World

RUNS_MAX = 500
"""Worlds that are run for it."""

Make = Callable[[Scheduler, FaultPlan, str], World]
"""Makes a world that has not begun, given scheduler, faults and seed."""


class Judge(Protocol):
    """Says what is wrong with a world; `judging.Judged` is one."""

    def attach(self, world: World) -> World:
        """Watch a world that has not begun."""
        ...

    def __call__(self, world: World) -> str:
        """Run a world to its end and name its failure; empty if it has none."""
        ...


class Shrinker:
    """Makes one failing world small.

    Args:
        make: Makes the world.
        judge: Runs and judges it.
        failure: What it must be called.
    """

    def __init__(self, make: Make, judge: Judge, failure: str) -> None:
        self._make = make
        self._judge = judge
        self._failure = failure
        self.runs = 0
        """Worlds run so far."""

    def shrink(self, order: Sequence[str], faults: Mapping[str, str], seed: str) -> Case:
        """Return a small case with the same failure.

        Args:
            order: Keys of what happened in the failing world, in order.
            faults: What struck it.
            seed: Its seed.
        """
        plan = Case(faults=faults, seed=seed)
        case = replace(plan, held=tuple(self.held(order, plan)))
        if not self.fails(case):  # the rest of the run is not what it was: keep it in full
            case = replace(plan, held=tuple(order))
        for part in list(case.faults):
            fewer = {key: name for key, name in case.faults.items() if key != part}
            case = self._better(case, replace(case, faults=fewer))
        case = replace(case, held=self._fewest(case))
        return replace(case, held=self._one_by_one(case))

    def fails(self, case: Case) -> bool:
        """Tell whether a case fails in the same way."""
        if self.runs >= RUNS_MAX:
            return False
        self.runs += 1
        with self._make(case.scheduler, case.plan, case.seed) as world:
            return self._judge(world) == self._failure

    def held(self, order: Sequence[str], plan: Case) -> list[str]:
        """Return what must be held back for this order: a fixed point, largest last."""
        steps: list[tuple[str, list[str]]] = []
        with self._make(Recorded(order), plan.plan, plan.seed) as world:
            place = {key: number for number, key in enumerate(order)}
            while len(steps) < len(order) and (possible := world.possible()):
                item = min(possible, key=lambda each: place.get(each.key, len(place)))
                steps.append((item.key, [each.key for each in possible]))
                world.take(item)
        held: dict[str, None] = {}
        grown = True
        while grown:
            before = len(held)
            for chosen, ways in steps:
                ahead = ways if chosen in held else ways[: ways.index(chosen)]
                held.update(dict.fromkeys(key for key in ahead if key != chosen))
            grown = len(held) > before
        return sorted(held, key=lambda key: place.get(key, len(place)))

    def _better(self, case: Case, smaller: Case) -> Case:
        return smaller if self.fails(smaller) else case

    def _fewest(self, case: Case) -> tuple[str, ...]:
        """Take away ever smaller parts of what is held."""
        held, size = case.held, len(case.held)
        while size and held:
            start = 0
            while start < len(held):
                fewer = held[:start] + held[start + size :]
                if self.fails(replace(case, held=fewer)):
                    held = fewer
                else:
                    start += size
            size //= 2
        return held

    def _one_by_one(self, case: Case) -> tuple[str, ...]:
        held = case.held
        for key in case.held:
            fewer = tuple(each for each in held if each != key)
            if len(fewer) < len(held) and self.fails(replace(case, held=fewer)):
                held = fewer
        return held
