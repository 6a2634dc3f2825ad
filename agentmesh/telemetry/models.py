"""What a recorded HTTP request asked a model, and what the model said: read, never performed.

Providers' dialects that are understood: OpenAI's chat completions, responses, completions and
embeddings, which most servers speak; Anthropic's messages. Anything else is an ordinary request.
What was said is only looked at when somebody wants it (`Captured`).

Everything here is foreign text: whatever does not look as expected is left out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agentmesh.causality.usage import Usage, usage_of
from agentmesh.telemetry import conventions as names

HTTP = "http"
"""Kind of the effects that are requests."""

_OPERATIONS = {
    "/chat/completions": names.CHAT,
    "/completions": names.TEXT_COMPLETION,
    "/responses": names.CHAT,
    "/embeddings": names.EMBEDDINGS,
    "/messages": names.CHAT,
}
_PROVIDERS = {
    "openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "mistral.ai": "mistral_ai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "cohere.com": "cohere",
}
_UNKNOWN_PROVIDER = "openai"
"""Of a server that speaks OpenAI's dialect; `server.address` says which it is."""
_SCALARS = (str, int, float, bool)


@dataclass(slots=True)
class Request:
    """A recorded request."""

    method: str = ""
    url: str = ""
    host: str = ""
    port: int | None = None
    operation: str = ""
    """Of a model; empty for any other request."""
    provider: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model that is asked; empty if the request names none."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""


@dataclass(slots=True)
class Response:
    """A recorded response."""

    status: int = 0
    model: str = ""
    id: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    used: Usage | None = None
    body: dict[str, Any] = field(default_factory=dict)


def request_of(recorded: bytes) -> Request:
    """Read a request as the journal has it."""
    value = _object(recorded)
    url = _text(value.get("url"))
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    body = value.get("json")
    found = Request(method=_text(value.get("method")), url=url, host=host)
    try:
        found.port = parts.port if parts else None
    except ValueError:
        found.port = None
    if parts is not None and isinstance(body, dict) and found.method == "POST":
        path = parts.path.rstrip("/")
        found.operation = next(
            (operation for end, operation in _OPERATIONS.items() if path.endswith(end)), ""
        )
        if found.operation:
            found.body, found.provider = body, provider_of(host)
    return found


def provider_of(host: str) -> str:
    """Return a provider's name in the conventions, by the host it is reached at."""
    return next(
        (name for end, name in _PROVIDERS.items() if host == end or host.endswith(f".{end}")),
        _UNKNOWN_PROVIDER,
    )


def response_of(recorded: bytes, chunks: Sequence[bytes] = ()) -> Response:
    """Read a response as the journal has it.

    Args:
        recorded: The effect's result.
        chunks: The pieces of a streamed one, if they were kept.
    """
    value = _object(recorded)
    body = value.get("json")
    status = value.get("status")
    found = Response(status=status if type(status) is int else 0)
    if isinstance(body, dict):
        found.body = body
    elif chunks:
        found.body = _streamed(b"".join(chunks))
    said = usage_of(recorded)
    if said is not None:
        found.model, found.used = said
    found.model = _text(found.body.get("model")) or found.model
    found.id = _text(found.body.get("id"))
    found.finish_reasons = _reasons(found.body)
    return found


def parameters(request: Request) -> dict[str, Any]:
    """Return what a request asks for beside its messages, by attributes' names."""
    found: dict[str, Any] = {}
    for name, attribute in names.REQUEST.items():
        value = request.body.get(name)
        if value is None or (name == "n" and value == 1):
            continue
        if attribute == names.REQUEST["stop"]:
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                continue
        elif not isinstance(value, _SCALARS):
            continue
        found[attribute] = value
    return found


# --- what was said --------------------------------------------------------------------------------


def said(request: Request, response: Response | None) -> dict[str, str]:
    """Return what was asked and answered as JSON texts, by attributes' names."""
    body = request.body
    found: dict[str, Any] = {}
    messages = body.get("messages", body.get("input", body.get("prompt")))
    system = body.get("system", body.get("instructions"))
    if messages is not None and request.operation != names.EMBEDDINGS:
        found[names.INPUT_MESSAGES] = _messages(messages)
    if system:
        found[names.SYSTEM_INSTRUCTIONS] = _parts(system)
    if body.get("tools"):
        found[names.TOOL_DEFINITIONS] = body["tools"]
    if response is not None:
        answers = _answers(response.body)
        if answers:
            found[names.OUTPUT_MESSAGES] = answers
    return {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}


