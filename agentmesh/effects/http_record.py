"""HTTP in the journal: what of a request is its identity, and what of a response is kept.

Method, URL, headers that say something, and the body exactly as sent. Headers that
change from one process or attempt to the next would make equal requests differ; keys
and cookies must not be there at all. A JSON body is embedded as it is, so that
`SELECT request->>'$.json.model'` and `result->>'$.json.usage.total_tokens'` work.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from agentmesh.effects.recorded import encode_text, object_of

Headers = list[tuple[str, str]]

VOLATILE = frozenset(
    {
        "accept-encoding",
        "b3",
        "baggage",
        "connection",
        "content-length",
        "date",
        "host",
        "idempotency-key",
        "keep-alive",
        "langsmith-trace",
        "sentry-trace",
        "te",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "user-agent",
        "x-amzn-trace-id",
        "x-client-request-id",
        "x-idempotency-key",
        "x-request-id",
    }
)
"""Request headers that differ between processes or attempts; lower case."""
VOLATILE_PREFIXES = ("x-stainless-", "x-b3-", "x-datadog-")

SECRET = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "ocp-apim-subscription-key",
        "openai-organization",
        "openai-project",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-goog-api-key",
    }
)
"""Headers whose values are never recorded, in either direction."""

_OF_THE_CONNECTION = frozenset(
    {
        "alt-svc",
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "nel",
        "report-to",
        "strict-transport-security",
        "transfer-encoding",
        "trailer",
        "upgrade",
    }
)
"""Response headers about a transfer that is over when the body is recorded, decoded."""

_SECRET_FIELD = re.compile(
    r"(?i)(?<![^?&])((?:[\w-]*(?:api[_-]?key|token|secret|password|signature|assertion)"
    r"|key|sig|code)=)([^&]*)"
)
_HIDDEN = "[secret]"

STREAMED = ("text/event-stream", "application/x-ndjson", "application/jsonl")
"""Types of content that arrive piece by piece, and are handed on so."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """The answer to a request, as it is recorded; of a streamed one only its head."""

    status: int
    headers: Headers
    body: bytes = b""


def request_of(
    method: str, url: str, headers: Headers, body: bytes, dropped: Iterable[str] = ()
) -> bytes:
    """Return a request's canonical form, before patterns of secrets are applied.

    Args:
        method: HTTP method.
        url: In full.
        headers: As the SDK made them.
        body: As it is sent.
        dropped: Names of further headers that are not part of the identity; lower case.
    """
    also = {*dropped}
    kept = sorted(
        (name.lower(), value) for name, value in headers if _says_something(name.lower(), also)
    )
    parts = {
        "method": encode_text(method.upper()),
        "url": encode_text(recorded_url(url)),
        "headers": _encode_headers(kept),
        **_encode_body(_content_type(headers), body),
    }
    return object_of(parts)


def _says_something(name: str, dropped: set[str]) -> bool:
    if name in VOLATILE or name in SECRET or name in dropped:
        return False
    return not name.startswith(VOLATILE_PREFIXES)


def response_of(status: int, headers: Headers, body: bytes, content_type: str) -> bytes:
    """Return a response's recorded form; of a streamed one its head, with an empty body."""
    kept = [
        (name.lower(), value)
        for name, value in headers
        if name.lower() not in SECRET and name.lower() not in _OF_THE_CONNECTION
    ]
    return object_of(
        {
            "status": b"%d" % status,
            "headers": _encode_headers(kept),
            **_encode_body(content_type, body),
        }
    )


class _Form(msgspec.Struct):
    status: int
    headers: list[tuple[str, str]]
    json: msgspec.Raw = msgspec.Raw(b"")
    text: str = ""
    base64: str = ""


def exchange_of(data: bytes) -> Exchange:
    """Read a response's recorded form."""
    form = msgspec.json.decode(data, type=_Form)
    body = bytes(form.json) or form.text.encode() or base64.b64decode(form.base64)
    return Exchange(status=form.status, headers=form.headers, body=body)


def usage_in(end: bytes) -> dict[str, bytes]:
    """Return the JSON of what a stream of server-sent events says it used, and of which model.

    Args:
        end: The stream's last bytes.

    Returns:
        `usage`, and `model` if it is named; nothing if the stream does not say.
    """
    for line in reversed(end.splitlines()):
        if not line.startswith(b"data:") or b'"usage"' not in line:
            continue
        try:
            event = msgspec.json.decode(line.removeprefix(b"data:"), type=_Costing)
        except msgspec.DecodeError:
            continue
        told = event if event.usage or event.response is None else event.response
        if told.usage:
            named = {"model": encode_text(told.model)} if told.model else {}
            return {"usage": msgspec.json.encode(told.usage), **named}
    return {}


class _Costing(msgspec.Struct):
    usage: dict[str, Any] | None = None
    model: str | None = None
    response: "_Costing | None" = None
    """Where the responses API has it."""


def _encode_headers(headers: Headers) -> bytes:
    pairs = (b"[%b,%b]" % (encode_text(name), encode_text(value)) for name, value in headers)
    return b"[%b]" % b",".join(pairs)


def _encode_body(content_type: str, body: bytes) -> dict[str, bytes]:
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": encode_text(base64.b64encode(body).decode())}
    if _is_json(body):
        return {"json": body}
    if content_type == "application/x-www-form-urlencoded":
        text = _SECRET_FIELD.sub(rf"\1{_HIDDEN}", text)
    return {"text": encode_text(text)}


def _is_json(body: bytes) -> bool:
    if not body.lstrip().startswith((b"{", b"[")):
        return False
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True


def recorded_url(url: str) -> str:
    """Return a URL without user, password, fragment, and secrets in its query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = _SECRET_FIELD.sub(rf"\1{quote(_HIDDEN)}", parts.query)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def name_of(method: str, url: str) -> str:
    """Return a name of low cardinality: `POST api.openai.com/v1/files/{id}`."""
    parts = urlsplit(url)
    path = "/".join("{id}" if _ID.fullmatch(each) else each for each in parts.path.split("/"))
    return f"{method.upper()} {parts.hostname}{path}"


def _content_type(headers: Headers) -> str:
    found = next((value for name, value in headers if name.lower() == "content-type"), "")
    return content_type_of(found)


def content_type_of(value: str) -> str:
    """Return a content type without its parameters."""
    return value.partition(";")[0].strip().lower()


_ID = re.compile(r"\d+|(?=[\w-]*\d)(?=[\w-]*[A-Za-z_-])[\w-]{12,}")
