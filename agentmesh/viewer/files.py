"""The files of the page: from the package's own folder, by name, and from nowhere else."""

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from agentmesh.viewer.answers import Refusal

STATIC: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""What is served, and as what; all else is not there."""


def page(request: Request) -> Response:
    """Return the page itself."""
    return _file(request, STATIC / "index.html")


def static(request: Request) -> Response:
    """Return a file of the page."""
    parts = request.path_params["name"].split("/")
    if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part for part in parts):
        raise _no_file()
    return _file(request, STATIC.joinpath(*parts))


def _file(request: Request, path: Path) -> Response:
    kind = TYPES.get(path.suffix)
    root = STATIC.resolve()
    try:
        real = path.resolve(strict=True)
        if kind is None or not real.is_relative_to(root) or not real.is_file():
            raise _no_file()
        data = real.read_bytes()
    except (OSError, ValueError):
        raise _no_file() from None
    tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(data, headers={**headers, "content-type": str(kind)})


def _no_file() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "NotFoundError", "There is no such file.")