def _messages(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": "user", "parts": _parts(value)}]
    return [_message(one) for one in _dicts(value)]


def _message(one: dict[str, Any]) -> dict[str, Any]:
    role = _text(one.get("role")) or "user"
    kind = one.get("type")
    if kind == "function_call":  # of the responses API
        return {"role": "assistant", "parts": [_call(one.get("call_id"), one)]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [_result(one.get("call_id"), one.get("output"))]}
    if role == "tool":
        return {"role": role, "parts": [_result(one.get("tool_call_id"), one.get("content"))]}
    calls = [_call(call.get("id"), call.get("function")) for call in _dicts(one.get("tool_calls"))]
    return {"role": role, "parts": [*_parts(one.get("content")), *calls]}


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    return [_part(one) for one in _dicts(content)]


def _part(one: dict[str, Any]) -> dict[str, Any]:
    kind = one.get("type")
    if kind in ("text", "input_text", "output_text"):
        return {"type": "text", "content": _text(one.get("text"))}
    if kind == "tool_use":
        return {
            "type": "tool_call",
            "id": one.get("id"),
            "name": one.get("name"),
            "arguments": one.get("input"),
        }
    if kind == "tool_result":
        return _result(one.get("tool_use_id"), one.get("content"))
    return one


def _call(number: Any, function: Any) -> dict[str, Any]:
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    return {
        "type": "tool_call",
        "id": number,
        "name": function.get("name"),
        "arguments": _value(arguments) if isinstance(arguments, str) else arguments,
    }


def _result(number: Any, content: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": number, "response": content}


def _answers(body: dict[str, Any]) -> list[dict[str, Any]]:
    answers = []
    for choice in _dicts(body.get("choices")):
        message = choice.get("message")
        made = (
            _message({"role": "assistant", **message})
            if isinstance(message, dict)
            else {"role": "assistant", "parts": _parts(choice.get("text"))}
        )
        answers.append({**made, "finish_reason": _text(choice.get("finish_reason")) or "unknown"})
    output = body.get("output")  # of the responses API
    answers += [
        {**_message({"role": "assistant", **one}), "finish_reason": _text(one.get("status"))}
        for one in _dicts(output)
        if one.get("type") in ("message", "function_call")
    ]
    if body.get("type") == "message":  # Anthropic's
        parts = _parts(body.get("content"))
        reason = _text(body.get("stop_reason")) or "unknown"
        answers.append({"role": "assistant", "parts": parts, "finish_reason": reason})
    return answers


def _reasons(body: dict[str, Any]) -> list[str]:
    reasons = [_text(choice.get("finish_reason")) for choice in _dicts(body.get("choices"))]
    if body.get("object") == "response":
        reasons.append(_text(body.get("status")))
    reasons.append(_text(body.get("stop_reason")))
    return [reason for reason in reasons if reason]


def _streamed(data: bytes) -> dict[str, Any]:
    """Put the pieces of a streamed chat completion together, as if it had come at once."""
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for line in data.splitlines():
        if not line.startswith(b"data:"):
            continue
        event = _object(line.removeprefix(b"data:"))
        if isinstance(event.get("response"), dict):
            body.update(event["response"])
        for name in ("id", "model"):
            if isinstance(event.get(name), str):
                body[name] = event[name]
        for choice in _dicts(event.get("choices")):
            number = choice.get("index")
            known = choices.setdefault(
                number if type(number) is int else 0, {"message": {"content": ""}}
            )
            _grow(known, choice)
    if choices:
        body["choices"] = [choices[number] for number in sorted(choices)]
    return body


def _grow(known: dict[str, Any], choice: dict[str, Any]) -> None:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        known["message"]["content"] += _text(delta.get("content"))
        calls = known["message"].setdefault("tool_calls", [])
        for call in _dicts(delta.get("tool_calls")):
            _grow_call(calls, call)
    if choice.get("finish_reason"):
        known["finish_reason"] = choice["finish_reason"]


def _grow_call(calls: list[dict[str, Any]], call: dict[str, Any]) -> None:
    number = call.get("index")
    place = number if type(number) is int and 0 <= number <= len(calls) else len(calls)
    if place == len(calls):
        calls.append({"id": call.get("id"), "function": {"name": "", "arguments": ""}})
    function = call.get("function")
    if isinstance(function, dict):
        for name in ("name", "arguments"):
            calls[place]["function"][name] += _text(function.get(name))


def _object(data: bytes) -> dict[str, Any]:
    value = _value(data)
    return value if isinstance(value, dict) else {}


def _value(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data if isinstance(data, str) else None


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _dicts(value: Any) -> Iterable[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
