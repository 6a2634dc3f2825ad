"""Looking for a failure among the schedules of a world, and making what is found small.

Four ways: `random`, every choice alike; `pct`, random priorities with few changes; `delays`,
all schedules with at most so many deviations; `all`, every schedule that differs. The first
world is always the default order. `mixed` is random and PCT of depth 2 and 3 in turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agentmesh.errors import UsageError
from agentmesh.simulation import delays, explorer
from agentmesh.simulation.cases import Case
from agentmesh.simulation.faults import NONE, FaultPlan, Faults
from agentmesh.simulation.pct import Pct
from agentmesh.simulation.pool import Item
from agentmesh.simulation.schedulers import Fifo, Random, Scheduler
from agentmesh.simulation.shrinking import Judge, Make, Shrinker
from agentmesh.simulation.world import World

Strategy = Literal["mixed", "random", "pct", "delays", "all"]
STRATEGIES: tuple[Strategy, ...] = ("mixed", "random", "pct", "delays", "all")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A failure."""

    failure: str
    """What it is called."""
    runs: int
    """Worlds until it was found, this one included."""
    events: int
    """What had happened when it showed."""
    case: Case
    """The smallest case with the same failure."""
    deviations: int
    """Before it was made small."""
    shrinking: int
    """Worlds run to make it small."""


@dataclass(kw_only=True)
class Hunt:
    """What came of looking."""

    runs: int = 0
    found: Found | None = None
    covered: str = ""
    """How much was seen of all there is."""


def hunt(
    make: Make,
    judge: Judge,
    *,
    strategy: Strategy = "mixed",
    schedules: int = 100,
    depth: int = 3,
    bound: int = 2,
    faults: Faults | None = None,
    seed: str = "",
    shared: bool = False,
    shrinks: bool = True,
) -> Hunt:
    """Run a world under many schedules until one fails.

    Args:
        make: Makes the world: given scheduler, faults and seed.
        judge: Runs a world and names its failure.
        strategy: How schedules are chosen.
        schedules: How many, at most.
        depth: Of PCT.
        bound: Of `delays`.
        faults: What goes wrong; with `delays` and `all`, drawn once for all schedules.
        seed: Names the whole hunt: the same seed, the same worlds.
        shared: Whether effects touch something that others touch, too (only for `all`).
        shrinks: Whether what is found is made small.

    Raises:
        UsageError: There is no such strategy.
    """
    if strategy not in STRATEGIES:
        raise UsageError(f"{strategy!r} is no strategy.", fix=f"Use: {', '.join(STRATEGIES)}.")
    result = Hunt()

    def look(world: World) -> bool:
        result.runs += 1
        failure = judge(world)
        if failure:
            result.found = _found(make, judge, world, failure, result.runs, shrinks=shrinks)
        return result.found is not None

    def made(scheduler: Scheduler) -> World:
        plan = NONE if faults is None else faults.for_world(seed)
        return judge.attach(make(scheduler, plan, seed))

    if strategy == "all":
        search = explorer.explore(
            lambda: made(Fifo()), look, schedules_max=schedules, shared=shared
        )
        result.covered = str(search)
        return result
    if strategy == "delays":
        worlds = delays.within(made, bound)
    else:
        worlds = _drawn(make, strategy, depth, faults, seed)
    for world in worlds:
        with world:
            if look(world) or result.runs >= schedules:
                break
    result.covered = f"{result.runs:,} schedules"
    return result


def _drawn(
    make: Make, strategy: Strategy, depth: int, faults: Faults | None, seed: str
) -> Iterator[World]:
    """Yield worlds for ever, the default order first."""
    longest = 1
    number = 0
    while True:
        name = f"{seed}:{number}" if seed else str(number)
        scheduler = _scheduler(strategy, number, depth, longest)
        plan: FaultPlan = NONE if faults is None else faults.for_world(name)
        world = make(scheduler, plan, name)
        counts = world.scheduler = _Counting(scheduler)
        yield world
        longest = max(longest, counts.choices)
        number += 1


def _scheduler(strategy: Strategy, number: int, depth: int, longest: int) -> Scheduler:
    if not number:
        return Fifo()
    if strategy == "random" or (strategy == "mixed" and number % 2):
        return Random()
    return Pct(2 + number // 2 % 2 if strategy == "mixed" else depth, longest)


_WITHOUT_FAULTS = 50
"""Worlds that are run to find a schedule that fails without any fault."""


class _Counting:
    """Counts where there is a choice."""

    def __init__(self, inner: Scheduler) -> None:
        self._inner = inner
        self.choices = 0

    def begin(self, seed: str) -> None:
        self._inner.begin(seed)

    def choose(self, possible: Sequence[Item]) -> Item:
        self.choices += len(possible) > 1
        return self._inner.choose(possible)


def _found(
    make: Make, judge: Judge, world: World, failure: str, runs: int, *, shrinks: bool
) -> Found:
    shrinker = Shrinker(make, judge, failure)
    order, struck = world.order, dict(world.struck)
    whole = Case(seed=world.seed, held=tuple(order), faults=struck)
    before = shrinker.held(order, whole)
    case = shrinker.shrink(order, struck, world.seed) if shrinks else whole
    if case.faults and shrinks:  # another schedule may do without them
        without = hunt(make, judge, schedules=_WITHOUT_FAULTS, seed=world.seed).found
        if without is not None and without.failure == failure:
            case = without.case
    return Found(
        failure=failure,
        runs=runs,
        events=len(order),
        case=case,
        deviations=len(before),
        shrinking=shrinker.runs,
    )
