"""The door of unmodified SDKs to the world: an HTTP transport whose requests are effects.

Inside a handler each request is issued as an effect of kind `http`, and the SDK gets
the recorded response; outside, the request is simply sent. One text serves httpx2 and
classic httpx, which have the same interface: the classes of either library are made
from the two below when they are first wanted.

A handler does not know whether a response will be streamed: if a piece comes before
the end, it is the response's head, and the body follows piece by piece.

A turn that was cancelled sends no more requests: cleaning up costs no tokens.
"""

import asyncio
import functools
import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from agentmesh.effects import endpoints, http_perform, http_record, recorded, settings
from agentmesh.effects.http_perform import Outgoing
from agentmesh.effects.http_record import Headers
from agentmesh.errors import RemoteError, UsageError
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.pending import Pending
from agentmesh.sdk.duration import NS_PER_SECOND

if TYPE_CHECKING:
    import httpx2

KIND = "http"


class RecordedTransport:
    """Half of a transport: the other half is `AsyncBaseTransport` of an HTTP library."""

    library: ModuleType
    """httpx2 or httpx; set by `make_transport`."""

    async def handle_async_request(self, request: "httpx2.Request") -> "httpx2.Response":
        """Send one request and return its response."""
        body = await request.aread()
        _resolve(request, self.library)
        outgoing = Outgoing(
            method=request.method,
            url=str(request.url),
            headers=list(request.headers.multi_items()),
            body=body,
            timeouts=dict(request.extensions.get("timeout", {})),
        )
        cell = recorded.cell_here()
        if cell is None:
            return await self._sent(request, outgoing)
        return await self._recorded(cell, request, outgoing)

    async def aclose(self) -> None:
        """Do nothing: connections belong to the host."""

    async def _sent(self, request: "httpx2.Request", outgoing: Outgoing) -> "httpx2.Response":
        with _translated(self.library, request):
            response = await http_perform.send(outgoing)
        body = _pieces_of(response, self.library, request)
        return self._streamed(
            request, response.status_code, response.headers.multi_items(), body, response.aclose
        )

    async def _recorded(
        self, cell: Cell, request: "httpx2.Request", outgoing: Outgoing
    ) -> "httpx2.Response":
        pending = _issue(cell, outgoing)
        with _translated(self.library, request):
            head = await pending.next_piece()
            result = head if head is not None else pending.future.result()
        exchange = http_record.exchange_of(result)
        if head is not None:
            body = _pieces_from(pending, self.library, request)
            return self._streamed(
                request, exchange.status, exchange.headers, body, _closing(pending)
            )
        made: httpx2.Response = self.library.Response(
            exchange.status, headers=exchange.headers, content=exchange.body, request=request
        )
        return made

    def _streamed(
        self,
        request: "httpx2.Request",
        status: int,
        headers: Headers,
        body: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
    ) -> "httpx2.Response":
        stream = _body_class(self.library)(body, close)
        made: httpx2.Response = self.library.Response(
            status, headers=headers, stream=stream, request=request
        )
        return made


def _resolve(request: "httpx2.Request", library: ModuleType) -> None:
    """Send what was addressed to no particular server to the one that is configured here."""
    url = str(request.url)
    if url.startswith(endpoints.UNRESOLVED):
        base = settings.base_url_of(settings.here())
        request.url = library.URL(base + url.removeprefix(endpoints.UNRESOLVED))


def _issue(cell: Cell, outgoing: Outgoing) -> Pending[bytes]:
    data = http_record.request_of(
        outgoing.method, outgoing.url, outgoing.headers, outgoing.body, _from_environment()
    )
    turn = cell.current()
    if turn.cancel_reason:
        # Whoever swallowed the cancellation is told again, in a way that SDKs do not swallow.
        raise asyncio.CancelledError(turn.message)
    deadline = turn.deadline
    if deadline:
        outgoing = _hurried(outgoing, (deadline - cell.now) / NS_PER_SECOND)
    name = http_record.name_of(outgoing.method, outgoing.url)
    issued: list[Pending[bytes]] = []

    async def perform(emit: Callable[[bytes], None]) -> bytes:
        key = recorded.idempotency_key_of(cell, issued[0])
        return await http_perform.perform(_named(outgoing, key), emit)

    pending = recorded.issue(cell, KIND, name, data, perform)
    issued.append(pending)
    return pending


