"""Two arms against each other: what decides, and when it is futile to go on."""

import math
import random
import statistics

from agentmesh.counterfactual.statistics.choosing import (
    Sign,
    Standing,
    dominated,
    selected,
)
from agentmesh.counterfactual.statistics.comparing import (
    BETTER,
    EQUIVALENT,
    UNDECIDED,
    WORSE,
    Comparison,
)


def compared(pairs, **options) -> tuple[str, int]:
    """Return the verdict, and after how many pairs it came."""
    comparison = Comparison(**options)
    verdict = UNDECIDED
    for count, (baseline, arm) in enumerate(pairs, 1):
        comparison.take(baseline, arm)
        verdict = comparison.look()
        if verdict != UNDECIDED:
            return verdict, count
    return verdict, comparison.pairs


def test_seven_wins_and_any_number_of_ties_decide() -> None:
    """Ties say nothing about which is better."""
    pairs = [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)] * 7
    assert compared(pairs) == (BETTER, 20)
    assert compared([(arm, baseline) for baseline, arm in pairs]) == (WORSE, 20)


def test_ties_alone_are_equivalent_within_a_margin() -> None:
    """And never without one."""
    assert compared([(1.0, 1.0)] * 200)[0] == UNDECIDED
    verdict, count = compared([(1.0, 1.0)] * 200, margin=0.1)
    assert verdict == EQUIVALENT
    assert 30 < count < 60


def test_shared_chance_needs_far_fewer_pairs() -> None:
    """One half against four fifths, medians of forty comparisons: at most 60 % of the pairs."""
    counts: dict[bool, list[int]] = {True: [], False: []}
    for walk in range(40):
        for shared, found in counts.items():
            chance = random.Random(f"{walk}{shared}")

            def pair(chance=chance, shared=shared) -> tuple[float, float]:
                one = chance.random()
                other = one if shared else chance.random()
                return float(one < 0.5), float(other < 0.8)

            verdict, count = compared(pair() for _ in range(400))
            assert verdict == BETTER
            found.append(count)
    assert statistics.median(counts[True]) <= 0.6 * statistics.median(counts[False])


def test_what_the_budget_can_not_decide_is_futile() -> None:
    """Not even if everything went one way: six pairs never do."""
    comparison = Comparison()
    assert comparison.is_futile(6)
    assert not comparison.is_futile(7)


def test_what_goes_nowhere_is_futile() -> None:
    """As often won as lost, and little is left."""
    nowhere, somewhere = Comparison(), Comparison()
    for _ in range(20):
        nowhere.take(0.0, 1.0)
        nowhere.take(1.0, 0.0)
        somewhere.take(0.0, 1.0)
        somewhere.take(0.5, 0.5)
    assert nowhere.is_futile(10, "seed")
    assert not somewhere.is_futile(10, "seed")


def test_the_false_discovery_rule_selects_what_is_far_enough_out() -> None:
    """One of two needs twice the evidence; if both are out, each needs less."""
    assert selected({"a": math.log(39), "b": 0.0}, 0.05) == []
    assert selected({"a": math.log(41), "b": 0.0}, 0.05) == ["a"]
    assert selected({"a": math.log(21), "b": math.log(21)}, 0.05) == ["a", "b"]


def test_dominated_is_who_is_worse_in_something_and_better_in_nothing() -> None:
    """What is not known of one is not compared."""
    good = Standing(name="good", quality=0.9, costs=(1.0, 2.0))
    cheap = Standing(name="cheap", quality=0.8, costs=(0.5, 2.0))
    poor = Standing(name="poor", quality=0.8, costs=(1.0, 2.0))
    unknown = Standing(name="unknown", quality=0.8, costs=(None, 3.0))

    assert dominated([good, cheap, poor, unknown]) == {"poor": "good", "unknown": "good"}
    assert dominated([good, good]) == {}


def test_a_sign_is_shown_after_seven() -> None:
    """Whatever the sizes: what has no bounds has a direction."""
    sign = Sign()
    for _ in range(6):
        sign.take(1e9, 1.0)
    assert sign.shown == 0
    sign.take(1e9, 1.0)
    assert sign.shown == -1


def test_arms_that_do_not_differ_are_rarely_told_apart() -> None:
    """Looked at after each of 50 pairs, 90 times; 20 % may be wrong."""
    wrong = 0
    for walk in range(90):
        chance = random.Random(walk)
        scores = [float(chance.random() < 0.6) for _ in range(100)]
        wrong += compared(zip(scores[::2], scores[1::2], strict=True), alpha=0.2)[0] != UNDECIDED
    assert wrong / 90 <= 0.2
