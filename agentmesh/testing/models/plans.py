"""From a decision to a plan of bytes: what is sent, after how long, and how it ends.

A `Plan` is everything the HTTP layer has to know; it plays it without
understanding it. All faults are made here, as plans that wait too long, end
too soon or hold bytes that are not JSON.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from agentmesh.testing.models.api_errors import ApiError
from agentmesh.testing.models.chat_request import ChatRequest, Request
from agentmesh.testing.models.cursor import JsonObject
from agentmesh.testing.models.engine import Decision
from agentmesh.testing.models.faults import (
    DroppedConnection,
    ErrorResponse,
    MalformedBody,
    Stall,
    TruncatedStream,
)
from agentmesh.testing.models.wire import (
    Chunk,
    completion_body,
    completion_chunks,
    embeddings_body,
)

Outcome = Literal["answered", "error", "stalled", "dropped", "truncated", "malformed"]

_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Some bytes of the response's body."""

    data: bytes

    after_seconds: float = 0.0
    """How long to wait before they are sent, counted from the bytes before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One response: its head goes out with the first write."""

    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    writes: tuple[Write, ...] = ()

    content_length: int | None = None
    """What the response says about the length of its body; None for a stream."""

    ending: Literal["complete", "broken", "reset"] = "complete"
    """"broken" closes the connection before the body is complete; "reset" resets it at once,
    without a response."""

    outcome: Outcome = "answered"
    """How the request log calls it."""


def plan_error(error: ApiError) -> Plan:
    """Return the response to a request that is refused."""
    plan = plan_body(error.body())
    return replace(plan, status=error.status, headers=error.headers, outcome="error")


def plan_body(body: JsonObject) -> Plan:
    """Return a response that is one JSON document, sent at once."""
    return _in_one_piece(_encode(body))


def plan_text(text: str) -> Plan:
    """Return a response for people to read."""
    plan = _in_one_piece(text.encode(errors="backslashreplace"))
    return replace(plan, content_type="text/plain; charset=utf-8")


def plan_decision(request: Request, decision: Decision, created: int) -> Plan:
    """Return the response to a request that was decided on."""
    match decision.failure:
        case ErrorResponse() as failure:
            plan = _plan_error_response(failure)
            return _delayed(plan, _first_token_seconds(decision))
        case Stall(limit_seconds=limit):
            message = f"The simulator stalled for {limit:g} seconds, as a rule told it to."
            late = plan_error(ApiError(504, message, kind="server_error", code="simulated_stall"))
            return replace(_delayed(late, limit), outcome="stalled")
        case DroppedConnection():
            start = (Write(data=b"", after_seconds=_first_token_seconds(decision)),)
            return Plan(writes=start, ending="reset", outcome="dropped")
    if not isinstance(request, ChatRequest):
        return _disturbed(_whole(embeddings_body(request, decision), decision, 0), decision)
    if request.stream:
        return _disturbed(_stream(request, decision, created), decision)
    tokens = sum(completion.tokens for completion in decision.completions)
    body = completion_body(request, decision, created)
    return _disturbed(_whole(body, decision, tokens), decision)


def _plan_error_response(failure: ErrorResponse) -> Plan:
    headers = {}
    if failure.retry_after_seconds is not None:
        # The standard header has whole seconds only; rounded up, it never comes too early.
        headers["retry-after"] = str(math.ceil(failure.retry_after_seconds))
        headers["retry-after-ms"] = str(round(failure.retry_after_seconds * 1000))
    error = ApiError(
        failure.status, failure.message, kind=failure.kind, code=failure.code, headers=headers
    )
    return plan_error(error)


def _delayed(plan: Plan, seconds: float) -> Plan:
    first, *rest = plan.writes
    return replace(plan, writes=(replace(first, after_seconds=seconds), *rest))


def _first_token_seconds(decision: Decision) -> float:
    return decision.latency.first_token.draw(decision.draws.network("first token"))


def _whole(body: JsonObject, decision: Decision, tokens: int) -> Plan:
    """Plan a response in one piece, which takes as long as the stream would have."""
    source = decision.draws.network("per token")
    seconds = _first_token_seconds(decision)
    seconds += sum(decision.latency.per_token.draw(source) for _ in range(tokens - 1))
    return _delayed(plan_body(body), seconds)


def _stream(request: ChatRequest, decision: Decision, created: int) -> Plan:
    writes = list(_timed(completion_chunks(request, decision, created), decision))
    writes.append(Write(data=_DONE))
    return Plan(content_type="text/event-stream; charset=utf-8", writes=tuple(writes))


def _timed(chunks: Iterator[Chunk], decision: Decision) -> Iterator[Write]:
    source = decision.draws.network("per token")
    tokens_seen = 0
    for position, chunk in enumerate(chunks):
        seconds = 0.0
        if position == 0:
            seconds = _first_token_seconds(decision)
        elif chunk.is_token:
            tokens_seen += 1
            # The first token came with the opening; only the gaps between tokens are left.
            seconds = decision.latency.per_token.draw(source) if tokens_seen > 1 else 0.0
        yield Write(data=b"data: " + _encode(chunk.data) + b"\n\n", after_seconds=seconds)


def _disturbed(plan: Plan, decision: Decision) -> Plan:
    for disturbance in decision.disturbances:
        match disturbance:
            case TruncatedStream():
                plan = _truncated(plan, disturbance)
            case MalformedBody():
                plan = _malformed(plan)
            case _:  # the model's own output is malformed, which the engine has seen to
                plan = replace(plan, outcome="malformed")
    return plan


def _truncated(plan: Plan, fault: TruncatedStream) -> Plan:
    if not _is_stream(plan):
        (write,) = plan.writes
        half = replace(write, data=write.data[: len(write.data) // 2])
        return replace(plan, writes=(half,), ending="broken", outcome="truncated")
    kept = plan.writes[: 1 + fault.after_tokens]  # one more: the opening holds no token
    if len(kept) >= len(plan.writes) - 1:  # a short answer still has to lose its end
        kept = plan.writes[: max(1, len(plan.writes) - 2)]
    ending: Literal["broken", "complete"] = "broken" if fault.ending == "broken" else "complete"
    return replace(plan, writes=kept, ending=ending, outcome="truncated")


def _malformed(plan: Plan) -> Plan:
    """Cut the JSON of the whole body, or of an event in the middle of the stream."""
    if not _is_stream(plan):
        (write,) = plan.writes
        cut = _in_one_piece(write.data[: len(write.data) * 2 // 3])
        return replace(_delayed(cut, write.after_seconds), outcome="malformed")
    at = len(plan.writes) // 2
    write = plan.writes[at]
    cut_event = replace(write, data=write.data[: len(write.data) * 2 // 3] + b"\n\n")
    writes = (*plan.writes[:at], cut_event, *plan.writes[at + 1 :])
    return replace(plan, writes=writes, outcome="malformed")


def _in_one_piece(data: bytes) -> Plan:
    return Plan(writes=(Write(data=data),), content_length=len(data))


def _is_stream(plan: Plan) -> bool:
    return plan.content_type.startswith("text/event-stream")


def _encode(value: JsonObject) -> bytes:
    # ASCII with escapes: lone surrogates, which models do produce, survive the way.
    return json.dumps(value, separators=(",", ":")).encode("ascii")
