"""One answer of a simulated model, before it takes a form on the wire.

Also what the API does to every answer, whoever wrote it: cut it at a stop
sequence or at the limit of tokens, keep one call where parallel calls are
switched off, and count its tokens.
"""

import json
from dataclasses import dataclass, replace

from agentmesh.testing.models.answers import FinishReason
from agentmesh.testing.models.chat_request import ChatRequest
from agentmesh.testing.models.tokens import count_tokens, split_tokens

# What the roles and separators of the chat format cost, as OpenAI documents for its models.
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_REPLY = 3

# An image at low detail; the simulator does not look at it.
_TOKENS_PER_ATTACHMENT = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedCall:
    """A tool call as it is sent."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the model says: text, a refusal, calls, or text beside calls."""

    text: str | None = None
    refusal: str | None = None
    calls: tuple[CompletedCall, ...] = ()
    finish_reason: FinishReason = "stop"

    @property
    def tokens(self) -> int:
        """How many tokens the answer is estimated to have; at least one."""
        parts = [self.text or "", self.refusal or ""]
        parts += [part for call in self.calls for part in (call.name, call.arguments)]
        return max(1, sum(count_tokens(part) for part in parts))


def prompt_tokens(request: ChatRequest) -> int:
    """Estimate the tokens of a request: messages, tools and the format asked for."""
    total = _TOKENS_PER_REPLY
    for message in request.messages:
        total += _TOKENS_PER_MESSAGE + count_tokens(message.text)
        total += _TOKENS_PER_ATTACHMENT * message.attachments
        for call in message.tool_calls:
            total += count_tokens(call.name) + count_tokens(call.arguments)
    for tool in request.tools:
        schema = json.dumps(dict(tool.parameters))
        total += count_tokens(tool.name) + count_tokens(tool.description) + count_tokens(schema)
    if request.response_format.schema:
        total += count_tokens(json.dumps(dict(request.response_format.schema)))
    return total


def within_limits(completion: Completion, request: ChatRequest) -> Completion:
    """Return the answer as the request's parameters let it through."""
    if completion.calls and not request.parallel_tool_calls:
        completion = replace(completion, calls=completion.calls[:1])
    if completion.text is None:
        return completion
    text = _before_stop(completion.text, request.stop)
    tokens = split_tokens(text)
    if request.max_tokens is not None and len(tokens) > request.max_tokens:
        cut = "".join(tokens[: request.max_tokens])
        return replace(completion, text=cut, finish_reason="length")
    return replace(completion, text=text)


def cut_short(completion: Completion) -> Completion:
    """Return the answer with its JSON cut off in the middle, or its text if it has none."""
    calls = tuple(replace(call, arguments=_first_half(call.arguments)) for call in completion.calls)
    text = completion.text if calls or not completion.text else _first_half(completion.text)
    return replace(completion, calls=calls, text=text)


def _before_stop(text: str, stop: tuple[str, ...]) -> str:
    found = [at for sequence in stop if (at := text.find(sequence)) >= 0]
    return text[: min(found)] if found else text


def _first_half(text: str) -> str:
    # At least the opening bracket, never the closing one: half of '{}' is '{'.
    return text[: max(1, len(text) // 2)]
