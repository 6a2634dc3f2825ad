"""E-values and confidence sequences for the mean of bounded values: valid at every look.

Theory of operation. To doubt that the mean is m is to bet against it: whoever starts with 1 and
stakes a fraction of it on each value, at odds that are fair if the mean is m, has a capital that
is large only rarely if it is: at most once in 20 times does it ever reach 20 (Ville). So the
capital is an e-value against m, and the values of m that nobody got rich against are a
confidence sequence: all of its intervals together hold the mean with the stated probability,
however often one looks, and whenever one stops.

Fractions are not chosen but mixed: half of the money bets on a larger mean, half on a smaller one,
spread over fractions sin(t) for t uniform (Beta(1/2, 1/2) on the odds; Cover's universal
portfolio). It needs no guess of the variance, and for values that are only lost, won or tied
against m = 1/2 it is the usual mixture over coins: 7 to 0 decides at 5 %. As functions of m both
halves are convex, so that the interval has two ends, and they are found by bisection.

Values are counted in 1,024 classes, each rounded against the side that bets on it: the interval
gets wider by a thousandth, and a look costs the same after a million values.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping

_STEPS = 1024
_NODES = 24
_FRACTIONS = tuple(math.sin(math.pi / 2 * (j + 0.5) / _NODES) for j in range(_NODES))
_ALL = 50.0
"""Logarithm of a capital that convinces anybody."""
_BISECTIONS = 14
_WORTH = 1 / _STEPS
"""By less than this an interval is not narrowed."""


class Mean:
    """What is known of the mean of values between 0 and 1.

    Args:
        alpha: How often all of its intervals together may miss the mean.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        self.alpha = alpha
        self.count = 0
        self.total = 0.0
        self.squares = 0.0
        self.low = 0.0
        """The mean is at least so large."""
        self.high = 1.0
        """The mean is at most so large."""
        self._below: Counter[int] = Counter()
        self._above: Counter[int] = Counter()

    @property
    def mean(self) -> float:
        """The mean so far; one half without any values."""
        return self.total / self.count if self.count else 0.5

    @property
    def deviation(self) -> float:
        """Standard deviation so far."""
        spread = self.squares / self.count - self.mean**2 if self.count else 0.0
        return math.sqrt(max(spread, 0.0))

    def take(self, value: float) -> None:
        """Take in a value.

        Raises:
            ValueError: It does not lie between 0 and 1.
        """
        if not 0.0 <= value <= 1.0:
            message = f"{value} does not lie between 0 and 1"
            raise ValueError(message)
        self.count += 1
        self.total += value
        self.squares += value * value
        scaled = value * _STEPS
        self._below[math.floor(scaled)] += 1
        self._above[_STEPS - math.ceil(scaled)] += 1

    def copy(self) -> "Mean":
        """Return one that knows the same, and goes its own way."""
        twin = Mean(self.alpha)
        twin.count, twin.total, twin.squares = self.count, self.total, self.squares
        twin.low, twin.high = self.low, self.high
        twin._below, twin._above = self._below.copy(), self._above.copy()
        return twin

    def look(self) -> None:
        """Narrow the interval to what can be said by now."""
        limit = math.log(2.0 / self.alpha)  # one half of the money would do it alone
        low, high = self.low + _WORTH, self.high - _WORTH
        if low < self.mean and self._log_above(low) >= limit:
            self.low = _last(lambda m: self._log_above(m) >= limit, low, self.mean)
        if high > self.mean and self._log_below(high) >= limit:
            self.high = _last(lambda m: self._log_below(m) >= limit, high, self.mean)
        if self.low > self.high:  # what happens once in 1/alpha times: it has missed
            self.low = self.high = (self.low + self.high) / 2

    def excludes(self, mean: float) -> bool:
        """Tell whether what was seen by now rules a mean out."""
        limit = math.log(2.0 / self.alpha)
        return self._log_above(mean) >= limit or self._log_below(mean) >= limit

    def log_e_value(self, mean: float) -> float:
        """Return the logarithm of the evidence against a mean: of the capital by now."""
        above, below = self._log_above(mean), self._log_below(mean)
        most = max(above, below)
        return most + math.log((math.exp(above - most) + math.exp(below - most)) / 2)

    def _log_above(self, mean: float) -> float:
        return _log_capital(self._below, mean)

    def _log_below(self, mean: float) -> float:
        return _log_capital(self._above, 1.0 - mean)


def _last(rejects: Callable[[float], bool], outside: float, inside: float) -> float:
    """Return the innermost value that is still rejected, from one that is towards one that is not.

    Args:
        rejects: Tells of a value.
        outside: A value that is rejected.
        inside: One that is not.
    """
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2
        if rejects(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_capital(values: Mapping[int, int], mean: float) -> float:
    """Return the log of what bets on a larger mean have made, values in classes."""
    if not values:
        return 0.0
    if mean <= 0.0:
        return _ALL if any(values) else 0.0
    each = [(scaled / _STEPS / mean, count) for scaled, count in values.items()]
    logs = []
    for fraction in _FRACTIONS:
        kept = 1.0 - fraction
        logs.append(math.fsum(count * math.log(kept + fraction * won) for won, count in each))
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs) / _NODES)
