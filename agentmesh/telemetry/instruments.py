"""Counters, gauges and histograms in memory, by name and labels: what a metrics endpoint is sent.

Values only grow or are set; `changes` tells what has happened since it was asked last, for
receivers that add up by themselves. A name's label combinations are limited: whatever a program
does, what it costs to keep its metrics stays small.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agentmesh.telemetry import conventions as names

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"

SERIES_MAX = 200
"""Label combinations of a metric; what comes later is counted under `other`."""
OTHER = "other"

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(float(4**power) for power in range(14))

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """What is known of a metric beside its values."""

    name: str
    kind: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets."""

    @property
    def prometheus_name(self) -> str:
        """What Prometheus calls it, as the collector and Ray hand it on."""
        unit = "_seconds" if self.unit == "s" else ""
        return self.name.replace(".", "_") + unit + ("_total" if self.kind == COUNTER else "")


def _made(
    name: str, kind: str, unit: str, description: str, *labels: str, bounds: Sequence[float] = ()
) -> Instrument:
    if kind == HISTOGRAM and not bounds:
        bounds = _SECONDS
    return Instrument(
        name=name,
        kind=kind,
        unit=unit,
        description=description,
        labels=tuple(dict.fromkeys((names.L_WORKFLOW, *labels))),
        bounds=tuple(bounds),
    )


_GEN_AI = (names.OPERATION, names.PROVIDER, names.REQUEST_MODEL)

INSTRUMENTS: Final = {
    made.name: made
    for made in (
        _made(names.M_TURNS, COUNTER, "{turn}", "Turns that ended", names.L_AGENT, names.L_OUTCOME),
        _made(names.M_TURN_DURATION, HISTOGRAM, "s", "Time a turn took", names.L_AGENT),
        _made(names.M_TURN_WAIT, HISTOGRAM, "s", "Time in the mailbox", names.L_AGENT),
        _made(
            *(names.M_MESSAGES, COUNTER, "{message}", "Messages that asked for a turn"),
            *(names.L_AGENT, names.L_KIND),
        ),
        _made(names.M_QUEUED, GAUGE, "{message}", "Messages in mailboxes", names.L_AGENT),
        _made(names.M_DEAD, COUNTER, "{message}", "Messages that nobody handles", names.L_AGENT),
        _made(names.M_RETRIES, COUNTER, "{turn}", "Attempts that were not the last", names.L_AGENT),
        _made(
            *(names.M_EFFECTS, COUNTER, "{effect}", "Effects that ended"),
            *(names.L_KIND, names.L_NAME, names.L_OUTCOME),
        ),
        _made(
            *(names.M_EFFECT_DURATION, HISTOGRAM, "s", "Time an effect took"),
            *(names.L_KIND, names.L_NAME),
        ),
        _made(names.OPERATION_DURATION, HISTOGRAM, "s", "Time a model call took", *_GEN_AI),
        _made(
            *(names.TOKEN_USAGE, HISTOGRAM, "{token}", "Tokens of a model call"),
            *(*_GEN_AI, names.TOKEN_TYPE),
            bounds=_TOKENS,
        ),
        _made(names.M_COST, COUNTER, "{USD}", "What model calls cost", names.L_MODEL),
        _made(
            *(names.M_UNPRICED, COUNTER, "{call}", "Model calls of unknown cost", names.L_MODEL),
        ),
        _made(names.M_RECOVERIES, COUNTER, "{host}", "Hosts that were restored", names.L_WORKFLOW),
        _made(
            names.M_LAG,
            GAUGE,
            "s",
            "Age of what was read last",
            names.L_WORKFLOW,
        ),
        _made(names.M_AGENTS, GAUGE, "{agent}", "Agents that have lived", names.L_AGENT),
        _made(names.M_SPANS, COUNTER, "{span}", "Spans that were exported", names.L_WORKFLOW),
    )
}
"""All metrics there are, by name."""


@dataclass(slots=True)
class Distribution:
    """The values of a histogram."""

    bounds: tuple[float, ...]
    count: int = 0
    sum: float = 0.0
    buckets: list[int] = field(default_factory=list)

    def add(self, value: float) -> None:
        """Add a value."""
        if not self.buckets:
            self.buckets = [0] * (len(self.bounds) + 1)
        self.count += 1
        self.sum += value
        self.buckets[bisect_left(self.bounds, value)] += 1


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a metric: an amount to add, a value to set, or values to observe."""

    name: str
    labels: dict[str, str]
    amount: float = 0.0
    values: tuple[float, ...] = ()


class Registry:
    """Keeps the values of all metrics.

    Args:
        keeps_values: Whether `changes` will ask for the values that histograms got.
    """

    def __init__(self, *, keeps_values: bool = False) -> None:
        self.numbers: dict[str, dict[Labels, float]] = {}
        self.distributions: dict[str, dict[Labels, Distribution]] = {}
        self._keeps_values = keeps_values
        self._told: dict[tuple[str, Labels], float] = {}
        self._values: dict[tuple[str, Labels], list[float]] = {}

    def add(self, name: str, labels: Mapping[str, str], amount: float = 1) -> None:
        """Let a counter, or a gauge, grow."""
        series = self.numbers.setdefault(name, {})
        key = _limited(series, labels)
        series[key] = series.get(key, 0) + amount

    def put(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge."""
        series = self.numbers.setdefault(name, {})
        series[_limited(series, labels)] = value

    def observe(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Add a value to a histogram."""
        series = self.distributions.setdefault(name, {})
        key = _limited(series, labels)
        known = series.get(key)
        if known is None:
            known = series[key] = Distribution(INSTRUMENTS[name].bounds)
        known.add(value)
        if self._keeps_values:
            self._values.setdefault((name, key), []).append(value)

    def changes(self) -> list[Change]:
        """Return what has happened since the last time."""
        found = []
        for name, series in self.numbers.items():
            counts = INSTRUMENTS[name].kind == COUNTER
            for key, value in series.items():
                before = self._told.get((name, key))
                if value != before:
                    self._told[name, key] = value
                    amount = value - (before or 0) if counts else value
                    found.append(Change(name, dict(key), amount))
        values, self._values = self._values, {}
        found += [
            Change(name, dict(key), values=tuple(seen)) for (name, key), seen in values.items()
        ]
        return found


def _limited(series: Mapping[Labels, object], labels: Mapping[str, str]) -> Labels:
    key = tuple(labels.items())
    if key in series or len(series) < SERIES_MAX:
        return key
    return tuple((name, OTHER) for name in labels)
