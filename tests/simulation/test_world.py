"""A world: the same seed, the same run; time, faults, crashes, effects, and the middle of a run."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from agentmesh.effects.call import effect
from agentmesh.effects.tools import tool
from agentmesh.errors import DivergenceError, OutcomeUnknownError, UsageError
from agentmesh.sdk import verbs
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.explorer import explore
from agentmesh.simulation.faults import EVERY, Faults, Planned
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Held, Random, Recorded
from agentmesh.simulation.sources import Asked, Function, Live, Outcome
from agentmesh.simulation.world import World
from tests.simulation.programs import Account, Do, Node, lost_update, told

FREE = Timing(message_seconds=None)
OUTSIDE: list[int] = []


class Order(Message):
    item: str = "tea"


@tool
async def price(item: str) -> int:
    """Say what it costs."""
    return len(item)


@tool(idempotent=False)
def charge(item: str) -> int:
    """Take the money."""
    return 1


def stock(item: str) -> int:
    return 7


@agent
class Shop:
    sold: int = 0
    forgets: bool = False

    @handler
    async def buy(self, order: Order) -> int:
        cost = await price(order.item)
        self.sold += 1
        return cost + await effect(stock, order.item)

    @handler
    async def pay(self, order: Order) -> int:
        return await charge(order.item)

    @handler
    async def peek(self) -> int:
        return len(OUTSIDE)


@workflow(deadline="1m")
async def buying(order: Order) -> int:
    return await ref(Shop).buy(order)


@workflow(deadline="1m")
async def paying(order: Order) -> int:
    return await ref(Shop).pay(order)


@workflow(deadline="1m")
async def impatient() -> str:
    try:
        async with asyncio.timeout(5):
            await ref(Shop).buy(Order())
    except TimeoutError:
        return "too late"
    return "in time"


@workflow(deadline="1m")
async def peeking() -> int:
    return await ref(Shop).peek()


@workflow(deadline="1m")
async def drawing() -> list[float]:
    return [verbs.random().random() for _ in range(2)]


SCRIPT = {"price": lambda item: 10, "stock": 5}


def _noting(asked: list[str]) -> Callable[[str], int]:
    def answer(item: str) -> int:
        asked.append(item)
        return 1

    return answer


ORDER_OF_A_RUN = """
from tests.simulation.programs import lost_update
from agentmesh.simulation.world import World
from agentmesh.simulation.schedulers import Random
from agentmesh.simulation.faults import Faults
for seed in range(5):
    faults = Faults(delay=0.2, duplicate=0.2, crash=0.1)
    with World(lost_update, seed=seed, scheduler=Random(), faults=faults) as world:
        print(world.run().order, world.struck, world.value(), world.now)
"""


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    """Two interpreters that hash strings differently: schedule, faults and times agree."""
    said = [
        subprocess.run(
            [sys.executable, "-c", ORDER_OF_A_RUN],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert said[0] == said[1]
    assert len(set(said[0].splitlines())) > 1


def test_another_seed_draws_other_numbers() -> None:
    """Randomness inside handlers is keyed by the world's seed."""
    drawn = []
    for seed in (1, 1, 2):
        with World(drawing, seed=seed) as world:
            drawn.append(world.run().value())

    assert drawn[0] == drawn[1] != drawn[2]


def test_a_recorded_order_happens_again() -> None:
    """A random schedule, written down as keys, and as what is held back."""
    with World(lost_update, seed=4, scheduler=Random()) as first:
        first.run()
    with World(lost_update, scheduler=Recorded(first.order)) as second:
        second.run()

    assert second.order == first.order


def test_what_is_held_back_comes_last() -> None:
    """The second clerk's first question waits until the first clerk is done: no update is lost."""
    with World(lost_update, scheduler=Held(["Clerk/b#1"])) as world:
        assert world.run().value() == 120
        assert world.agent(Account).balance == 120


def test_effects_are_answered_by_name() -> None:
    """A tool by a function, a function by a value."""
    with World(buying, Order(), effects=SCRIPT) as world:
        assert world.run().value() == 15


def test_an_effect_without_an_answer_stops_the_world() -> None:
    """Nothing outside is real unless it is asked to be."""
    with World(buying, Order()) as world, pytest.raises(UsageError, match="has no answer"):
        world.run()


def test_live_effects_are_performed() -> None:
    """The tools themselves run; only time is virtual."""
    with World(buying, Order(), effects=Live()) as world:
        assert world.run().value() == 3 + 7


def test_a_scripted_error_is_the_tools_failure() -> None:
    """It travels as any error does: the workflow raises a ValueError."""
    with (
        World(buying, Order(), effects={"price": ValueError("no tea")}) as world,
        pytest.raises(ValueError, match="no tea"),
    ):
        world.run().value()


def test_a_slow_effect_lets_a_timer_fire_and_a_quick_one_does_not() -> None:
    """A timeout of five seconds, tools that take a second at most, and one that is slow."""
    with World(impatient, effects=SCRIPT, scheduler=Random()) as world:
        assert world.run().value() == "in time"
    with World(impatient, effects=SCRIPT, faults=Planned({"Shop/main!1.1": "slow"})) as world:
        assert world.run().value() == "too late"


def test_without_a_bound_a_message_may_be_later_than_a_timer() -> None:
    """A free world: the question itself is held back until the timer has fired."""
    with World(
        impatient, effects=SCRIPT, timing=FREE, scheduler=Held(["impatient/root#1"])
    ) as world:
        assert world.run().value() == "too late"


