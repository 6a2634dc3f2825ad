"""Metrics by Ray's own agent, which a cluster's Prometheus scrapes already.

Knows no run and no journal: names, labels and numbers, from whoever counts. Ray puts `ray_` in
front of a name, and `_total` behind a counter's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

_ODD = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What Ray has to know of a metric before its first value."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    description: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets."""


class RayMetrics:
    """Hands values to Ray's agent, from a process that is connected to Ray."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def record(self, metric: Metric, labels: Mapping[str, str], value: float) -> None:
        """Add to a counter, set a gauge, or observe a value; nothing when Ray is gone."""
        import ray

        if not ray.is_initialized():
            return
        made = self._known.get(metric.name)
        if made is None:
            made = self._known[metric.name] = _made(metric)
        tags = {_name(name): text for name, text in labels.items()}
        if metric.kind == COUNTER:
            if value > 0:
                made.inc(value, tags)
        elif metric.kind == GAUGE:
            made.set(value, tags)
        else:
            made.observe(value, tags)


def _made(metric: Metric) -> Any:
    from ray.util import metrics

    names = tuple(_name(label) for label in metric.labels)
    if metric.kind == COUNTER:
        return metrics.Counter(metric.name, metric.description, names)
    if metric.kind == GAUGE:
        return metrics.Gauge(metric.name, metric.description, names)
    bounds = [bound for bound in metric.bounds if bound > 0]
    return metrics.Histogram(metric.name, metric.description, bounds, names)


def _name(text: str) -> str:
    return _ODD.sub("_", text)
