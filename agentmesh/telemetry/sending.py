"""Bytes to an endpoint over HTTP, by the rules of OTLP: what may be tried again, and when.

Knows no span: a request's body, and what the receiver said. Does not wait by itself: who calls
decides how long, because what is exported is safe in a journal.
"""

import gzip
import ssl
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from time import time

from agentmesh.telemetry.settings import Target

_AGAIN = frozenset({429, 502, 503, 504})
_TOO_LARGE = 413
_RESPONSE_MAX = 1 << 20
_SHOWN_MAX = 300


class UnreachableError(Exception):
    """The endpoint does not answer, or has no time: the same may be tried again.

    Attributes:
        after_seconds: How long it asks to wait; 0 if it does not say.
    """

    def __init__(self, why: str, after_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.after_seconds = after_seconds


class RefusedError(Exception):
    """The endpoint does not want it, and will not.

    Attributes:
        too_large: Whether it would take less at a time.
    """

    def __init__(self, why: str, *, too_large: bool = False) -> None:
        super().__init__(why)
        self.too_large = too_large


class Sender:
    """Sends requests to one endpoint.

    Args:
        target: Where they go.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        context = None
        if target.certificate:
            context = ssl.create_default_context(cafile=target.certificate)
        handler = urllib.request.HTTPSHandler(context=context)
        self._opener = urllib.request.build_opener(handler, _NoRedirects())
        self._agent = f"agentmesh/{_version()}"

    def send(self, data: bytes) -> bytes:
        """Send one request and return what the receiver answers.

        Raises:
            UnreachableError: It may be tried again.
            RefusedError: It must not.
        """
        headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": self._agent,
            **self.target.headers,
        }
        if self.target.gzip:
            data = gzip.compress(data, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        request = urllib.request.Request(  # noqa: S310 - http and https only, see settings
            self.target.url, data=data, headers=headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=self.target.timeout_seconds) as response:
                body: bytes = response.read(_RESPONSE_MAX)
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise _said(error) from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise UnreachableError(f"{self.target.shown}: {reason}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would send the headers, which may be keys, somewhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _said(error: urllib.error.HTTPError) -> Exception:
    try:
        text = error.read(_SHOWN_MAX).decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        text = ""
    shown = f"it answers {error.code} {error.reason}{': ' + text if text.isprintable() else ''}"
    if error.code in _AGAIN:
        return UnreachableError(shown, _retry_after(error.headers.get("Retry-After", "")))
    return RefusedError(shown, too_large=error.code == _TOO_LARGE)


def _retry_after(said: str) -> float:
    if said.isdigit():
        return float(said)
    try:
        return max(parsedate_to_datetime(said).timestamp() - time(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _version() -> str:
    try:
        return version("agentmesh")
    except PackageNotFoundError:
        return "0"
