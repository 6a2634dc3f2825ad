"""What requests asked models and what these said, in the dialects there are, however odd."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.telemetry import conventions as names
from agentmesh.telemetry import models

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model",
                    "messages",
                    "role",
                    "content",
                    "tools",
                    "choices",
                    "message",
                    "usage",
                    "type",
                    "text",
                    "index",
                    "delta",
                    "tool_calls",
                    "function",
                    "output",
                    "input",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def request(url: str, **body: Any) -> models.Request:
    """Return a request as the journal has it, read."""
    return models.request_of(json.dumps({"method": "POST", "url": url, "json": body}).encode())


def response(**body: Any) -> models.Response:
    """Return a response as the journal has it, read."""
    return models.response_of(json.dumps({"status": 200, "json": body}).encode())


@pytest.mark.parametrize(
    ("url", "operation", "provider"),
    [
        ("https://api.openai.com/v1/chat/completions", names.CHAT, "openai"),
        ("https://api.openai.com/v1/responses", names.CHAT, "openai"),
        ("https://x.openai.azure.com/openai/v1/embeddings", names.EMBEDDINGS, "azure.ai.openai"),
        ("https://api.anthropic.com/v1/messages", names.CHAT, "anthropic"),
        ("http://10.0.0.1:8000/v1/completions", names.TEXT_COMPLETION, "openai"),
        ("https://api.mistral.ai/v1/chat/completions", names.CHAT, "mistral_ai"),
        ("https://notopenai.com.example/v1/files", "", ""),
        ("http://[broken", "", ""),
    ],
)
def test_operations_and_providers_are_known_by_the_url(
    url: str, operation: str, provider: str
) -> None:
    """A server that nobody knows speaks OpenAI's dialect; other paths are plain requests."""
    found = request(url, model="m")

    assert (found.operation, found.provider) == (operation, provider)


def test_a_conversation_with_tools_has_the_form_of_the_conventions() -> None:
    """Calls, their results, and what the model was told to be."""
    asked = request(
        "https://api.openai.com/v1/chat/completions",
        model="gpt-5",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "function": {"name": "w", "arguments": '{"city": "Oslo"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
        tools=[{"type": "function", "function": {"name": "w"}}],
        temperature=0,
        stop="END",
    )
    answered = response(
        id="r1",
        model="gpt-5-2026",
        choices=[{"message": {"content": "Rain."}, "finish_reason": "stop"}],
        usage={"prompt_tokens": 5, "completion_tokens": 2},
    )

    said = {name: json.loads(value) for name, value in models.said(asked, answered).items()}

    assert said[names.INPUT_MESSAGES] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "w", "arguments": {"city": "Oslo"}}
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": "rain"}],
        },
    ]
    assert said[names.OUTPUT_MESSAGES] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Rain."}],
            "finish_reason": "stop",
        }
    ]
    assert (answered.model, answered.id, answered.finish_reasons) == ("gpt-5-2026", "r1", ["stop"])
    assert models.parameters(asked) == {
        "gen_ai.request.temperature": 0,
        "gen_ai.request.stop_sequences": ["END"],
    }


def test_anthropics_messages_are_understood() -> None:
    """Instructions beside the messages, blocks of content, tokens read from a cache."""
    asked = request(
        "https://api.anthropic.com/v1/messages",
        model="claude-sonnet-4-5",
        system="Be kind.",
        max_tokens=100,
        messages=[{"role": "user", "content": "Hello"}],
    )
    answered = response(
        type="message",
        model="claude-sonnet-4-5",
        content=[{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "n"}],
        stop_reason="tool_use",
        usage={"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 9},
    )
    said = models.said(asked, answered)

    assert json.loads(said[names.SYSTEM_INSTRUCTIONS]) == [{"type": "text", "content": "Be kind."}]
    (answer,) = json.loads(said[names.OUTPUT_MESSAGES])
    assert [part["type"] for part in answer["parts"]] == ["text", "tool_call"]
    assert answer["finish_reason"] == "tool_use"
    assert answered.used is not None
    assert (answered.used.input_tokens, answered.used.cached_tokens) == (12, 9)


def test_pieces_of_a_stream_are_put_together() -> None:
    """Text, tool calls in parts, a reason at the end; lines that are no JSON are left out."""
    events = [
        {"id": "r", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
        {
            "choices": [
                {
                    "delta": {
                        "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}],
                    }
                }
            ]
        },
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    chunks = [text[:50].encode(), text[50:].encode()]

    found = models.response_of(b'{"streamed_bytes": 9}', chunks)

    (answer,) = json.loads(models.said(models.Request(), found)[names.OUTPUT_MESSAGES])
    assert answer == {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "Hello"},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {}},
        ],
        "finish_reason": "tool_calls",
    }
    assert found.finish_reasons == ["tool_calls"]


@settings(max_examples=50)
@given(JSON, JSON, st.binary(max_size=60))
def test_nothing_that_a_server_says_breaks_an_export(asked: Any, said: Any, chunk: bytes) -> None:
    """Any JSON, anything that is none."""
    wrapped = {"method": "POST", "url": "http://h/v1/chat/completions", "json": asked}
    for data in (json.dumps(wrapped).encode(), json.dumps(asked).encode(), chunk):
        request = models.request_of(data)
        streamed = [b"data: " + json.dumps(said).encode() + b"\n", chunk]
        for response in (
            models.response_of(json.dumps({"status": 200, "json": said}).encode()),
            models.response_of(json.dumps(said).encode(), streamed),
            models.response_of(chunk, streamed),
        ):
            models.parameters(request)
            for value in models.said(request, response).values():
                json.loads(value)