@pytest.mark.parametrize("fault", ["fail", "429", "truncate"])
def test_a_failing_tool_raises_in_the_handler(fault: str) -> None:
    """Refused, limited, broken off: a ConnectionError."""
    with World(buying, Order(), effects=SCRIPT, faults=Planned({"Shop/main!1.1": fault})) as world:
        with pytest.raises(ConnectionError):
            world.run().value()
        assert world.struck == {"Shop/main!1.1": fault}


def test_a_stale_answer_is_the_one_before() -> None:
    """The second answer of the same tool is the first one again."""
    answers = iter(range(1, 9))

    def count(asked: Asked) -> Outcome:
        del asked
        return Outcome(result=b"%d" % next(answers))

    @workflow(deadline="1m")
    async def twice() -> list[int]:
        return [await price("a"), await price("b"), await price("c")]

    with World(
        twice, effects=Function(count), faults=Planned({"twice/root!1.2": "stale"})
    ) as world:
        assert world.run().value() == [1, 1, 3]


def test_a_dropped_message_leaves_the_workflow_stuck_until_its_deadline() -> None:
    """The answer of the shop never comes."""
    with World(buying, Order(), effects=SCRIPT, faults=Planned({"Shop/main#1": "drop"})) as world:
        with pytest.raises(TimeoutError):
            world.run().value()
        assert world.stuck == ["buying/root"]


def test_a_duplicate_is_handled_twice_and_answered_once() -> None:
    """As a client that asks again after a timeout: the asker takes the first answer."""
    with World(
        buying, Order(), effects=SCRIPT, faults=Planned({"buying/root#1": "duplicate"})
    ) as world:
        assert world.run().value() == 15
        assert world.agent(Shop).sold == 2


def test_a_reordered_message_overtakes() -> None:
    """Two messages of one sender to one receiver, which the fabric keeps in order."""
    order = Do(to=("a", "a"), then=(Do(), Do()))
    with World(told, order, faults=Planned({"told/root#1": "reorder"})) as world:
        world.run()
        assert world.agent(Node, "a").seen == ["told/root#2", "told/root#1"]


def test_a_crash_is_survived_and_an_effect_under_way_is_done_again() -> None:
    """The tool is asked twice, the handler gets one answer, the state is as before."""
    asked: list[str] = []
    script = {"price": _noting(asked), "stock": 5}
    with World(buying, Order(), effects=script, faults=Planned({"Shop/main@1": "crash"})) as world:
        assert world.run().value() == 6
        assert world.agent(Shop).sold == 1
    assert asked == ["tea", "tea"]


def test_after_a_crash_nobody_knows_what_became_of_a_charge() -> None:
    """Not idempotent: it fails, and is not done again."""
    charged: list[str] = []
    script = {"charge": _noting(charged)}
    with (
        World(paying, Order(), effects=script, faults=Planned({"Shop/main@1": "crash"})) as world,
        pytest.raises(OutcomeUnknownError, match="whether it was done is unknown"),
    ):
        world.run().value()
    assert charged == ["tea"]


def test_a_handler_that_reads_a_global_is_caught_by_a_crash() -> None:
    """What it did cannot be done again."""
    with World(peeking) as world:
        world.on_step.append(lambda _world: OUTSIDE.append(1))
        world.run()
        with pytest.raises(DivergenceError, match="does something else"):
            world.crash("Shop/main")


def test_faults_that_make_no_sense_are_refused() -> None:
    """A probability above one, a fault nobody knows."""
    with pytest.raises(UsageError, match="probability"):
        Faults(drop=1.5)
    with pytest.raises(UsageError, match="is no fault"):
        Planned({"a#1": "meteor"})
    assert len(EVERY) == 11


def test_a_world_goes_on_from_the_middle_of_a_record() -> None:
    """Agents in any order, fed what they had got by then; the rest is pending and happens."""
    with World(lost_update, seed=2, scheduler=Random()) as whole:
        whole.run()
    for cut in range(len(whole.happened)):
        given = [each for happening in whole.happened[: cut + 1] for each in happening.gave]
        by_agent = sorted(given, key=lambda each: (each.address, each.step))
        scheduler = Recorded(whole.order)
        with World(lost_update, seed=2, scheduler=scheduler, started=False) as half:
            half.relive((each.address, each.event) for each in by_agent)
            half.run()
            assert half.order == whole.order[cut + 1 :]
            assert half.answer is None or half.value() == whole.value()


def test_a_world_that_never_ends_is_given_up() -> None:
    """Bounded, and it says so when asked for the result."""
    with World(lost_update, steps_max=3) as world:
        world.run()
        assert not world.ended
        with pytest.raises(UsageError, match="has not ended after 3 events"):
            world.value()


@workflow(deadline="1m")
async def two_buyers() -> list[int]:
    """Two shops ask one price list, which is outside and counts."""
    shops = [ref(Shop, key) for key in ("a", "b")]
    return list(await asyncio.gather(*(shop.buy(Order()) for shop in shops)))


@pytest.mark.parametrize(("shared", "ends"), [(False, 1), (True, 2)])
def test_effects_on_something_shared_are_explored_in_both_orders(shared: bool, ends: int) -> None:  # noqa: FBT001
    """Agents that share nothing but a fake outside: its order counts only if that is said."""

    def make() -> World:
        asked: list[str] = []
        script = {"price": lambda item: asked.append(item) or len(asked), "stock": 0}  # type: ignore[func-returns-value]
        return World(two_buyers, effects=script, timing=FREE)

    seen: set[str] = set()

    def look(world: World) -> bool:
        seen.add(str(world.value()))
        return False

    explore(make, look, shared=shared)

    assert len(seen) == ends
