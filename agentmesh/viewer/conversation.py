"""A model call as a conversation: what was said before, what was answered, what it used.

Three APIs write it down in three ways (chat completions, responses, messages); here it is one.
Whatever is not understood is left out of the conversation, and stands in the payload.
"""

import json
from collections.abc import Iterable
from typing import Any

from agentmesh.causality.summaries import value_of
from agentmesh.causality.usage import usage_of
from agentmesh.journal import strings

_PARAMETERS = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "seed"),
    *("stop", "n", "presence_penalty", "frequency_penalty", "reasoning_effort", "reasoning"),
    *("response_format", "tool_choice", "parallel_tool_calls", "stream"),
)
_MESSAGES_MAX = 500
_TEXT_MAX = 200_000
"""Characters of one message; the rest is in the payload."""


def conversation(
    request: bytes, result: bytes | None, pieces: Iterable[bytes] = ()
) -> dict[str, Any] | None:
    """Return what was said in a model call; None if it is no such thing.

    Args:
        request: The effect's request, as recorded.
        result: Its result; None if it has none.
        pieces: What a streamed answer came in.
    """
    asked = _body(value_of(request))
    if asked is None or not isinstance(asked.get("model"), str):
        return None
    before = _asked(asked)
    if before is None:
        return None
    api, messages = before
    answered = _body(value_of(result)) if result else None
    text = b"".join(pieces) if answered is None or not _answered(answered) else b""
    answer, finish = (_streamed(text) if text else None) or _answer(answered)
    return {
        "model": asked["model"],
        "api": api,
        "parameters": {name: asked[name] for name in _PARAMETERS if name in asked},
        "tools": [_tool(each) for each in _list(asked.get("tools"))],
        "messages": messages[-_MESSAGES_MAX:],
        "answer": answer,
        "finish_reason": finish,
        "usage": usage_json(result or b""),
        "cut": len(messages) > _MESSAGES_MAX,
        "streamed": bool(asked.get("stream")),
    }


def asked_in_short(request: bytes) -> bytes:
    """Return the latest that a model was told; the whole request, where that can't be told."""
    found = _asked(_body(value_of(request)) or {})
    texts = [each["text"] for each in found[1] if each["text"]] if found is not None else []
    return strings.readable(texts[-1]).encode() if texts else request


def answer_in_short(result: bytes) -> bytes:
    """Return what a model answered; the whole result, where that can't be told."""
    said, _ = _answer(_body(value_of(result)))
    texts = [each["text"] or _calls_in_short(each) for each in said]
    text = " ".join(each for each in texts if each)
    return strings.readable(text).encode() if text else result


def _calls_in_short(message: dict[str, Any]) -> str:
    calls = (f"{call['name']}({call['arguments']})" for call in message["tool_calls"])
    return ", ".join(calls)


def usage_json(result: bytes) -> dict[str, int] | None:
    """Return the tokens that a result says were used; None if it says nothing."""
    found = usage_of(result)
    if found is None:
        return None
    used = found[1]
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cached_tokens": used.cached_tokens,
        "reasoning_tokens": _reasoning(value_of(result)),
    }


def _body(value: Any) -> dict[str, Any] | None:
    """Return the JSON body of a recorded request or response."""
    if not isinstance(value, dict):
        return None
    inner = value.get("json")
    return inner if isinstance(inner, dict) else value


def _asked(body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]] | None:
    if isinstance(body.get("messages"), list):
        said = [_message(each) for each in body["messages"] if isinstance(each, dict)]
        if "system" in body:  # beside the messages
            said.insert(0, _message({"role": "system", "content": body["system"]}))
            return "messages", said
        return "chat", said
    if "input" in body:
        given = body["input"]
        said = [_message({"role": "system", "content": body["instructions"]})] * (
            isinstance(body.get("instructions"), str)
        )
        if isinstance(given, str):
            return "responses", [*said, _message({"role": "user", "content": given})]
        return "responses", [*said, *(_item(each) for each in _list(given))]
    if isinstance(body.get("prompt"), str):
        return "other", [_message({"role": "user", "content": body["prompt"]})]
    return None


def _answered(body: dict[str, Any]) -> bool:
    return any(name in body for name in ("choices", "output", "content"))


def _answer(body: dict[str, Any] | None) -> tuple[list[dict[str, Any]], str]:
    if body is None:
        return [], ""
    if isinstance(body.get("choices"), list):
        choices = [each for each in body["choices"] if isinstance(each, dict)]
        said = [
            _message(each["message"]) if isinstance(each.get("message"), dict) else _text(each)
            for each in choices
        ]
        return said, next((str(each.get("finish_reason") or "") for each in choices), "")
    if isinstance(body.get("output"), list):
        return [_item(each) for each in _list(body["output"])], str(body.get("status") or "")
    if isinstance(body.get("content"), list):
        said = [_message({"role": "assistant", "content": body["content"]})]
        return said, str(body.get("stop_reason") or "")
    return [], ""


