"""The standard environment variables, read as the specification has them."""

import pytest

from agentmesh.errors import UsageError
from agentmesh.telemetry.settings import CAPTURE, ENDPOINT, Capture, read

BASE = "http://collector:4318"


def test_nothing_is_exported_unless_an_endpoint_is_named() -> None:
    """Or where it is switched off."""
    assert not read({}).any
    assert not read({ENDPOINT: BASE, "OTEL_SDK_DISABLED": "true"}).any
    only = read({ENDPOINT: BASE, "OTEL_METRICS_EXPORTER": "none"})
    assert only.traces is not None
    assert only.metrics is None


def test_signals_have_paths_of_their_own_unless_they_are_named() -> None:
    """A signal's own endpoint is taken as it is."""
    both = read({ENDPOINT: f"{BASE}/"})
    own = read({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/in"})

    assert both.traces is not None
    assert both.metrics is not None
    assert (both.traces.url, both.metrics.url) == (f"{BASE}/v1/traces", f"{BASE}/v1/metrics")
    assert own.traces is not None
    assert own.traces.url == "https://traces/in"
    assert own.metrics is None


def test_an_endpoint_that_is_asked_for_goes_before_all_that_is_set() -> None:
    """Headers stay."""
    environ = {
        ENDPOINT: "http://other",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://third/x",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x = y ,",
        "OTEL_SDK_DISABLED": "true",
    }

    found = read(environ, endpoint=BASE).traces

    assert found is not None
    assert found.url == f"{BASE}/v1/traces"
    assert found.headers == {"api-key": "a b", "x": "y"}


def test_details_of_a_target() -> None:
    """Timeouts are milliseconds; a signal's own go before the general ones."""
    found = read(
        {
            ENDPOINT: "https://user:pass@host/base?key=1",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_SERVICE_NAME": "desk",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=blue",
        }
    )

    assert found.traces is not None
    assert found.metrics is not None
    assert (found.traces.timeout_seconds, found.metrics.timeout_seconds) == (0.5, 2.5)
    assert found.traces.gzip
    assert "pass" not in found.traces.shown
    assert "key" not in found.traces.shown
    assert found.resource == {"service.name": "desk", "team": "blue"}


@pytest.mark.parametrize(
    ("said", "capture"),
    [
        ("", Capture()),
        ("false", Capture()),
        ("true", Capture(on_spans=True)),
        ("EVENT_ONLY", Capture(as_events=True)),
        ("span_and_event", Capture(on_spans=True, as_events=True)),
    ],
)
def test_content_is_captured_as_the_switch_says(said: str, capture: Capture) -> None:
    """In the spelling of today and of before."""
    assert read({CAPTURE: said}).capture == capture


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({ENDPOINT: "localhost:4318"}, "no endpoint"),
        ({ENDPOINT: "http://"}, "no endpoint"),
        ({ENDPOINT: BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "4318"),
        ({ENDPOINT: BASE, "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "OTLP_TIMEOUT"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "-1"}, "INTERVAL"),
        ({CAPTURE: "some"}, "SPAN_ONLY"),
    ],
)
def test_what_cant_be_understood_is_told(environ: dict[str, str], said: str) -> None:
    """With the variable, and what to write instead."""
    with pytest.raises(UsageError, match=said):
        read(environ)
