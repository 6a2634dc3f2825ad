"""`@explore`: a test that runs a workflow under many schedules and faults, and shrinks a failure.

    @explore(checkout, Order(item="tea"), schedules=200, always=[...])
    def test_nothing_is_paid_twice(world: World) -> None:
        assert world.agent(Bank).paid == 1

The test is called with each world that has ended. When one fails, the failure is made small
first, and the message has the line that repeats it: with `AGENTMESH_WORLD` set, a test runs that
one world only.
"""

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence

from agentmesh.errors import UsageError
from agentmesh.sdk.message import Message
from agentmesh.simulation.cases import parse_case
from agentmesh.simulation.faults import FaultPlan, Faults
from agentmesh.simulation.hunting import Found, Hunt, Strategy, hunt
from agentmesh.simulation.judging import Invariant, Judged
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler
from agentmesh.simulation.shrinking import Make
from agentmesh.simulation.world import STEPS_MAX, World

VARIABLE = "AGENTMESH_WORLD"
"""Environment variable with the one world that a test is to run."""

Test = Callable[..., object]


class FailingWorldError(AssertionError):
    """A world in which something is wrong, as small as it could be made."""


def explore(
    workflow: Callable[..., object],
    message: Message | None = None,
    /,
    *,
    schedules: int = 100,
    strategy: Strategy = "mixed",
    depth: int = 3,
    bound: int = 2,
    faults: Faults | None = None,
    effects: Callable[[], object] | Mapping[str, object] | None = None,
    invariants: Sequence[Invariant] = (),
    timing: Timing | None = None,
    seed: str | int = 0,
    steps_max: int = STEPS_MAX,
    settings: Mapping[str, str] | None = None,
    shared: bool = False,
) -> Callable[[Test], Test]:
    """Make a test of a function that is given each world that has ended.

    Args:
        workflow: What runs in the worlds.
        message: Its input.
        schedules: How many worlds, at most; with `strategy="all"` it is an error if that is too
            few to see all.
        strategy: `mixed`, `random`, `pct`, `delays` or `all` (see `simulation.hunting`).
        depth: Of PCT.
        bound: Of `delays`.
        faults: What goes wrong, drawn anew for each world.
        effects: What effects come to; a function that makes them anew for each world.
        invariants: What must hold: `always(...)`, `eventually(...)`.
        timing: How long messages take; with `strategy="all"` as long as they like.
        seed: Names all worlds together.
        steps_max: Events after which a world is said to go on for ever.
        settings: Settings for effects.
        shared: Whether effects touch something outside that others touch, too.

    Raises:
        FailingWorldError: By the test, if a world fails.
    """
    chosen = timing or Timing(message_seconds=None if strategy == "all" else 0.1)

    def make(scheduler: Scheduler, plan: FaultPlan, name: str) -> World:
        return World(
            workflow,
            message,
            scheduler=scheduler,
            faults=plan,
            seed=name,
            effects=effects() if callable(effects) else effects,
            timing=chosen,
            steps_max=steps_max,
            settings=dict(settings or {}),
        )

    def look(judged: Judged) -> None:
        result = hunt(
            make,
            judged,
            strategy=strategy,
            schedules=schedules,
            depth=depth,
            bound=bound,
            faults=faults,
            seed=str(seed),
            shared=shared,
        )
        _report(make, judged, result, workflow.__name__)

    return lambda test: _as_test(test, make, invariants, look)


def _as_test(
    test: Test, make: Make, invariants: Sequence[Invariant], look: Callable[[Judged], None]
) -> Test:
    """Return what pytest is to call: the same parameters but for the first, the world."""
    signature = inspect.signature(test)

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        judged = Judged(invariants, lambda world: test(world, *args, **kwargs))
        only = os.environ.get(VARIABLE)
        if only:
            _repeat(make, judged, only)
        else:
            look(judged)

    others = list(signature.parameters.values())[1:]
    run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
    return run


def _report(make: Make, judged: Judged, result: Hunt, name: str) -> None:
    found = result.found
    if found is not None:
        # Once more, so that what is raised comes from the smallest world.
        with make(found.case.scheduler, found.case.plan, found.case.seed) as world:
            judged(world)
        raise FailingWorldError(_told(found)) from judged.error
    if "not all" in result.covered:
        raise FailingWorldError(
            f"{name} could not be explored in full, and nothing was found: {result.covered}."
        )


def _repeat(make: Make, judged: Judged, text: str) -> None:
    case = parse_case(text)
    with make(case.scheduler, case.plan, case.seed) as world:
        if judged(world) and judged.error is not None:
            raise judged.error


def _told(found: Found) -> str:
    case = found.case
    held = ", ".join(case.held) or "nothing; the default order fails"
    smaller = f"{len(case.held)} after {found.shrinking} more worlds"
    lines = [
        found.failure,
        f"  found in world {found.runs:,}, after {found.events:,} events",
        f"  {found.deviations} deviations from the default order, {smaller}",
        f"  held back: {held}",
    ]
    if case.faults:
        every = ", ".join(f"{name} {key}" for key, name in case.faults.items())
        lines.append(f"  faults: {every}")
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    lines.append(f"  repeat it: {VARIABLE}='{case}' pytest '{test}'")
    return "\n".join(lines)


class Worlds:
    """What the fixture `world` is: makes worlds, and closes them when the test has ended."""

    def __init__(self) -> None:
        self._made: list[World] = []

    def __call__(self, *args: object, **options: object) -> World:
        """Make a world; arguments as of `World`."""
        made = World(*args, **options)  # type: ignore[arg-type]
        self._made.append(made)
        return made

    def close(self) -> None:
        """Close all that were made."""
        for each in self._made:
            each.close()


def seeds_of(count: int) -> list[str]:
    """Return the seeds that the fixture `seeds` gives.

    Raises:
        UsageError: There is none.
    """
    if count < 1:
        raise UsageError(f"{count} seeds were asked for.", fix="Ask for at least one.")
    return [str(number) for number in range(count)]
