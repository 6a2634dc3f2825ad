"""A run under observation: exported while it goes on, where somebody wants that.

Spans and metrics go to the endpoint that `OTEL_EXPORTER_OTLP_ENDPOINT` names. On a cluster that
was there before the run, metrics also go to Ray's metrics agent, which its operators scrape
already; `AGENTMESH_RAY_METRICS` is 1 to have them on a local Ray, too, and 0 to have them nowhere.
"""

import os
import sys

from agentmesh.fabric.jobs import submission
from agentmesh.fabric.metrics import Metric, RayMetrics
from agentmesh.mesh.options import RunOptions, wants_local
from agentmesh.telemetry import nesting
from agentmesh.telemetry.beside import Beside
from agentmesh.telemetry.instruments import COUNTER, INSTRUMENTS, Change

COMPANIONS = (nesting.__name__,)
"""What each process of a run imports, too."""
RAY_METRICS = "AGENTMESH_RAY_METRICS"
_RAY_ADDRESS = "RAY_ADDRESS"


def observed(store: str, run: str, options: RunOptions) -> Beside:
    """Return what exports a run while its `with` statement lasts; perhaps nothing."""
    on_changes = _Forwarding() if wants_ray_metrics(options) else None
    return Beside(store, run, on_changes=on_changes, say=_say)


def wants_ray_metrics(options: RunOptions) -> bool:
    """Tell whether a run's metrics go to Ray's agent."""
    said = os.environ.get(RAY_METRICS, "")
    if wants_local(options) or said in ("0", "false"):
        return False
    there = options.address or os.environ.get(_RAY_ADDRESS) or submission() is not None
    return bool(said or there)


class _Forwarding:
    """Hands changes of metrics to Ray."""

    def __init__(self) -> None:
        self._ray = RayMetrics()

    def __call__(self, changes: list[Change]) -> None:
        for change in changes:
            metric = _metric_of(change.name)
            for value in change.values or (change.amount,):
                self._ray.record(metric, change.labels, value)


def _metric_of(name: str) -> Metric:
    known = INSTRUMENTS[name]
    # Ray writes the end of a counter's name itself.
    shown = known.prometheus_name
    return Metric(
        name=shown.removesuffix("_total") if known.kind == COUNTER else shown,
        kind=known.kind,
        description=known.description,
        labels=known.labels,
        bounds=known.bounds,
    )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