def _named(outgoing: Outgoing, key: str) -> Outgoing:
    """Name a request that does something, so that the server can tell when it gets it twice.

    What is recorded of it does not have the name: it differs between runs that do the same.
    """
    named = any(name.lower() in _NAMES for name, _ in outgoing.headers)
    if named or outgoing.method not in _DOING:
        return outgoing
    return replace(outgoing, headers=[*outgoing.headers, ("Idempotency-Key", key)])


_NAMES = frozenset({"idempotency-key", "x-idempotency-key"})
_DOING = frozenset({"POST", "PATCH"})
"""Methods of which HTTP itself does not say that they may be repeated."""


def _hurried(outgoing: Outgoing, seconds: float) -> Outgoing:
    """Give no phase of a request more time than its turn has left."""
    left = max(seconds, 0.001)
    timeouts = {
        phase: left if own is None else min(own, left)
        for phase, own in (dict.fromkeys(_PHASES) | dict(outgoing.timeouts)).items()
    }
    return replace(outgoing, timeouts=timeouts)


_PHASES = ("connect", "read", "write", "pool")


def _from_environment() -> list[str]:
    """Name the headers that the openai SDK takes from the environment, which a replay lacks."""
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    return [line.partition(":")[0].strip().lower() for line in lines]


class _Body:
    """Half of a response's stream: the other half is `AsyncByteStream` of an HTTP library."""

    def __init__(self, pieces: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]) -> None:
        self._pieces = pieces
        self._close = close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        await self._close()


async def _pieces_from(
    pending: Pending[bytes], library: ModuleType, request: "httpx2.Request"
) -> AsyncIterator[bytes]:
    with _translated(library, request):
        while (piece := await pending.next_piece()) is not None:
            yield piece


async def _pieces_of(
    response: "httpx2.Response", library: ModuleType, request: "httpx2.Request"
) -> AsyncIterator[bytes]:
    with _translated(library, request):
        async for piece in response.aiter_raw():
            yield piece


def _closing(pending: Pending[bytes]) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        pending.close()

    return close


class _translated:  # noqa: N801 - reads as a verb at its use
    """Raises errors of HTTP as the classes of the library that the SDK knows."""

    def __init__(self, library: ModuleType, request: "httpx2.Request") -> None:
        self._library = library
        self._request = request

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        name = _http_error(error)
        cls = getattr(self._library, name, None) if name else None
        if cls is None or type(error) is cls:
            return
        raise cls(_text(error), request=self._request) from error


def _http_error(error: BaseException | None) -> str:
    """Return the short name of an HTTP library's transport error; empty for any other."""
    if isinstance(error, RemoteError):
        module, _, name = error.type_name.rpartition(".")
    elif error is not None:
        module, name = type(error).__module__, type(error).__name__
    else:
        return ""
    return name if module.partition(".")[0] in ("httpx", "httpx2") and name in _ERRORS else ""


def _text(error: BaseException | None) -> str:
    return error.what if isinstance(error, RemoteError) else str(error)


_ERRORS = frozenset(
    {
        "CloseError",
        "ConnectError",
        "ConnectTimeout",
        "DecodingError",
        "LocalProtocolError",
        "NetworkError",
        "PoolTimeout",
        "ProtocolError",
        "ProxyError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "TimeoutException",
        "TransportError",
        "UnsupportedProtocol",
        "WriteError",
        "WriteTimeout",
    }
)


def make_transport(library: str) -> Any:
    """Return a transport for clients of an HTTP library.

    Args:
        library: `httpx2` or `httpx`.

    Raises:
        UsageError: It is not installed.
    """
    try:
        module = importlib.import_module(library)
    except ImportError as error:
        raise UsageError(
            f"The HTTP library {library!r} is not installed.",
            cause="agentmesh itself uses httpx2; some SDKs still want classic httpx.",
            fix=f"Install it: `pip install {library}`.",
        ) from error
    return _transport_class(module)()


@functools.cache
def _transport_class(library: ModuleType) -> Any:
    bases = (RecordedTransport, library.AsyncBaseTransport)
    return type("RecordedTransport", bases, {"library": library})


@functools.cache
def _body_class(library: ModuleType) -> Any:
    return type("RecordedBody", (_Body, library.AsyncByteStream), {})
