"""Sends recorded requests for real, on the host's loop, over connections that are shared.

One client per loop holds the connections of all agents there. It keeps no cookies:
what one agent was given must not reach another. It is closed with its loop's
asynchronous generators, as `asyncio.run` does, or by `close`.
"""

import asyncio
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agentmesh.effects import http_record, keys
from agentmesh.effects.http_record import Headers
from agentmesh.effects.recorded import object_of
from agentmesh.errors import UsageError

if TYPE_CHECKING:
    import httpx2

CONNECTIONS_MAX = 1000
CONNECTIONS_KEPT = 100

END_BYTES = 65_536
"""How much of a stream's end is searched for the tokens it cost."""

_PER_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "keep-alive", "transfer-encoding"}
)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A request as it is to be sent, keys still as placeholders."""

    method: str
    url: str
    headers: Headers
    body: bytes
    timeouts: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds, by phase: `connect`, `read`, `write`, `pool`."""


REWRITE: ContextVar[Callable[[bytes], bytes] | None] = ContextVar("rewrite", default=None)
"""What is done to the body of a request before it is sent: in a branch, which asks another."""


async def perform(outgoing: Outgoing, emit: Callable[[bytes], None]) -> bytes:
    """Send a request; emit the head and pieces of a streamed response, return any other.

    Raises:
        httpx2.TransportError: As the library raised it, always with a text.
    """
    rewrite = REWRITE.get()
    if rewrite is not None:
        outgoing = replace(outgoing, body=rewrite(outgoing.body))
    response = await send(outgoing)
    try:
        with _texts(outgoing):
            if _content_type(response) in http_record.STREAMED:
                return await _stream(response, emit)
            body = await response.aread()
    finally:
        await response.aclose()
    return http_record.response_of(
        response.status_code, headers_of(response), body, _content_type(response)
    )


async def _stream(response: "httpx2.Response", emit: Callable[[bytes], None]) -> bytes:
    emit(http_record.response_of(response.status_code, headers_of(response), b"", ""))
    size, end = 0, b""
    async for piece in response.aiter_bytes():
        if piece:
            emit(piece)
            size += len(piece)
            end = (end + piece)[-END_BYTES:]
    parts = {"streamed_bytes": b"%d" % size}
    return object_of(parts | http_record.usage_in(end))


async def send(outgoing: Outgoing) -> "httpx2.Response":
    """Send a request and return the open response; close it.

    Raises:
        httpx2.TransportError: As the library raised it, always with a text.
        UsageError: The key that the request names is not set on this host.
    """
    client = await _open()
    request = client.build_request(
        outgoing.method,
        outgoing.url,
        headers=_real_headers(outgoing),
        content=outgoing.body,
        extensions={"timeout": dict(outgoing.timeouts)},
    )
    with _texts(outgoing):
        return await client.send(request, stream=True)


def _real_headers(outgoing: Outgoing) -> Headers:
    real = []
    for name, value in outgoing.headers:
        if name.lower() in _PER_CONNECTION:
            continue
        if keys.names_in(value):
            filled = keys.filled(value)
            if filled is None:
                _refuse_without_key(outgoing, keys.names_in(value))
                continue
            real.append((name, filled))
        else:
            real.append((name, value))
    return real


def _refuse_without_key(outgoing: Outgoing, names: list[str]) -> None:
    """Let a request without its key go to a server that may not want one: on this machine, say."""
    if not outgoing.url.startswith("https:"):
        return
    raise UsageError(
        f"{http_record.name_of(outgoing.method, outgoing.url)} needs {' and '.join(names)}, which "
        f"process {os.getpid()} does not have.",
        cause="Keys are never part of a run: each host reads its own environment.",
        fix="Set it where the host runs; on a Ray cluster with "
        'runtime_env={"env_vars": {...}}, or before `ray start`.',
    )


class _texts:  # noqa: N801 - reads as a verb at its use
    """Turns what httpx2 lets slip through into its own errors, and gives each a text."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._shown = http_record.name_of(outgoing.method, outgoing.url)

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import anyio
        import httpx2

        if isinstance(error, httpx2.TransportError):
            if not str(error):
                raise type(error)(f"{type(error).__name__}: {self._shown}") from error
        elif isinstance(error, ssl.SSLError | anyio.EndOfStream | anyio.ClosedResourceError):
            raise httpx2.ReadError(f"{type(error).__name__} {error}: {self._shown}") from error


def headers_of(response: "httpx2.Response") -> Headers:
    """Return a response's headers as text."""
    return list(response.headers.multi_items())


def _content_type(response: "httpx2.Response") -> str:
    return http_record.content_type_of(response.headers.get("content-type", ""))


_held: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Held]" = weakref.WeakKeyDictionary()


class _Held:
    """A client, and the generator whose end closes it."""

    def __init__(self) -> None:
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx2

        self.client = httpx2.AsyncClient(
            limits=httpx2.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_KEPT
            ),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        )
        self.closing = self._until_the_loop_ends()

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.client.aclose()


async def _open() -> "httpx2.AsyncClient":
    loop = asyncio.get_running_loop()
    held = _held.get(loop)
    if held is None:
        held = _held[loop] = _Held()
        await anext(held.closing)  # from here on the loop knows the generator
    return held.client


async def close() -> None:
    """Close the connections of the running loop."""
    held = _held.pop(asyncio.get_running_loop(), None)
    if held is not None:
        await held.closing.aclose()
