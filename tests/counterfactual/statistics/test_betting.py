"""Intervals and evidence that hold however often one looks."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.counterfactual.statistics.betting import Mean

VALUES = st.lists(st.floats(0, 1), max_size=30)
CHEAP = 2**-9
"""What is lost by counting values in classes, and more."""


def told(values, alpha: float = 0.05) -> Mean:
    """Return what is known after these values, looked at after each."""
    mean = Mean(alpha)
    for value in values:
        mean.take(value)
        mean.look()
    return mean


@pytest.mark.parametrize(("won", "lost"), [(7, 0), (11, 1), (14, 2), (16, 3)])
def test_so_many_wins_decide_and_one_less_does_not(won: int, lost: int) -> None:
    """At 5 %: the figures of the mixture over coins."""
    enough = told([0.0] * lost + [1.0] * won)
    assert enough.excludes(0.5)
    assert enough.low > 0.5

    short = told([0.0] * lost + [1.0] * (won - 1))
    assert not short.excludes(0.5)


def test_the_evidence_is_that_of_the_mixture_over_coins() -> None:
    """Beta(1/2, 1/2) over the coin's odds; ties say nothing."""
    for won, lost in ((7, 0), (11, 1), (3, 5)):
        evidence = told([1.0] * won + [0.5] * 9 + [0.0] * lost).log_e_value(0.5)
        log_beta = math.lgamma(won + 0.5) + math.lgamma(lost + 0.5) - math.lgamma(won + lost + 1)
        expected = log_beta - math.log(math.pi) + (won + lost) * math.log(2)
        assert evidence == pytest.approx(expected, abs=0.02)


@settings(max_examples=40)
@given(VALUES)
def test_the_interval_has_the_mean_and_only_gets_narrower(values: list[float]) -> None:
    """As long as it has not missed: then it is a point."""
    mean, before = Mean(0.05), (0.0, 1.0)
    for value in values:
        mean.take(value)
        mean.look()
        assert before[0] <= mean.low <= mean.high <= before[1]
        before = (mean.low, mean.high)


@settings(max_examples=40)
@given(VALUES)
def test_what_is_true_of_values_is_true_of_what_they_lack(values: list[float]) -> None:
    """The interval of 1 - x is the mirrored one."""
    one, other = told(values), told([1 - value for value in values])

    assert one.low == pytest.approx(1 - other.high, abs=CHEAP)
    assert one.high == pytest.approx(1 - other.low, abs=CHEAP)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40), st.randoms())
def test_evidence_knows_no_order(values: list[float], chance: random.Random) -> None:
    """Only what came counts, for what is asked once."""
    shuffled = list(values)
    chance.shuffle(shuffled)
    assert told(values).log_e_value(0.3) == pytest.approx(told(shuffled).log_e_value(0.3))


@settings(max_examples=40)
@given(st.sampled_from([0.2, 0.5, 0.9]), st.integers(2, 5))
def test_evidence_is_fair_if_the_mean_is_true(probability: float, count: int) -> None:
    """Its expectation, over all that can come, is at most 1: this is what makes it evidence."""
    expected = 0.0
    for outcome in range(2**count):
        values = [float(outcome >> place & 1) for place in range(count)]
        ones = sum(values)
        chance = probability**ones * (1 - probability) ** (count - ones)
        expected += chance * math.exp(told(values).log_e_value(probability))
    assert expected <= 1 + 1e-9


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.02])
def test_looking_after_every_value_misses_no_more_often_than_was_said(probability: float) -> None:
    """150 walks of sixty values each, seeded; one in five may miss."""
    missed = 0
    for walk in range(150):
        chance, mean = random.Random(f"{probability}:{walk}"), Mean(0.2)
        for _ in range(60):
            mean.take(float(chance.random() < probability))
            if mean.excludes(probability):
                missed += 1
                break
    assert missed / 150 <= 0.2


def test_values_that_differ_little_are_known_soon() -> None:
    """The bets notice that there is little to win: no variance had to be guessed."""
    chance = random.Random(1)
    calm = told(0.5 + (chance.random() - 0.5) / 20 for _ in range(60))
    wild = told(float(chance.random() < 0.5) for _ in range(60))

    assert calm.high - calm.low < (wild.high - wild.low) / 2


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_out_of_bounds_is_refused(value: float) -> None:
    """Nothing would hold any more."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        Mean().take(value)
