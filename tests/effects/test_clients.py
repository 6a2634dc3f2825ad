"""Unmodified SDKs inside handlers: the openai SDK and plain HTTP clients, live and replayed.

The model server is the embedded one, over real HTTP on loopback.
"""

import asyncio
import json

import openai as sdk
import pytest
from pydantic import BaseModel

from agentmesh.effects import clients, settings
from agentmesh.effects.keys import key_from_env
from agentmesh.errors import UsageError
from agentmesh.kernel.events import EffectFailed
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    ModelServer,
    SimulatedModels,
)
from tests.effects.harness import run
from tests.effects.model_server import KEY, chat


class Point(BaseModel):
    x: int
    y: int


def test_a_chat_completion_is_recorded_and_replayed(go):
    """The whole body is in the journal: tokens are found by SQL on it."""

    @workflow
    async def chats() -> str:
        done = await clients.openai().chat.completions.create(**chat("please count"))
        return str(done.choices[0].message.content)

    ended = go(chats)
    finished = json.loads(ended.journal.events["chats/root"][2].result)

    assert ended.result == "one two three four"
    assert [(e.kind, e.name) for e in ended.effects] == [
        ("http", "POST 127.0.0.1/v1/chat/completions")
    ]
    assert ended.requests[0]["json"]["messages"] == [{"role": "user", "content": "please count"}]
    assert finished["json"]["usage"]["total_tokens"] > 0


def test_tool_calls_structured_output_and_embeddings(go):
    """What the SDK offers beyond text, in parallel."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ]

    @workflow
    async def all_three() -> list[object]:
        client = clients.openai()
        called, parsed, embedded = await asyncio.gather(
            client.chat.completions.create(**chat("weather?", tools=tools)),
            client.chat.completions.parse(**chat("a point"), response_format=Point),
            client.embeddings.create(model="sim-embedding", input=["a", "b"]),
        )
        call = called.choices[0].message.tool_calls[0]
        point = parsed.choices[0].message.parsed
        assert point is not None
        return [call.function.arguments, point.x + point.y, len(embedded.data)]

    ended = go(all_three)

    assert ended.result == ['{"city": "Oslo"}', 3, 2]
    assert len(ended.effects) == 3


def test_the_sdks_own_retries_are_effects_of_their_own(go):
    """429, a wait by the logical clock, then the answer: two requests with equal digests."""

    @workflow
    async def retries() -> str:
        done = await clients.openai().chat.completions.create(**chat("limit me and count"))
        return str(done.choices[0].message.content)

    ended = go(retries)
    first, second = ended.effects

    assert ended.result == "one two three four"
    assert first.request == second.request
    assert first.key != second.key


def test_an_error_status_is_the_sdks_error(go):
    """After its retries the SDK raises what it always raises."""

    @workflow
    async def breaks() -> str:
        client = clients.openai(max_retries=1)
        try:
            await client.chat.completions.create(**chat("break"))
        except sdk.InternalServerError as error:
            return f"{error.status_code} after {len(str(error)) > 0}"
        return ""

    ended = go(breaks)

    assert ended.result == "500 after True"
    assert len(ended.effects) == 2


@pytest.mark.parametrize("word", ["drop", "stall"])
def test_a_broken_or_silent_connection_is_the_sdks_error(go, word):
    """Recorded as the HTTP library's exception, raised again as the same class."""

    @workflow
    async def fails() -> str:
        client = clients.openai(max_retries=0, timeout=0.3)
        try:
            await client.chat.completions.create(**chat(word))
        except sdk.APIConnectionError as error:
            return type(error).__name__ + " from " + type(error.__cause__).__name__
        return ""

    ended = go(fails)
    expected = {
        "drop": "APIConnectionError from ReadError|APIConnectionError from RemoteProtocolError",
        "stall": "APITimeoutError from ReadTimeout",
    }

    assert ended.result in expected[word].split("|")
    assert len(ended.of(EffectFailed)) == 1


