"""Metrics as OTLP's bytes: cumulative, since the export began."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.instruments import COUNTER, INSTRUMENTS, Instrument, Labels, Registry
from agentmesh.telemetry.otlp import clean

_CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE


def encode_metrics(registry: Registry, resource: Resource, begin_ns: int, now_ns: int) -> bytes:
    """Return the request that hands over all metrics.

    Args:
        registry: Their values.
        resource: What they have in common.
        begin_ns: Since when was counted, nanoseconds since the epoch.
        now_ns: The time now.
    """
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.CopyFrom(resource)
    group.schema_url = names.SCHEMA_URL
    scope = group.scope_metrics.add()
    scope.scope.name = names.SCOPE
    scope.scope.version = str(names.VERSION)
    for name, series in registry.numbers.items():
        made = _begin(scope.metrics.add(), INSTRUMENTS[name])
        counts = INSTRUMENTS[name].kind == COUNTER
        if counts:
            made.sum.aggregation_temporality = _CUMULATIVE
            made.sum.is_monotonic = True
        points = made.sum.data_points if counts else made.gauge.data_points
        for labels, value in series.items():
            point = points.add()
            _place(point, labels, begin_ns, now_ns)
            point.as_double = value
    for name, distributions in registry.distributions.items():
        made = _begin(scope.metrics.add(), INSTRUMENTS[name])
        made.histogram.aggregation_temporality = _CUMULATIVE
        for labels, seen in distributions.items():
            row = made.histogram.data_points.add()
            _place(row, labels, begin_ns, now_ns)
            row.count, row.sum = seen.count, seen.sum
            row.explicit_bounds.extend(seen.bounds)
            row.bucket_counts.extend(seen.buckets)
    data: bytes = request.SerializeToString()
    return data


def _begin(made: metrics_pb2.Metric, instrument: Instrument) -> metrics_pb2.Metric:
    made.name = instrument.name
    made.unit, made.description = instrument.unit, instrument.description
    return made


def _place(
    point: metrics_pb2.NumberDataPoint | metrics_pb2.HistogramDataPoint,
    labels: Labels,
    begin_ns: int,
    now_ns: int,
) -> None:
    point.start_time_unix_nano, point.time_unix_nano = begin_ns, now_ns
    point.attributes.extend(
        KeyValue(key=name, value=AnyValue(string_value=clean(value))) for name, value in labels
    )