def _text(choice: dict[str, Any]) -> dict[str, Any]:
    return _message({"role": "assistant", "content": choice.get("text")})


def _message(value: dict[str, Any]) -> dict[str, Any]:
    """Return a message of any of the APIs."""
    made: dict[str, Any] = {
        "role": str(value.get("role", "")),
        "text": "",
        "reasoning": _said(value.get("reasoning_content") or value.get("reasoning") or ""),
        "tool_calls": [_call(each) for each in _list(value.get("tool_calls"))],
        "tool_call_id": str(value.get("tool_call_id") or ""),
        "other": [],
    }
    content = value.get("content")
    parts = content if isinstance(content, list) else [content]
    texts: list[str] = []
    for part in parts:
        _add_part(made, texts, part)
    made["text"] = "\n".join(texts)[:_TEXT_MAX]
    return made


def _add_part(made: dict[str, Any], texts: list[str], part: Any) -> None:
    if isinstance(part, str):
        texts.append(part)
    elif isinstance(part, dict):
        kind = str(part.get("type", ""))
        if kind == "tool_use":
            made["tool_calls"].append(_call({**part, "arguments": part.get("input")}))
        elif kind == "tool_result":
            made["tool_call_id"] = str(part.get("tool_use_id", ""))
            texts.append(_said(part.get("content")))
        elif kind == "thinking":
            made["reasoning"] += _said(part.get("thinking"))
        elif "text" in part or "refusal" in part:
            texts.append(_said(part.get("text") or part.get("refusal")))
        else:
            made["other"].append(kind or "?")


def _item(value: Any) -> dict[str, Any]:
    """Return an item of the responses API."""
    if not isinstance(value, dict):
        return _message({"role": "user", "content": _said(value)})
    kind = value.get("type", "message")
    if kind == "function_call":
        made = _message({"role": "assistant"})
        made["tool_calls"] = [_call({**value, "id": value.get("call_id")})]
        return made
    if kind == "function_call_output":
        made = _message({"role": "tool", "content": _said(value.get("output"))})
        made["tool_call_id"] = str(value.get("call_id", ""))
        return made
    if kind == "reasoning":
        summary = " ".join(_said(each.get("text")) for each in _list(value.get("summary")))
        return _message({"role": "assistant", "reasoning": summary})
    return _message({"role": "assistant", **value})


def _call(value: Any) -> dict[str, str]:
    value = value if isinstance(value, dict) else {}
    function = value.get("function") if isinstance(value.get("function"), dict) else value
    return {
        "id": str(value.get("id") or ""),
        "name": str(function.get("name") or ""),
        "arguments": _said(function.get("arguments")),
    }


def _tool(value: Any) -> dict[str, str]:
    value = value if isinstance(value, dict) else {}
    function = value.get("function") if isinstance(value.get("function"), dict) else value
    return {
        "name": str(function.get("name") or value.get("type") or ""),
        "description": str(function.get("description") or ""),
    }


def _streamed(data: bytes) -> tuple[list[dict[str, Any]], str] | None:
    """Put the answer of a stream of chat completions together."""
    made, finish, reasoning = "", "", ""
    calls: dict[int, dict[str, str]] = {}
    whole: tuple[list[dict[str, Any]], str] | None = None
    found = False
    for line in data.splitlines():
        event = value_of(line[5:]) if line.startswith(b"data:") else None
        if not isinstance(event, dict):
            continue
        if isinstance(event.get("response"), dict) and event["response"].get("output"):
            whole = _answer(event["response"])
        for choice in _list(event.get("choices"))[:1]:
            found = True
            delta = choice.get("delta") if isinstance(choice, dict) else None
            finish = str((choice or {}).get("finish_reason") or finish)
            if isinstance(delta, dict):
                made += _said(delta.get("content") or "")
                reasoning += _said(delta.get("reasoning_content") or "")
                _add_calls(calls, delta)
    if whole is not None:
        return whole
    if not found:
        return None
    said = _message({"role": "assistant", "content": made, "reasoning": reasoning})
    said["tool_calls"] = [calls[index] for index in sorted(calls)]
    return [said], finish


def _add_calls(calls: dict[int, dict[str, str]], delta: dict[str, Any]) -> None:
    for piece in _list(delta.get("tool_calls")):
        if not isinstance(piece, dict):
            continue
        index = piece.get("index")
        call = calls.setdefault(index if isinstance(index, int) else 0, _call({}))
        new = _call(piece)
        call["id"], call["name"] = call["id"] or new["id"], call["name"] or new["name"]
        call["arguments"] += new["arguments"]


def _reasoning(value: Any) -> int:
    usage = (_body(value) or {}).get("usage")
    for name in ("completion_tokens_details", "output_tokens_details"):
        details = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(details, dict) and isinstance(details.get("reasoning_tokens"), int):
            return int(details["reasoning_tokens"])
    return 0


def _said(value: Any) -> str:
    """Return a text as it is, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:_TEXT_MAX]
    try:
        return json.dumps(value, ensure_ascii=False)[:_TEXT_MAX]
    except RecursionError:
        return "…"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
