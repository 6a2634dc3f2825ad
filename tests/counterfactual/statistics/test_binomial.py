"""What successes prove whose number was fixed beforehand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.counterfactual.statistics import binomial


@pytest.mark.parametrize(
    ("successes", "trials", "proved"), [(19, 20, 0.784), (20, 20, 0.861), (29, 29, 0.902)]
)
def test_the_known_figures(successes: int, trials: int, proved: float) -> None:
    """19 of 20 is no 95 %."""
    assert binomial.at_least(successes, trials) == pytest.approx(proved, abs=0.0005)


@given(st.integers(1, 60), st.data())
def test_the_bound_is_where_so_many_successes_become_rare(trials: int, data) -> None:
    """Against the sum of the binomial distribution itself."""
    successes = data.draw(st.integers(1, trials))
    p = binomial.at_least(successes, trials)
    tail = sum(
        math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1)
    )

    assert tail == pytest.approx(0.05, abs=1e-6)
    assert binomial.at_most(trials - successes, trials) == pytest.approx(1 - p)


@given(st.floats(0.01, 0.99), st.floats(0.1, 40), st.floats(0.1, 40))
def test_the_beta_function_is_symmetric(x: float, a: float, b: float) -> None:
    """P(X <= x) and P(1 - X >= 1 - x) are the same."""
    one, other = binomial.beta_cdf(x, a, b), binomial.beta_cdf(1 - x, b, a)
    assert one + other == pytest.approx(1, abs=1e-9)
    assert -1e-12 <= one <= 1 + 1e-12


def test_how_many_trials_prove_a_probability() -> None:
    """Of which none may fail."""
    assert binomial.trials_to_prove(0.9) == 29
    assert binomial.at_least(29, 29) >= 0.9 > binomial.at_least(28, 28)
    assert binomial.at_least(0, 5) == 0.0
