"""Durations as people write them: `"10m"`, `"1h30m"`, `20`, a `timedelta`."""

import re
from datetime import timedelta

from agentmesh.errors import UsageError

NS_PER_SECOND = 1_000_000_000
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")

Duration = str | float | int | timedelta
"""A text such as `1h30m`, a number of seconds, or a `timedelta`."""


def seconds_of(duration: Duration, *, what: str = "duration") -> float:
    """Return a duration in seconds.

    Args:
        duration: What the user wrote.
        what: What it is for; used in the error.

    Raises:
        UsageError: It is not a positive duration.
    """
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, str):
        seconds = _parse(duration, what)
    else:
        seconds = float(duration)
    if not 0 < seconds < float("inf"):
        raise _bad(duration, what)
    return seconds


def _parse(text: str, what: str) -> float:
    compact = text.replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise _bad(text, what)
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _bad(value: object, what: str) -> UsageError:
    return UsageError(
        f"{value!r} is not a {what}.",
        fix='Write seconds as a number (20), or a text such as "500ms", "20s", "10m" or "1h30m".',
    )
