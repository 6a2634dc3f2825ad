"""What can go wrong between a program and a model, as data.

Two kinds. *Failures* come instead of an answer: an error response, a
connection that drops, a server that never answers. *Disturbances* damage an
answer on its way: the next rule that has one supplies it. A fault is the
answer of a `Rule`, so everything a rule can match on, and its probability,
say when the fault happens.
"""

from dataclasses import dataclass
from typing import Literal

from agentmesh.errors import UsageError

# Below the ten minutes for which the openai SDK waits, above what any test should.
STALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorResponse:
    """An error response in the API's form.

    The openai SDK repeats a request after 408, 409, 429 and from 500 up.
    """

    status: int = 500
    message: str = "The simulated server had an error while processing your request."
    kind: str = "server_error"
    code: str | None = None

    retry_after_seconds: float | None = None
    """Sent as `retry-after` (whole seconds) and `retry-after-ms`; both are honoured by SDKs."""

    def __post_init__(self) -> None:
        """Refuse a status that is not an error's, and a negative wait."""
        if not 400 <= self.status <= 599:  # noqa: PLR2004 - HTTP's range of errors
            what = f"{type(self).__name__} has status {self.status}."
            raise UsageError(what, fix="Use a status from 400 to 599.")
        if self.retry_after_seconds is not None and self.retry_after_seconds < 0:
            what = f"{type(self).__name__} has retry_after_seconds {self.retry_after_seconds}."
            raise UsageError(what, fix="Use 0 or more, or None to send no such header.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(ErrorResponse):
    """429: too many requests, with the time to wait."""

    status: int = 429
    message: str = "Rate limit reached for the simulated model. Please try again later."
    kind: str = "rate_limit_error"
    code: str | None = "rate_limit_exceeded"
    retry_after_seconds: float | None = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError(ErrorResponse):
    """500, or another status of a server in trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A server that never answers: it waits for the client to give up."""

    limit_seconds: float = STALL_SECONDS
    """After this time a 504 ends a wait that nobody gave up."""

    def __post_init__(self) -> None:
        """Refuse a wait without end."""
        if not 0 <= self.limit_seconds <= 3600:  # noqa: PLR2004 - an hour, in seconds
            what = f"Stall has limit_seconds {self.limit_seconds}."
            raise UsageError(what, fix="Use 0 to 3600 seconds: every wait has an end.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedConnection:
    """The connection is reset before the response begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedStream:
    """The response stops in the middle: some tokens arrive, the rest never does."""

    after_tokens: int = 3
    """How many tokens of a stream arrive. Without streaming it is half of the body."""

    ending: Literal["broken", "clean"] = "broken"
    """"broken" closes the connection in the middle of the transfer, which clients notice.
    "clean" ends the stream in good order but without finish reason and `[DONE]`, as some
    proxies do, which few clients notice. Without streaming both are the same."""

    def __post_init__(self) -> None:
        """Refuse a negative count and an unknown ending."""
        if self.after_tokens < 0:
            what = f"TruncatedStream has after_tokens {self.after_tokens}."
            raise UsageError(what, fix="Use 0 or more.")
        if self.ending not in {"broken", "clean"}:
            what = f"TruncatedStream has ending {self.ending!r}."
            raise UsageError(what, fix="Use 'broken' or 'clean'.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedBody:
    """The response, or an event of the stream, is not JSON: a fault of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedOutput:
    """The response is well formed, the model's own JSON in it is not: a fault of the model.

    Arguments of tool calls and structured answers are cut off in the middle.
    """


Failure = ErrorResponse | Stall | DroppedConnection
Disturbance = TruncatedStream | MalformedBody | MalformedOutput
Fault = Failure | Disturbance
