"""Requests as any client can make them, straight to the application: no socket, no browser.

What a real client would never send can be sent, too.
"""

import asyncio
import json
import struct
from array import array
from dataclasses import dataclass
from typing import Any

from agentmesh.viewer.server import ViewServer
from agentmesh.viewer.tables import CODES

SECONDS = 60.0

RUN = "/api/runs/news"
READING = (
    "/",
    "/static/index.html",
    "/api/config",
    "/api/runs",
    RUN,
    f"{RUN}/live",
    f"{RUN}/columns/turns",
    f"{RUN}/previews/messages?rows=0",
    f"{RUN}/event?ref=0",
    f"{RUN}/payload?ref=1",
    f"{RUN}/causes?ref=3",
    f"{RUN}/effects-of?ref=3",
    f"{RUN}/waits",
    f"{RUN}/critical-path",
    f"{RUN}/steps?ref=3",
    f"{RUN}/search?text=rain",
    f"{RUN}/debug-line?ref=3",
    f"{RUN}/identities",
    f"{RUN}/findings",
    f"{RUN}/findings/races.json",
    "/api/diff?a=news&b=other",
    "/api/diff/payload?a=news&a_ref=2&b=other&b_ref=2",
)
"""Every route that only reads."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON, strictly as browsers read it."""

        def refuse(word: str) -> None:
            raise AssertionError(word)

        return json.loads(self.body.decode(), parse_constant=refuse)

    @property
    def error(self) -> dict[str, Any]:
        """What is said of the error."""
        found: dict[str, Any] = self.json["error"]
        assert found["status"] == self.status
        return found


def ask(
    server: ViewServer,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes = b"",
    known: bool = True,
) -> Answer:
    """Ask a server that need not have been started.

    Args:
        server: The server.
        path: Path and query, as they are sent.
        method: HTTP method.
        headers: Further ones; a `host` replaces the right one, and "" leaves it out.
        body: Of the request.
        known: Whether the cookie is sent.
    """
    given = list(headers.items() if isinstance(headers, dict) else headers or [])
    names = {name.lower() for name, _ in given}
    if "host" not in names:
        given.append(("host", server.address.removeprefix("http://")))
    if known:
        given.append(("cookie", f"{server._guard.cookie}={server.token}"))
    given = [(name, value) for name, value in given if value]
    return asyncio.run(asyncio.wait_for(_ask(server, path, method, given, body), SECONDS))


async def _ask(
    server: ViewServer, path: str, method: str, headers: list[tuple[str, str]], body: bytes
) -> Answer:
    from urllib.parse import unquote

    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(plain),
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers],
        "client": ("127.0.0.1", 50000),
        "server": (server.host, server.port),
    }
    sent: list[Any] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if given:
            return given.pop()
        await asyncio.sleep(SECONDS)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await server._guard(scope, receive, send)
    start = sent[0]
    found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    data = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(start["status"], found, data)


@dataclass
class Columns:
    """Rows as a page keeps them: see `tables`."""

    generation: int = 0
    version: int = 0
    columns: dict[str, Any] | None = None
    header: dict[str, Any] | None = None

    def take(self, body: bytes) -> dict[str, Any]:
        """Take in a body; return its header."""
        (length,) = struct.unpack_from("<I", body)
        assert (4 + length) % 8 == 0
        header: dict[str, Any] = json.loads(body[4 : 4 + length])
        found = {}
        for column in header["columns"]:
            assert column["offset"] % 8 == 0
            start = 4 + length + column["offset"]
            found[column["name"]] = values = array(CODES[column["dtype"]])
            values.frombytes(body[start : start + column["length"]])
        updated = found.pop("updated")
        assert len(updated) == header["updates"]
        if self.columns is None:
            self.columns = {name: array(values.typecode) for name, values in found.items()}
        for name, values in found.items():
            mine = self.columns[name]
            assert len(mine) == header["since"]
            assert len(values) == header["updates"] + header["rows"]
            for place, row in enumerate(updated):
                mine[row] = values[place]
            mine.extend(values[len(updated) :])
        self.generation, self.header = header["generation"], header
        return header

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows, unknown numbers as None."""
        columns = self.columns or {}
        count = len(next(iter(columns.values()), ()))
        return [
            {name: _plain(values[row]) for name, values in columns.items()} for row in range(count)
        ]


def columns(server: ViewServer, run: str, table: str, limit: int = 100_000) -> Columns:
    """Read all of a table, as a page does."""
    kept = Columns()
    while True:
        since = 0 if kept.header is None else kept.header["next"]
        found = ask(server, f"/api/runs/{run}/columns/{table}?since={since}&limit={limit}")
        assert found.status == 200, found.body
        header = kept.take(found.body)
        if header["next"] == header["total"]:
            return kept


def _plain(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 - not a number
