"""What a fault makes of an effect's answer: a refusal, half of it, nonsense, or an old one.

An HTTP answer is harmed as HTTP, so that SDKs meet what they meet in the field: a 429 with its
header, a stream that breaks off, a model's text that is cut. Anything else fails as a tool does.
"""

import json

import msgspec

from agentmesh.effects.http_record import exchange_of, response_of
from agentmesh.simulation import faults
from agentmesh.simulation.sources import Asked, Outcome

_HTTP = "http"
_JSON = "application/json"


def harmed(outcome: Outcome, how: str, asked: Asked, before: Outcome | None) -> Outcome:
    """Return what is left of an answer.

    Args:
        outcome: As it would have been.
        how: The fault.
        asked: The effect.
        before: The last answer to an effect of the same name; None for the first.
    """
    if how == faults.STALE:
        return before or outcome
    if how == faults.FAIL:
        return _refused(asked, 500, "The server had an error while processing your request.")
    if how == faults.LIMITED:
        return _refused(asked, 429, "Rate limit reached. Please try again later.")
    if how == faults.TRUNCATE:
        return _cut(outcome, asked)
    if how == faults.MALFORMED:
        return _malformed(outcome, asked)
    return outcome


def _refused(asked: Asked, status: int, text: str) -> Outcome:
    if asked.command.kind != _HTTP:
        return _error("builtins.ConnectionError", f"{asked.name}: {status} {text}")
    body = json.dumps({"error": {"message": text, "type": "simulated", "code": str(status)}})
    headers = [("content-type", _JSON), ("retry-after", "1")]
    return Outcome(result=response_of(status, headers, body.encode(), _JSON))


def _cut(outcome: Outcome, asked: Asked) -> Outcome:
    """Break off: a stream after half of its pieces, anything else before its end."""
    kept = outcome.pieces[: max(1, len(outcome.pieces) // 2)]
    if asked.command.kind == _HTTP:
        name = "httpx2.RemoteProtocolError"
    else:
        name = "builtins.ConnectionError"
    lost = _error(name, f"{asked.name}: the connection was closed before the answer was complete")
    return Outcome(error=lost.error, pieces=kept)


def _malformed(outcome: Outcome, asked: Asked) -> Outcome:
    if outcome.error or outcome.pieces:
        return _cut(outcome, asked)
    if asked.command.kind != _HTTP:
        return Outcome(result=b'"malformed"')
    exchange = exchange_of(outcome.result)
    body = _with_half_texts(exchange.body)
    return Outcome(result=response_of(exchange.status, exchange.headers, body, _JSON))


def _with_half_texts(body: bytes) -> bytes:
    """Return a chat completion whose texts break off in the middle; other bodies break off."""
    try:
        answer = msgspec.json.decode(body)
        for choice in answer["choices"]:
            message = choice["message"]
            if message.get("content"):
                message["content"] = message["content"][: len(message["content"]) // 2]
            for call in message.get("tool_calls") or ():
                arguments = call["function"]["arguments"]
                call["function"]["arguments"] = arguments[: len(arguments) // 2]
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[: len(body) // 2]
    return msgspec.json.encode(answer)


def _error(type_name: str, text: str) -> Outcome:
    return Outcome(error=json.dumps({"type": type_name, "what": text, "fields": {}}).encode())
