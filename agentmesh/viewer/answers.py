"""JSON that browsers read, and errors as JSON.

`JSON.parse` takes no NaN and no infinity: they become null. It does take the escape of a lone
surrogate, which is how such text gets to the page without loss.
"""

import math
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from agentmesh.errors import (
    AgentMeshError,
    DeadlineExceededError,
    DivergenceError,
    InvalidMessageError,
    JournalError,
    StoreError,
    UnknownAgentError,
    UnknownEventError,
    UnknownRunError,
    UsageError,
)
from agentmesh.journal import strings

JSON = "application/json"
BINARY = "application/octet-stream"

_STATUS: tuple[tuple[type[AgentMeshError], HTTPStatus], ...] = (
    (UnknownRunError, HTTPStatus.NOT_FOUND),
    (UnknownAgentError, HTTPStatus.NOT_FOUND),
    (UnknownEventError, HTTPStatus.NOT_FOUND),
    (DivergenceError, HTTPStatus.CONFLICT),
    (DeadlineExceededError, HTTPStatus.GATEWAY_TIMEOUT),
    (InvalidMessageError, HTTPStatus.BAD_REQUEST),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (StoreError, HTTPStatus.NOT_FOUND),
    (JournalError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


class Refusal(Exception):  # noqa: N818 - it is an answer
    """An answer that is an error.

    Args:
        status: The status.
        kind: What the browser tells it by.
        what: What happened, with the values.
        cause: The usual cause.
        fix: What to do next.
    """

    def __init__(
        self, status: HTTPStatus, kind: str, what: str, *, cause: str = "", fix: str = ""
    ) -> None:
        super().__init__(what)
        self.status = status
        self.said = {"type": kind, "what": what, "cause": cause, "fix": fix, "status": int(status)}

    def response(self) -> Response:
        """Return it as it travels."""
        return answer({"error": self.said}, self.status)


def answer(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return a value as JSON."""
    return Response(dumped(value), status, media_type=JSON)


def dumped(value: Any) -> bytes:
    """Return JSON that every browser reads."""
    try:
        return strings.dumps(plain(value))
    except RecursionError:
        return strings.dumps({"error": too_deep()})


def plain(value: Any) -> Any:
    """Return a value without numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def said_of(error: BaseException) -> dict[str, Any]:
    """Return what is said of an error: type, what, cause, fix and status."""
    if isinstance(error, Refusal):
        return error.said
    if isinstance(error, AgentMeshError):
        status = next((s for kind, s in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
        return {
            "type": type(error).__name__,
            "what": error.what,
            "cause": error.cause,
            "fix": error.fix,
            "status": int(status),
        }
    return {
        "type": type(error).__name__,
        "what": f"The viewer's server failed: {type(error).__name__}: {error}",
        "cause": "",
        "fix": "Please report this, with what the server has printed.",
        "status": int(HTTPStatus.INTERNAL_SERVER_ERROR),
    }


def too_deep() -> dict[str, Any]:
    """Return what is said of a value that is nested deeper than it can be written."""
    return {
        "type": "TooDeepError",
        "what": "A value of the run is nested too deeply to be shown.",
        "cause": "",
        "fix": "Look at its raw text.",
        "status": int(HTTPStatus.UNPROCESSABLE_ENTITY),
    }


def failed(error: BaseException) -> Response:
    """Return an error as it travels."""
    said = said_of(error)
    return answer({"error": said}, HTTPStatus(said["status"]))
