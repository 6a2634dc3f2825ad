"""What the standard environment variables of OpenTelemetry say about an export.

Names and meanings are those of the OpenTelemetry specification: an operator who knows other
programs knows this one. Read once, by whoever starts an export.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from agentmesh.errors import UsageError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
TRACES, METRICS = "traces", "metrics"

_NO_CONTENT = "NO_CONTENT"
_CAPTURES = {
    "": _NO_CONTENT,
    "false": _NO_CONTENT,
    "true": "SPAN_ONLY",
    "no_content": _NO_CONTENT,
    "span_only": "SPAN_ONLY",
    "event_only": "EVENT_ONLY",
    "span_and_event": "SPAN_AND_EVENT",
}
_PROTOCOL = "http/protobuf"
_TIMEOUT_SECONDS = 10.0
_INTERVAL_SECONDS = 60.0
_LENGTH_MAX = 65_536


@dataclass(frozen=True, kw_only=True)
class Capture:
    """Where what was said may be written."""

    on_spans: bool = False
    as_events: bool = False

    @property
    def any(self) -> bool:
        """Whether it may be written anywhere."""
        return self.on_spans or self.as_events


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where one signal goes."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = _TIMEOUT_SECONDS
    gzip: bool = False
    certificate: str = ""
    """Path of a file with certificates to trust; empty for the system's."""

    @property
    def shown(self) -> str:
        """The URL without what may be secret in it."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is exported, and where to."""

    traces: Target | None = None
    metrics: Target | None = None
    resource: Mapping[str, str] = field(default_factory=dict)
    capture: Capture = Capture()
    length_max: int = _LENGTH_MAX
    """Characters of an attribute's value."""
    interval_seconds: float = _INTERVAL_SECONDS
    """Between two exports of metrics."""

    @property
    def any(self) -> bool:
        """Whether anything is exported."""
        return self.traces is not None or self.metrics is not None


def read(environ: Mapping[str, str] | None = None, *, endpoint: str | None = None) -> Settings:
    """Return what the environment says.

    Args:
        environ: The environment; the process's own by default.
        endpoint: Instead of the variable's: `http://localhost:4318`.

    Raises:
        UsageError: A variable can't be understood.
    """
    environ = os.environ if environ is None else environ
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" and endpoint is None:
        return Settings()
    if endpoint is not None:
        kept = {name: value for name, value in environ.items() if not name.endswith("_ENDPOINT")}
        environ = {**kept, ENDPOINT: endpoint}
    return Settings(
        traces=_target(environ, TRACES),
        metrics=_target(environ, METRICS),
        resource=_resource(environ),
        capture=_capture(environ),
        length_max=int(_number(environ, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LENGTH_MAX)),
        interval_seconds=_number(environ, "OTEL_METRIC_EXPORT_INTERVAL", _INTERVAL_SECONDS * 1e3)
        / 1e3,
    )


def _target(environ: Mapping[str, str], signal: str) -> Target | None:
    if environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip() == "none":
        return None

    def said(name: str, default: str = "") -> str:
        own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", "")
        return (own or environ.get(f"OTEL_EXPORTER_OTLP_{name}", default)).strip()

    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "").strip()
    base = environ.get(ENDPOINT, "").strip()
    if not own and not base:
        return None
    url = own or f"{base.rstrip('/')}/v1/{signal}"
    _check_url(url)
    protocol = said("PROTOCOL", _PROTOCOL)
    if protocol not in (_PROTOCOL, "http"):
        raise UsageError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; agentmesh sends {_PROTOCOL}.",
            cause="Receivers of OTLP listen for gRPC on port 4317, and for HTTP on 4318.",
            fix=f"Unset it, and let {ENDPOINT} name the HTTP port: http://localhost:4318.",
        )
    name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT"
    general = _number(environ, "OTEL_EXPORTER_OTLP_TIMEOUT", _TIMEOUT_SECONDS * 1e3)
    return Target(
        url=url,
        headers=_pairs(said("HEADERS")),
        timeout_seconds=_number(environ, name, general) / 1e3,
        gzip=said("COMPRESSION") == "gzip",
        certificate=said("CERTIFICATE"),
    )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{url!r} is no endpoint that spans can be sent to.",
            cause="An endpoint is an http or https URL with a host.",
            fix=f"Set {ENDPOINT}=http://localhost:4318, or what your receiver says.",
        )


def _resource(environ: Mapping[str, str]) -> dict[str, str]:
    found = _pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    name = environ.get("OTEL_SERVICE_NAME", "").strip()
    return {**found, "service.name": name or found.get("service.name", "agentmesh")}


def _capture(environ: Mapping[str, str]) -> Capture:
    said = environ.get(CAPTURE, "").strip().lower()
    if said not in _CAPTURES:
        raise UsageError(
            f"{CAPTURE} is {said!r}.",
            fix="Use NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT.",
        )
    where = _CAPTURES[said]
    return Capture(on_spans="SPAN" in where, as_events="EVENT" in where)


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    said = environ.get(name, "").strip()
    try:
        number = float(said) if said else default
    except ValueError:
        number = -1.0
    if number <= 0 or number != number:  # noqa: PLR0124 - not a number
        raise UsageError(f"{name} is {said!r}.", fix="Give a positive number, or unset it.")
    return number


def _pairs(text: str) -> dict[str, str]:
    """Read `name=value,name=value`, values URL-encoded."""
    found = {}
    for pair in text.split(","):
        name, mark, value = pair.partition("=")
        if mark and name.strip():
            found[unquote(name.strip())] = unquote(value.strip())
    return found
