"""Unmodified SDKs inside handlers: the openai SDK and plain HTTP clients, live and replayed.

The model server is the embedded one, over real HTTP on loopback.
"""

import asyncio
import json
import time

import httpx
import httpx2
import openai as sdk
import pytest
from pydantic import BaseModel

from agentmesh.effects import clients, settings
from agentmesh.effects.endpoints import endpoint
from agentmesh.effects.keys import key_from_env
from agentmesh.errors import DeadlineExceededError, UsageError
from agentmesh.kernel.commands import CancelEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished, EffectStreamed
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    DroppedConnection,
    Fixed,
    Latency,
    MalformedBody,
    ModelServer,
    RateLimited,
    Rule,
    ServerError,
    SimulatedModels,
    Stall,
    ToolCall,
    ToolCalls,
    TruncatedStream,
)
from tests.effects.harness import Ended, run

KEY = "sk-proj-1234567890abcdefghij"
RULES = [
    Rule(contains="limit me", answer=RateLimited(retry_after_seconds=0.01), occurrence=1),
    Rule(contains="break", answer=ServerError()),
    Rule(contains="stall", answer=Stall()),
    Rule(contains="drop", answer=DroppedConnection()),
    Rule(contains="garble", answer=MalformedBody()),
    Rule(contains="truncate", answer=TruncatedStream(after_tokens=2)),
    Rule(contains="slowly", latency=Latency(per_token=Fixed(seconds=2.0))),
    Rule(contains="weather", answer=ToolCalls(ToolCall("weather", {"city": "Oslo"}))),
    Rule(contains="count", answer="one two three four"),
    Rule(contains="point", answer={"x": 1, "y": 2}),
]


class Point(BaseModel):
    x: int
    y: int


@pytest.fixture(scope="module")
def server():
    with ModelServer(rules=RULES, seed=1) as running:
        yield running


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def go(server, key, monkeypatch):
    """Run a workflow against the server, then replay it as on a machine without any settings."""

    def runs(flow, **options) -> Ended:
        options.setdefault("settings", settings.simulated(server.base_url))
        ended = run(flow, **options)
        with monkeypatch.context() as bare:
            bare.delenv("OPENAI_API_KEY")
            before = server.requests.total
            ended.replay()
            assert server.requests.total == before
        assert KEY not in ended.text()
        return ended

    return runs


def chat(text, **options):
    messages = [{"role": "user", "content": text}]
    return {"model": "sim-small", "messages": messages, **options}


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


def test_a_stream_arrives_piece_by_piece(go):
    """The handler sees tokens as they come, and so does the replay."""

    @workflow
    async def streams() -> list[str]:
        stream = await clients.openai().chat.completions.create(**chat("count", stream=True))
        return [part.choices[0].delta.content or "" async for part in stream if part.choices]

    ended = go(streams)
    pieces = ended.of(EffectStreamed)

    assert "".join(ended.result) == "one two three four"
    assert len(ended.result) > 3
    assert json.loads(pieces[0].chunk)["status"] == 200
    assert b"data: " in pieces[1].chunk


def test_the_tokens_of_a_stream_are_in_the_journal(go):
    """Whoever counts them need not put the pieces together."""

    @workflow
    async def streams() -> int:
        options = chat("count", stream=True, stream_options={"include_usage": True})
        stream = await clients.openai().chat.completions.create(**options)
        return len([part async for part in stream])

    ended = go(streams)
    summary = json.loads(ended.of(EffectFinished)[0].result)

    assert summary["streamed_bytes"] > 100
    assert summary["usage"]["total_tokens"] > 0


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


def test_a_stream_that_breaks_off_says_so_after_its_last_piece(go):
    """What came before is kept."""

    @workflow
    async def breaks_off() -> list[str]:
        got = []
        stream = await clients.openai().chat.completions.create(
            **chat("truncate and count", stream=True)
        )
        try:
            async for part in stream:
                got += [part.choices[0].delta.content or ""]
        except sdk.APIConnectionError as error:
            got.append(type(error.__cause__).__name__)
        return got

    ended = go(breaks_off)

    assert len(ended.result) > 1
    assert ended.result[-1] in ("RemoteProtocolError", "ReadError")


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


def test_a_stream_left_early_is_cancelled(go):
    """Breaking out of the loop closes the response, which ends the effect on the host."""

    @workflow
    async def leaves() -> str:
        client = clients.openai()
        stream = await client.chat.completions.create(**chat("slowly count", stream=True))
        async with stream:
            async for part in stream:
                return str(part.id)[:4]
        return ""

    started = time.monotonic()
    ended = go(leaves)

    assert ended.result == "chat"
    assert time.monotonic() - started < 20
    assert len(ended.of(CancelEffect)) == 1


def test_a_stream_nobody_closes_ends_with_its_turn(go):
    """The usual slip: `break` without closing."""

    @workflow
    async def forgets() -> str:
        stream = await clients.openai().chat.completions.create(**chat("count", stream=True))
        async for part in stream:
            return str(part.id)[:4]
        return ""

    assert go(forgets).result == "chat"


def test_a_timeout_in_the_handler_cancels_the_request(go, server):
    """The server sees the client go away."""

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.2):
                await clients.openai().chat.completions.create(**chat("stall, I say"))
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up)

    assert ended.result == "gave up"
    assert len(ended.of(CancelEffect)) == 1


def test_the_deadline_of_the_run_ends_a_model_that_never_answers(go):
    """Ten minutes of the SDK's patience do not count."""

    @workflow
    async def waits() -> None:
        await clients.openai().chat.completions.create(**chat("stall"))

    started = time.monotonic()
    ended = go(waits, deadline_seconds=0.5)

    with pytest.raises(DeadlineExceededError):
        _ = ended.result
    assert time.monotonic() - started < 10


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


@pytest.mark.parametrize("classic", [False, True])
def test_plain_http_clients_are_recorded_too(go, server, classic):
    """For SDKs that bring their own types: httpx2, or classic httpx."""
    library = httpx if classic else httpx2

    @workflow
    async def gets() -> list[object]:
        where = endpoint()
        headers = {"authorization": f"Bearer {where.api_key}"}
        async with clients.http_client(classic=classic, headers=headers) as client:
            assert isinstance(client, library.AsyncClient)
            response = await client.get(f"{where.base_url}/models", params={"key": "hush"})
            missing = await client.get(f"{where.base_url}/nothing")
            body = chat("count", stream=True)
            url = f"{where.base_url}/chat/completions"
            async with client.stream("POST", url, json=body) as stream:
                lines = [line async for line in stream.aiter_lines() if line]
            return [len(response.json()["data"]), missing.status_code, lines[-1]]

    ended = go(gets)

    assert ended.result == [3, 404, "data: [DONE]"]
    assert "hush" not in ended.text()


@pytest.mark.parametrize("classic", [False, True])
def test_plain_http_clients_raise_their_own_errors(go, classic):
    """An `except httpx.ConnectError` must catch it."""
    library = httpx if classic else httpx2

    @workflow
    async def fails() -> str:
        try:
            await clients.http_client(classic=classic).get("http://127.0.0.1:9/")
        except library.ConnectError as error:
            return f"{error.request.url} {bool(str(error))}"
        return ""

    assert go(fails).result == "http://127.0.0.1:9/ True"


def test_a_transport_of_ones_own_is_refused():
    """It would go past the recorder."""
    with pytest.raises(UsageError, match="brings its own transport"):
        clients.http_client(transport=httpx2.AsyncHTTPTransport())


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
