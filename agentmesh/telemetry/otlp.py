"""Spans as OTLP's bytes.

The messages are OpenTelemetry's own (`opentelemetry-proto`), filled directly: an SDK's span takes
four times as long on its way to the same bytes.

Text from runs may be anything. Protocol buffers take UTF-8 only, and some receivers keep text
in databases that refuse other control characters: lone surrogates become U+FFFD, and controls
become their visible pictures (U+2400 and on), but for tabs and line ends.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.span import Span

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_PICTURES, _DELETE, _DELETE_PICTURE, _REPLACEMENT = 0x2400, 0x7F, "\u2421", "\ufffd"
_FIRST_SURROGATE = 0xD800
_SAMPLED = 1
_INT_MAX = (1 << 63) - 1


def clean(text: str) -> str:
    """Return a text that every receiver takes."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(_pictured, text)


def _pictured(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number >= _FIRST_SURROGATE:
        return _REPLACEMENT
    return _DELETE_PICTURE if number == _DELETE else chr(_PICTURES + number)


def resource_of(attributes: Mapping[str, Any]) -> Resource:
    """Return what all spans of a run have in common."""
    return Resource(attributes=_pairs(attributes, _INT_MAX))


def encode_spans(spans: Sequence[Span], resource: Resource, *, length_max: int) -> bytes:
    """Return the request that hands over spans.

    Args:
        spans: What is handed over.
        resource: What they have in common.
        length_max: Characters of a value; what is longer is cut, and the span says so.
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.CopyFrom(resource)
    group.schema_url = names.SCHEMA_URL
    scope = group.scope_spans.add()
    scope.scope.name = names.SCOPE
    scope.scope.version = str(names.VERSION)
    scope.schema_url = names.SCHEMA_URL
    for span in spans:
        _fill(scope.spans.add(), span, length_max)
    data: bytes = request.SerializeToString()
    return data


def rejected_in(response: bytes) -> tuple[int, str]:
    """Return how many spans a receiver has not taken, and why."""
    try:
        said = ExportTraceServiceResponse.FromString(response)
    except Exception:  # noqa: BLE001 - what a receiver says beside "200" may be anything
        return 0, ""
    return said.partial_success.rejected_spans, said.partial_success.error_message


def _fill(made: trace_pb2.Span, span: Span, length_max: int) -> None:
    made.name = clean(span.name)
    made.kind = span.kind  # type: ignore[assignment]
    made.trace_id, made.span_id = span.trace_id, span.span_id
    made.parent_span_id = span.parent
    made.start_time_unix_nano = max(span.begin_ns, 0)
    made.end_time_unix_nano = max(span.end_ns, span.begin_ns, 0)
    made.flags = _SAMPLED
    made.attributes.extend(_pairs(span.attributes, length_max))
    for event in span.events:
        row = made.events.add()
        row.time_unix_nano = event.at_ns
        row.name = clean(event.name)[:length_max]
        row.attributes.extend(_pairs(event.attributes, length_max))
    made.dropped_events_count = span.dropped_events
    for link in span.links:
        to = made.links.add()
        to.trace_id, to.span_id = link.trace_id, link.span_id
        to.attributes.extend(_pairs(link.attributes, length_max))
    if span.failed:
        made.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        made.status.message = clean(span.problem)[:length_max]


def _pairs(attributes: Mapping[str, Any], length_max: int) -> Iterable[KeyValue]:
    made, cut = [], []
    for name, value in attributes.items():
        if type(value) is not str:
            made.append(KeyValue(key=name, value=_value(value)))
        elif name in _FEW_VALUES:
            made.append(_text_pair(name, value[:length_max]))
        else:
            shown = value if len(value) <= length_max else value[:length_max]
            if shown is not value:
                cut.append(name)
            made.append(KeyValue(key=name, value=AnyValue(string_value=clean(shown))))
    if cut:
        made.append(KeyValue(key=names.CUT, value=_value(cut)))
    return made


@functools.lru_cache(maxsize=4096)
def _text_pair(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=clean(value)))


_FEW_VALUES = frozenset(
    {
        names.OPERATION,
        names.PROVIDER,
        names.AGENT_NAME,
        names.WORKFLOW_NAME,
        names.REQUEST_MODEL,
        names.RESPONSE_MODEL,
        names.TOOL_NAME,
        names.TOOL_TYPE,
        names.MESSAGING_SYSTEM,
        names.MESSAGING_OPERATION,
        names.MESSAGING_TYPE,
        names.DESTINATION,
        names.DESTINATION_TEMPLATE,
        names.SPAN_KIND,
        names.AGENT,
        names.HANDLER,
        names.TYPE,
        names.OUTCOME,
        names.EFFECT_KIND,
        names.LINK,
        names.LEVEL,
        names.SERVER_ADDRESS,
    }
)
"""Attributes that say the same again and again: half of what a span has."""


def _value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=clean(value))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        if -_INT_MAX <= value <= _INT_MAX:
            return AnyValue(int_value=value)
        return AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
