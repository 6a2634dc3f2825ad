"""Successes among trials whose number was fixed beforehand: what they prove, exactly.

These bounds hold for one look at a number of trials that was decided on before. Whoever looks
again and again until the result pleases needs `betting` instead.
"""

import math
from collections.abc import Callable

_ITERATIONS_MAX = 500
_TINY = 1e-300
_CLOSE = 1e-15


def log_beta(a: float, b: float) -> float:
    """Return the logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function: P(X <= x) of X ~ Beta(a, b).

    By its continued fraction, evaluated by Lentz's method on the side where it converges fast.

    Args:
        x: From 0 to 1.
        a: Greater than 0.
        b: Greater than 0.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x) - log_beta(a, b)
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    found = d
    for m in range(1, _ITERATIONS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for step in (even, odd):
            d = 1.0 / _away(1.0 + step * d)
            c = _away(1.0 + step / c)
            change = c * d
            found *= change
        if abs(change - 1.0) < _CLOSE:
            break
    return found


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def at_least(successes: int, trials: int, alpha: float = 0.05) -> float:
    """Return the probability of success that trials prove: the lower Clopper-Pearson bound.

    With less than that, so many successes would come up at most `alpha` of the time.

    Args:
        successes: How many.
        trials: Of how many; fixed beforehand.
        alpha: How often the claim may be wrong.
    """
    if successes <= 0:
        return 0.0
    return _solve(lambda p: beta_cdf(p, successes, trials - successes + 1) - alpha)


def at_most(successes: int, trials: int, alpha: float = 0.05) -> float:
    """Return the upper Clopper-Pearson bound; see `at_least`."""
    return 1.0 - at_least(trials - successes, trials, alpha)


def trials_to_prove(probability: float, alpha: float = 0.05) -> int:
    """Return how many trials without a failure prove at least this probability of success."""
    return math.ceil(math.log(alpha) / math.log(probability))


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return low
