"""PCT finds a bug of depth d in a run with at least the probability that it promises."""

import math

import pytest

from agentmesh.errors import UsageError
from agentmesh.simulation.pct import Pct
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.world import World
from tests.simulation.programs import Do, told

FREE = Timing(message_seconds=None)
RUNS = 300


def hits(order: Do, wanted: list[str], depth: int) -> tuple[float, float]:
    """Return how often `s` sees senders in that order, and what is promised at least."""
    lanes = steps = count = 0
    for seed in range(RUNS):
        scheduler = Pct(depth, 12)
        with World(told, order, timing=FREE, scheduler=scheduler, seed=seed) as world:
            world.run()
            found = [
                each.item.envelope.src
                for each in world.happened
                if each.item.address == "Node/s" and each.item.envelope is not None
            ]
            lanes = max(lanes, len({each.item.lane for each in world.happened}))
            steps = max(steps, scheduler.choices)
        places = [found.index(each) for each in wanted]
        count += places == sorted(places)
    assert steps <= 12
    return count / RUNS, 1 / (lanes * 12 ** (depth - 1))


@pytest.mark.parametrize(
    ("wanted", "depth"),
    [
        (["Node/c", "Node/a"], 1),
        (["Node/c", "Node/b", "Node/a"], 2),
        (["Node/d", "Node/c", "Node/b", "Node/a"], 3),
    ],
    ids=["one constraint", "two constraints", "three constraints"],
)
def test_the_hit_rate_is_at_least_the_bound(wanted: list[str], depth: int) -> None:
    """Senders to one receiver, and the bug shows only when they come in reverse."""
    order = Do(to=tuple("abcd"), then=(Do(to=("s",), then=(Do(),)),) * 4)

    rate, bound = hits(order, wanted, depth)

    noise = 2 * math.sqrt(bound * (1 - bound) / RUNS)
    assert rate >= bound - noise
    assert rate > 0


def test_depths_that_make_no_sense_are_refused() -> None:
    """A bug needs at least one constraint."""
    with pytest.raises(UsageError, match="at least 1"):
        Pct(0)
