"""Who may ask the viewer's server anything, and what every answer says about itself.

A page of another site can make a browser ask this machine, and by DNS rebinding even read the
answers. So before any route is looked for, on all of them alike: the host that is asked for must
be one of ours, whoever sends the request must be this very page, the method must be one that only
reads, and there must be the token of this start of the server: in a cookie that scripts can't
read, or in a header. Nothing is guessed from what a client calls itself.

What is answered may show what models have written, which is hostile: pages run no script but
the server's own files, load nothing from anywhere else, and stand in no frame.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Collection, Iterable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentmesh.viewer.answers import Refusal

READING: Final = ("GET", "HEAD")
CONTROL_HEADER: Final = "x-agentmesh-control"

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every answer, refusals too."""

HEADER_BYTES_MAX: Final = 16 * 1024
QUERY_BYTES_MAX: Final = 8 * 1024
BODY_BYTES_MAX: Final = 4 * 1024 * 1024

_TICKET_BYTES = 32
_OWN_SITE = ("same-origin", "none")
"""What a browser says of requests of the page itself, and of addresses that a user has typed."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Lets through what may pass.

    Args:
        app: What answers then.
        token: The secret of this start of the server.
        hosts: What a request may call this machine, beside loopback names; with the port.
        port: Where the server listens.
        control: Whether a run may be branched: then that one route may be posted to.
        control_token: What such a request must carry, too; the page gets it from `/api/config`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        port: int,
        hosts: Collection[str] = (),
        control: bool = False,
        control_token: str = "",
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"{name}:{port}" for name in (*_LOOPBACK, *map(_bracketed, hosts))}
        self._control = control
        self._control_token = control_token
        self.cookie = f"agentmesh_viewer_{port}"
        """Its name; cookies know no ports, so that two servers need two."""
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        """Return a token that counts once: for a command line, which others can read."""
        made = secrets.token_urlsafe(_TICKET_BYTES)
        self._tickets.add(made)
        return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let somebody answer."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        await self._app(scope, _limited(receive), _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = _Headers(scope["headers"])
        try:
            headers.check_size(scope)
            self._check_host(headers)
            self._check_sender(headers)
            self._check_method(scope, headers)
        except Refusal as refusal:
            return refusal.response()
        given = _token_of(scope)
        if given is not None and (self._is_token(given) or self._is_ticket(given)):
            return self._welcome()
        if self._is_known(headers):
            return None
        return _unknown(scope)

    def _check_host(self, headers: "_Headers") -> None:
        """Refuse requests for another host: a page may have got its name to mean this machine."""
        hosts = headers.every("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "HostError",
                f"This server does not answer for the host {', '.join(hosts) or '(none)'}.",
                fix="Use the address that `agentmesh view` printed.",
            )

    def _check_sender(self, headers: "_Headers") -> None:
        """Refuse requests that another page has made."""
        for origin in headers.every("origin"):
            scheme, _, host = origin.partition("://")
            if scheme not in ("http", "https") or host.lower() not in self._hosts:
                raise _foreign(origin)
        for site in headers.every("sec-fetch-site"):
            if site.lower() not in _OWN_SITE:
                raise _foreign(site)

    def _check_method(self, scope: Scope, headers: "_Headers") -> None:
        method, path = scope["method"], scope["path"]
        if method in READING:
            return
        is_fork = method == "POST" and path.startswith("/api/runs/") and path.endswith("/fork")
        if not is_fork:
            raise Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "MethodError",
                f"This server does not answer to {method}.",
                fix="It only reads: use GET.",
            )
        if not self._control:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "ControlOffError",
                "Runs can only be looked at here.",
                cause="A branch runs the program, and may call models and tools.",
                fix="Start the viewer with `agentmesh view --control`.",
            )
        kind = headers.one("content-type").partition(";")[0].strip().lower()
        given = headers.one(CONTROL_HEADER)
        if kind != "application/json" or not _same(given, self._control_token):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "ControlOffError",
                f"A branch needs the header {CONTROL_HEADER}, and a body that is JSON.",
                fix="Make branches in the viewer's page.",
            )

    def _is_known(self, headers: "_Headers") -> bool:
        for line in headers.every("cookie"):
            try:
                found = SimpleCookie(line).get(self.cookie)
            except CookieError:
                continue
            if found is not None and self._is_token(found.value):
                return True
        scheme, _, token = headers.one("authorization").partition(" ")
        return scheme.lower() == "bearer" and self._is_token(token.strip())

    def _is_token(self, given: str) -> bool:
        return _same(given, self._token)

    def _is_ticket(self, given: str) -> bool:
        found = next((each for each in self._tickets if _same(given, each)), None)
        self._tickets.discard(found or "")
        return found is not None

    def _welcome(self) -> Response:
        """Give the browser its cookie, and get the token out of the address."""
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(self.cookie, self._token, path="/", httponly=True, samesite="strict")
        response.headers["cache-control"] = "no-store"
        return response


class _Headers:
    """Headers of a request; one may come several times."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._all = [(name.decode("latin-1").lower(), value) for name, value in raw]

    def every(self, name: str) -> list[str]:
        return [value.decode("latin-1") for each, value in self._all if each == name]

    def one(self, name: str) -> str:
        found = self.every(name)
        return found[0] if len(found) == 1 else ""

    def check_size(self, scope: Scope) -> None:
        size = sum(len(name) + len(value) for name, value in self._all)
        if size > HEADER_BYTES_MAX or len(scope["query_string"]) > QUERY_BYTES_MAX:
            raise Refusal(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "TooLargeError",
                "The request's address or headers are too long.",
            )
        length = self.one("content-length") or "0"
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "TooLargeError",
                f"The request has more than {BODY_BYTES_MAX} bytes.",
            )


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _foreign(who: str) -> Refusal:
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "OriginError",
        f"Another page has asked ({who}).",
        fix="Use the address that `agentmesh view` printed.",
    )


def _same(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def _token_of(scope: Scope) -> str | None:
    """Return the token that a request for the page brings in its address."""
    if scope["path"] != "/" or scope["method"] != "GET":
        return None
    values = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return values[0] if len(values) == 1 else None


def _unknown(scope: Scope) -> Response:
    """Ask for the token: JSON where data was asked for, a few words where a page was."""
    if scope["path"].startswith("/api/"):
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "TokenError",
            "This browser has not shown the viewer's token.",
            cause="The server was started again, or the page was opened by another address.",
            fix="Open the address that `agentmesh view` printed.",
        ).response()
    return HTMLResponse(_PAGE, HTTPStatus.UNAUTHORIZED)


_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>agentmesh</title>'
    "<h1>Not open for this browser</h1><p>Open the address that <code>agentmesh view</code> "
    'printed: it has the token. If you came here by it just now, <a href="/">go on</a>.</p></html>'
)


def _with_headers(send: Send) -> Send:
    """Add the headers that every answer has; what is no file is not kept by anybody."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if pair[0].lower() not in _SET]
            names = {name.lower() for name, _ in kept}
            kept += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            if b"cache-control" not in names:
                kept.append((b"cache-control", b"no-store"))
            message = {**message, "headers": kept}
        await send(message)

    return sending


_SET = {name.encode() for name in HEADERS}


def _limited(receive: Receive) -> Receive:
    """End a request whose body is longer than it may be."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES_MAX:
            return {"type": "http.disconnect"}
        return message

    return receiving
