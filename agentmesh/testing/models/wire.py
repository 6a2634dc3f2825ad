"""Answers in the shapes of the OpenAI API: bodies, chunks, usage, lists of models.

Pure data in, JSON-ready dictionaries out. Every body that can says that it
comes from a simulator: `system_fingerprint`, `owned_by`, ids.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from agentmesh.testing.models.chat_request import ChatRequest, EmbeddingRequest
from agentmesh.testing.models.completion import CompletedCall, Completion, prompt_tokens
from agentmesh.testing.models.config import SimulatedModel
from agentmesh.testing.models.cursor import JsonObject
from agentmesh.testing.models.embeddings import as_base64
from agentmesh.testing.models.engine import Decision
from agentmesh.testing.models.tokens import count_tokens, split_tokens

FINGERPRINT = "fp_simulator"
OWNER = "agentmesh-simulator"

# With a seed whole bodies repeat byte for byte, so they bear the same date:
# 1 January 2025, in seconds since 1970.
SEEDED_DATE = 1_735_689_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event of a stream."""

    data: JsonObject

    is_token: bool = False
    """Whether a model would have taken time to make it."""


def date_of_answer(*, seeded: bool) -> int:
    """Return the time of an answer in whole seconds since 1970."""
    return SEEDED_DATE if seeded else int(time.time())


def completion_body(request: ChatRequest, decision: Decision, created: int) -> JsonObject:
    """Return the body of a chat completion that is not streamed."""
    return {
        **_head(request, decision, created, "chat.completion"),
        "choices": [
            {
                "index": index,
                "message": _message(completion),
                "logprobs": None,
                "finish_reason": completion.finish_reason,
            }
            for index, completion in enumerate(decision.completions)
        ],
        "usage": _usage(request, decision),
    }


def completion_chunks(request: ChatRequest, decision: Decision, created: int) -> Iterator[Chunk]:
    """Return the events of a streamed chat completion, without the final `[DONE]`."""
    head = _head(request, decision, created, "chat.completion.chunk")
    if request.include_usage:
        head = {**head, "usage": None}

    def chunk(index: int, delta: JsonObject, reason: str | None = None, *, token: bool) -> Chunk:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return Chunk(data={**head, "choices": [choice]}, is_token=token)

    for index, completion in enumerate(decision.completions):
        opening: JsonObject = {"role": "assistant", "content": None, "refusal": None}
        if completion.text is not None:
            opening["content"] = ""
        yield chunk(index, opening, token=False)
        for delta in _deltas(completion):
            yield chunk(index, delta, token=True)
        yield chunk(index, {}, completion.finish_reason, token=False)
    if request.include_usage:
        yield Chunk(data={**head, "choices": [], "usage": _usage(request, decision)})


def embeddings_body(request: EmbeddingRequest, decision: Decision) -> JsonObject:
    """Return the body of an embeddings response."""
    tokens = sum(count_tokens(text) for text in request.texts)
    encoded = [as_base64(v) if request.encoding == "base64" else v for v in decision.vectors]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(encoded)
        ],
        "model": request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def model_body(model: SimulatedModel) -> JsonObject:
    """Return the API's description of one model."""
    return {"id": model.name, "object": "model", "created": SEEDED_DATE, "owned_by": OWNER}


def _head(request: ChatRequest, decision: Decision, created: int, kind: str) -> JsonObject:
    return {
        "id": "chatcmpl-sim-" + decision.draws.identifier("completion"),
        "object": kind,
        "created": created,
        "model": request.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _message(completion: Completion) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": completion.text,
        "refusal": completion.refusal,
        "annotations": [],
    }
    if completion.calls:
        message["tool_calls"] = [_call(call) for call in completion.calls]
    return message


def _call(call: CompletedCall) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.call_id, "type": "function", "function": function}


def _deltas(completion: Completion) -> Iterator[JsonObject]:
    """Cut an answer into the pieces in which it is streamed, one a token."""
    for piece in split_tokens(completion.text or ""):
        yield {"content": piece}
    for piece in split_tokens(completion.refusal or ""):
        yield {"refusal": piece}
    for index, call in enumerate(completion.calls):
        opening = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": call.call_id, "type": "function", "function": opening}
        yield {"tool_calls": [first]}
        for piece in split_tokens(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _usage(request: ChatRequest, decision: Decision) -> JsonObject:
    prompt = prompt_tokens(request)
    completion = sum(completion.tokens for completion in decision.completions)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
