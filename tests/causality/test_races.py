"""What races in a run, held against brute force: all schedules, and a closure of all causes."""

from itertools import combinations, count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.causality.index import NOBODY
from agentmesh.causality.races import (
    PAIRS_MAX,
    Arrival,
    RacingPair,
    RacingPairs,
    _add,
    racing_pairs,
    spread,
)
from agentmesh.kernel.envelope import CANCEL
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished, Event
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.simulating import simulate
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Random
from agentmesh.simulation.world import World
from tests.causality.tampering import Recorded
from tests.simulation.enumerators import every_schedule
from tests.simulation.programs import Do, told

FREE = Timing(message_seconds=None)
_numbers = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the module's own."""
    return tmp_path_factory.mktemp("races")


@st.composite
def orders(draw: st.DrawFn) -> Do:
    """Draw a tree: each inner message has an agent of its own, the leaves share two."""
    left = [draw(st.integers(2, 5))]
    inner = count()

    def node(depth: int) -> tuple[str, Do]:
        left[0] -= 1
        children: list[tuple[str, Do]] = []
        while left[0] > 0 and depth < 2 and len(children) < 2 and draw(st.booleans()):
            children.append(node(depth + 1))
        if not children:
            return draw(st.sampled_from(["x", "y"])), Do()
        names, then = zip(*children, strict=True)
        return f"inner{next(inner)}", Do(to=names, then=then)

    roots: list[tuple[str, Do]] = []
    while left[0] > 0:
        roots.append(node(0))
    names, then = zip(*roots, strict=True)
    return Do(to=names, then=then)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=orders(), seed=st.integers(0, 99))
def test_pairs_race_exactly_if_some_other_schedule_has_them_the_other_way_round(
    order: Do, seed: int, store: Path
) -> None:
    """Messages of small programs are the same in all schedules, which are few: all are run."""

    def make(scheduler: Random | None = None) -> World:
        return World(told, order, scheduler=scheduler, timing=FREE)

    both: dict[tuple[str, str, str], int] = {}
    for world in every_schedule(make):
        for where, came in _deliveries(world).items():
            for one, other in combinations(came, 2):
                both[where, one, other] = 1
    reversible = {(where, one, other) for where, one, other in both if (where, other, one) in both}

    name = f"r{next(_numbers)}"
    simulate(told, order, scheduler=Random(str(seed)), timing=FREE, store=str(store), run_id=name)
    with am.open_run(name, store=str(store)) as run:
        found = racing_pairs(run, run.order())
        keys = {
            (each.agent, _key(run, each.agent, each.first), _key(run, each.agent, each.second))
            for each in found.pairs
        }
        recorded = {
            (where, one, other)
            for where in run.addresses()
            for one, other in combinations(_recorded(run, where), 2)
        }
    assert keys == recorded & reversible
    assert found.count == len(found.pairs)


def _deliveries(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in world.happened:
        if each.item.envelope is not None:
            found.setdefault(each.item.address, []).append(each.item.key)
    return found


def _recorded(run: RecordedRun, where: str) -> list[str]:
    return [
        step.event.envelope.id for step in run.steps(where) if isinstance(step.event, Delivered)
    ]


def _key(run: RecordedRun, where: str, arrival: Arrival) -> str:
    event = next(run.steps(where, start=arrival.step)).event
    assert isinstance(event, Delivered)
    return event.envelope.id


def by_closure(run: RecordedRun) -> set[tuple[str, str]]:
    """Return the pairs that race, by the past of each cause."""
    order, graph = run.order(), run.graph()
    found = set()
    for where in run.addresses():
        arrivals = [
            (step.number, _source(step.event))
            for step in run.steps(where)
            if isinstance(step.event, EffectFinished | EffectFailed)
            or (isinstance(step.event, Delivered) and step.event.envelope.kind != CANCEL)
        ]
        for (one, its), (other, others) in combinations(arrivals, 2):
            cause = order.index.causes[order.place_of(where, other)]
            past = graph.past(order.at_place(cause)) if cause != NOBODY else None
            first = order.at_place(order.place_of(where, one))
            if its != others and (past is None or first not in past):
                found.add((f"{where}@{one}", f"{where}@{other}"))
    return found


def _source(event: Event) -> str:
    if isinstance(event, Delivered):
        return event.envelope.src
    assert isinstance(event, EffectFinished | EffectFailed)
    return f"{event.turn}.{event.n}"


@pytest.mark.parametrize("name", ["ben", "bob"])
def test_of_two_arrivals_the_later_one_races_if_its_cause_did_not_know_the_earlier(
    name: str, markets: Path
) -> None:
    """Asks, answers, effects: a run with real effects, against all pasts of all causes."""
    with am.open_run(name, store=str(markets)) as run:
        found = racing_pairs(run, run.order())

        assert {each.events for each in found.pairs} == by_closure(run)
        assert any(each.first.kind == "message" for each in found.pairs)


def test_work_of_every_kind_is_read(good: Recorded) -> None:
    """A stream, a failure, timers and cancellations race, too, or not."""
    with am.open_run("good", store=str(good.store)) as run:
        found = racing_pairs(run, run.order())

        assert {each.events for each in found.pairs} == by_closure(run)


def arrivals(sources: str) -> list[Arrival]:
    """Return arrivals whose senders are these letters."""
    return [
        Arrival(step=step, at=step, kind="message", source=f"S/{each}", name="put")
        for step, each in enumerate(sources)
    ]


def test_what_one_sender_sent_is_counted_and_left_out() -> None:
    """Three of one sender and one of another, none of which knows of another."""
    found = RacingPairs()
    _add(found, "A/a", arrivals("xxyx"), [-1, -1, -1, -1])

    assert [each.events for each in found.pairs] == [
        ("A/a@1", "A/a@2"),
        ("A/a@0", "A/a@2"),
        ("A/a@2", "A/a@3"),
    ]
    assert (found.count, found.pinned, found.agents) == (3, 3, 1)


def test_more_pairs_than_can_be_named_are_counted() -> None:
    """A thousand messages of as many senders: half a million pairs."""
    found = RacingPairs()
    many = [
        Arrival(step=step, at=step, kind="message", source=f"S/{step}", name="put")
        for step in range(1000)
    ]
    _add(found, "A/a", many, [-1] * 1000)

    assert found.count == 1000 * 999 // 2
    assert len(found.pairs) == PAIRS_MAX


def test_a_few_of_many_pairs_are_of_all_sorts() -> None:
    """Forty pairs of one sort and one of another, of which three are wanted."""
    put = arrivals("xy")
    take = Arrival(step=2, at=2, kind="message", source="S/z", name="take")
    pairs = [RacingPair(agent=f"A/{key}", first=put[0], second=put[1]) for key in range(40)]
    rare = RacingPair(agent="A/0", first=put[0], second=take)

    chosen = spread([*pairs, rare], 3)

    assert len(chosen) == 3
    assert rare in chosen
