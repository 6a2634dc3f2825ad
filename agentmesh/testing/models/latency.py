"""How long a simulated model takes: distributions of seconds, drawn per request.

Real models show a long tail before the first token and steady, jittery gaps
after it; `LogNormal` is the usual fit for both. Knows no clock: it only says
how long to wait, and the HTTP layer waits.
"""

import math
import random
from dataclasses import dataclass

from agentmesh.errors import UsageError

# Nobody waits longer for a test; a distribution with a tail must end somewhere.
LONGEST_SECONDS = 600.0


def _check(name: str, value: float) -> None:
    if not 0 <= value <= LONGEST_SECONDS:
        what = f"{name} is {value}; it must be between 0 and {LONGEST_SECONDS:g}."
        raise UsageError(what, fix="Give times in seconds, not in milliseconds.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always the same time."""

    seconds: float
    """The time, in seconds; 0 or more."""

    def __post_init__(self) -> None:
        """Refuse a negative or endless time."""
        _check("Fixed.seconds", self.seconds)

    def draw(self, source: random.Random) -> float:  # noqa: ARG002 - one signature for all
        """Return a time in seconds."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Any time between two bounds, all equally likely."""

    low_seconds: float
    high_seconds: float

    def __post_init__(self) -> None:
        """Refuse bounds that are negative, endless or in the wrong order."""
        _check("Uniform.low_seconds", self.low_seconds)
        _check("Uniform.high_seconds", self.high_seconds)
        if self.low_seconds > self.high_seconds:
            what = f"Uniform from {self.low_seconds} to {self.high_seconds} seconds is empty."
            raise UsageError(what, fix="Give the smaller bound as low_seconds.")

    def draw(self, source: random.Random) -> float:
        """Return a time in seconds."""
        return source.uniform(self.low_seconds, self.high_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Half of the times below the median, with a long tail above it."""

    median_seconds: float

    sigma: float = 0.5
    """Spread of the logarithm: 0 is fixed; at 0.5 one in twenty takes over 2.3 medians."""

    max_seconds: float = LONGEST_SECONDS
    """Where the tail is cut, in seconds."""

    def __post_init__(self) -> None:
        """Refuse parameters that are negative or endless."""
        _check("LogNormal.median_seconds", self.median_seconds)
        _check("LogNormal.sigma", self.sigma)
        _check("LogNormal.max_seconds", self.max_seconds)

    def draw(self, source: random.Random) -> float:
        """Return a time in seconds."""
        # Bounded, so that no sigma makes `exp` overflow; the cut below hides the bound.
        exponent = min(self.sigma * source.gauss(0.0, 1.0), 100.0)
        return min(self.median_seconds * math.exp(exponent), self.max_seconds)


Distribution = Fixed | Uniform | LogNormal

INSTANT = Fixed(seconds=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long a model takes: once before its first token, then before each further one.

    A reply that is not streamed takes as long as the whole stream would.
    """

    first_token: Distribution = INSTANT
    per_token: Distribution = INSTANT