def test_a_server_that_cannot_be_reached_is_the_sdks_error(go):
    """Nobody listens on the port."""

    @workflow
    async def unreachable() -> str:
        try:
            await clients.openai(max_retries=1).models.list()
        except sdk.APIConnectionError as error:
            return type(error.__cause__).__name__
        return ""

    ended = go(unreachable, settings=settings.simulated("http://127.0.0.1:9/v1"))

    assert ended.result == "ConnectError"
    assert [effect.name for effect in ended.effects] == ["GET 127.0.0.1/v1/models"] * 2


def test_a_body_that_is_no_json_is_the_sdks_error(go):
    """Recorded as text."""

    @workflow
    async def garbled() -> bool:
        try:
            done = await clients.openai(max_retries=0).chat.completions.create(**chat("garble"))
        except (sdk.OpenAIError, ValueError):
            return True
        return isinstance(done, str)

    assert go(garbled).result is True


def test_many_requests_at_once_each_get_their_own_answer(go, server):
    """Fifty in parallel, over shared connections."""

    @workflow
    async def crowds() -> int:
        client = clients.openai()
        done = await asyncio.gather(
            *(client.chat.completions.create(**chat(f"say {n}")) for n in range(50))
        )
        return len({each.id for each in done})

    assert go(crowds).result == 50


MODULE_LEVEL = clients.openai()


def test_a_client_made_at_module_level_works_in_any_run(go, server):
    """It goes where the run that uses it is configured to go."""

    @workflow
    async def uses_global() -> str:
        done = await MODULE_LEVEL.chat.completions.create(**chat("count"))
        return str(done.choices[0].message.content)

    ended = go(uses_global)

    assert ended.result == "one two three four"
    assert ended.requests[0]["url"] == f"{server.base_url}/chat/completions"


def test_outside_a_run_the_client_just_works(server, key, monkeypatch):
    """In a script, a test or a tool; streaming too."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)

    async def main():
        client = clients.openai()
        done = await client.chat.completions.create(**chat("count"))
        stream = await client.chat.completions.create(**chat("count", stream=True))
        parts = [p.choices[0].delta.content or "" async for p in stream if p.choices]
        return done.choices[0].message.content, "".join(parts)

    assert asyncio.run(main()) == ("one two three four", "one two three four")


def test_the_key_is_put_in_by_the_host(monkeypatch):
    """A server that wants the key gets it; the journal never has it."""
    with ModelServer(SimulatedModels(api_key=KEY)) as strict:

        @workflow
        async def asks() -> int:
            return len((await clients.openai().models.list()).data)

        chosen = settings.simulated(strict.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        good = run(asks, settings=chosen)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-wrong-wrong-wrong")
        bad = run(asks, settings=chosen)

    assert good.result == 3
    assert KEY not in good.text()
    with pytest.raises(Exception, match="401"):
        _ = bad.result
    assert "sk-wrong" not in bad.text()


def test_without_key_and_url_the_error_says_what_to_set(monkeypatch):
    """Before anything is sent anywhere."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    @workflow
    async def asks() -> None:
        await clients.openai().models.list()

    ended = run(asks)

    with pytest.raises(
        UsageError, match=r"neither OPENAI_BASE_URL nor OPENAI_API_KEY.*models serve"
    ):
        _ = ended.result
    assert ended.effects == []
    ended.replay()


def test_headers_from_the_environment_are_sent_and_not_recorded(go, server, monkeypatch):
    """A replay elsewhere has no such environment."""
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: blue")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")

    @workflow
    async def asks() -> int:
        return len((await clients.openai().models.list()).data)

    ended = run(asks, settings=settings.simulated(server.base_url))
    monkeypatch.delenv("OPENAI_CUSTOM_HEADERS")
    monkeypatch.delenv("OPENAI_ORG_ID")

    ended.replay()
    assert "blue" not in ended.text()


def test_a_key_of_another_variable_is_named_not_given(go, server, monkeypatch):
    """Other providers behind the same API."""
    monkeypatch.setenv("OTHER_KEY", "other-secret-value")

    @workflow
    async def asks() -> int:
        client = clients.openai(api_key=key_from_env("OTHER_KEY"))
        return len((await client.models.list()).data)

    ended = go(asks)

    assert ended.result == 3
    assert "other-secret-value" not in ended.text()
    with pytest.raises(UsageError, match="no name of an environment variable"):
        key_from_env("sk-1234")
