"""A receiver of OTLP on this machine: OpenTelemetry's own messages decode what comes.

It can be told to be busy, to refuse, or to want less at a time; and stopped, so that nothing
listens any more.
"""

import gzip
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Span = Any
"""`opentelemetry.proto.trace.v1.Span`, which publishes no types here."""
Said = tuple[int, dict[str, str], bytes]


class Receiver:
    """Listens until the `with` statement ends.

    Attributes:
        requests: What came and was taken: requests for spans.
        metrics: The same, for metrics.
        headers: Of the latest request.
        tells: What is answered to the next requests, before all is well again.
        largest: Spans it takes at a time.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Any] = []
        self.metrics: list[Any] = []
        self.headers: dict[str, str] = {}
        self.tells: deque[Said] = deque()
        self.largest = 1_000_000
        self.on_request: Callable[[int], object] = lambda _number: None
        self._asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers, answer = outer._answer(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def endpoint(self) -> str:
        """What spans are sent to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port."""
        return self._server.server_address[1]

    @property
    def spans(self) -> list[Span]:
        """All spans that were taken, in order."""
        return [
            span
            for request in self.requests
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    @property
    def latest_metrics(self) -> dict[str, Any]:
        """The latest of each metric, by name."""
        found = {}
        for request in self.metrics:
            for group in request.resource_metrics:
                for scope in group.scope_metrics:
                    found.update({metric.name: metric for metric in scope.metrics})
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Said:
        self.headers = headers
        self._asked += 1
        self.on_request(self._asked)
        if self.tells:
            return self.tells.popleft()
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if path.endswith("/v1/metrics"):
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
            return 200, {}, b""
        request = ExportTraceServiceRequest.FromString(body)
        count = sum(len(s.spans) for g in request.resource_spans for s in g.scope_spans)
        if count > self.largest:
            return 413, {}, b"too much"
        self.requests.append(request)
        return 200, {}, ExportTraceServiceResponse().SerializeToString()


def attributes(thing: Any) -> dict[str, Any]:
    """Return the attributes of a span, event, link or resource as plain values."""
    return {pair.key: _value(pair.value) for pair in thing.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(each) for each in found.values] if kind == "array_value" else found


def by_name(spans: list[Span], name: str) -> list[Span]:
    """Return the spans of a name."""
    return [span for span in spans if span.name == name]
