"""Short ways to ask a model server, through the real openai SDK over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

import openai
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from agentmesh.testing.models import ModelServer

# Long enough for a busy machine, short enough to fail a test that would hang.
TIMEOUT_SECONDS = 20.0

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}

CLOCK: ChatCompletionToolParam = {"type": "function", "function": {"name": "clock"}}


@contextmanager
def client(server: ModelServer, *, retries: int = 0) -> Iterator[openai.OpenAI]:
    """Open an unmodified client of a server; closed at the end, so that nothing leaks."""
    with openai.OpenAI(
        base_url=server.base_url,
        api_key="any",
        max_retries=retries,
        timeout=TIMEOUT_SECONDS,
    ) as opened:
        yield opened


def said(text: str) -> list[ChatCompletionMessageParam]:
    """Return a conversation of one user message."""
    return [{"role": "user", "content": text}]


def told(
    call: ChatCompletionMessageFunctionToolCall, result: str
) -> list[ChatCompletionMessageParam]:
    """Return what follows on a call of a tool: the call itself, and its result."""
    made: ChatCompletionMessageFunctionToolCallParam = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": call.function.arguments},
    }
    return [
        {"role": "assistant", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": call.id, "content": result},
    ]


def ask(server: ModelServer, text: str, model: str = "sim-small") -> str:
    """Ask one question and return the text of the answer."""
    with client(server) as opened:
        answer = opened.chat.completions.create(model=model, messages=said(text))
    return content(answer)


def content(answer: ChatCompletion) -> str:
    """Return the text of a completion, which must have one."""
    text = answer.choices[0].message.content
    assert text is not None
    return text


def joined(chunks: list[ChatCompletionChunk]) -> str:
    """Return the text that a stream's chunks add up to."""
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
