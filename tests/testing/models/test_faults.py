"""Each fault as the unmodified openai SDK meets it."""

import json

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from agentmesh.errors import UsageError
from agentmesh.testing.models import (
    DroppedConnection,
    ErrorResponse,
    MalformedBody,
    MalformedOutput,
    ModelServer,
    RateLimited,
    Rule,
    Sampled,
    ServerError,
    Stall,
    ToolCall,
    ToolCalls,
    TruncatedStream,
)
from tests.testing.models.helpers import WEATHER, ask, client, content, joined, said

LONG = "one two three four five six seven eight nine ten"


def faulty(fault: object, **conditions: object) -> ModelServer:
    """Return a server whose long answer is disturbed by one fault."""
    rule = Rule(answer=fault, **conditions)  # type: ignore[arg-type]
    return ModelServer(rules=[rule, Rule(answer=LONG)])


def test_a_rate_limit_says_when_to_come_back() -> None:
    """Both headers are there: whole seconds for everyone, milliseconds for SDKs."""
    with (
        faulty(RateLimited(retry_after_seconds=0.25)) as server,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        ask(server, "x")

    headers = caught.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "250")
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.type == "rate_limit_error"


def test_the_sdk_comes_back_after_a_rate_limit() -> None:
    """The first two attempts are refused; the SDK's own retries get through."""
    with faulty(RateLimited(retry_after_seconds=0.001), nth=(1, 2)) as server:
        with client(server, retries=2) as opened:
            answer = opened.chat.completions.create(model="sim-small", messages=said("x"))
        statuses = [entry.status for entry in server.requests]

    assert content(answer) == LONG
    assert statuses == [429, 429, 200]


def test_an_occurrence_counts_each_request_by_itself() -> None:
    """Every question fails the first time, in whatever order the questions come."""
    fault = Rule(answer=RateLimited(retry_after_seconds=0.001), occurrence=1)
    with ModelServer(rules=[fault]) as server, client(server, retries=1) as opened:
        for question in ("a", "b", "c"):
            opened.chat.completions.create(model="sim-small", messages=said(question))
        statuses = [entry.status for entry in server.requests]

    assert statuses == [429, 200] * 3


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_in_trouble_answers_with_an_error(status: int) -> None:
    """Any status from 500 up is the server's fault."""
    with (
        faulty(ServerError(status=status)) as server,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        ask(server, "x")

    assert caught.value.status_code == status
    assert caught.value.type == "server_error"


def test_any_error_of_the_api_can_be_answered() -> None:
    """A refused content filter, say, which is a 400 with a code."""
    refused = ErrorResponse(
        status=400, message="Filtered.", kind="invalid_request_error", code="content_filter"
    )
    with (
        faulty(refused) as server,
        pytest.raises(openai.BadRequestError, match=r"Filtered\.") as caught,
    ):
        ask(server, "x")

    assert caught.value.code == "content_filter"


def test_faults_reach_embeddings_too() -> None:
    """A fault applies to every endpoint unless it is told not to."""
    with (
        faulty(RateLimited()) as server,
        client(server) as opened,
        pytest.raises(openai.RateLimitError),
    ):
        opened.embeddings.create(model="sim-embedding", input="x")
    with faulty(RateLimited(), endpoint="chat") as server, client(server) as opened:
        assert opened.embeddings.create(model="sim-embedding", input="x").data


def test_a_server_that_stalls_is_given_up_by_the_client() -> None:
    """The client's timeout ends it; the log says that nobody waited any more."""
    with faulty(Stall(limit_seconds=600)) as server, client(server) as opened:
        with pytest.raises(openai.APITimeoutError):
            opened.with_options(timeout=0.1).chat.completions.create(
                model="sim-small", messages=said("x")
            )
        server.requests.wait_until(lambda log: log.count(outcome="abandoned") == 1)
        assert server.requests[0].status is None


def test_a_stall_has_an_end_of_its_own() -> None:
    """A client without a timeout is not held for ever."""
    with (
        faulty(Stall(limit_seconds=0.01)) as server,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        ask(server, "x")

    assert caught.value.status_code == 504
    assert caught.value.code == "simulated_stall"


def test_a_dropped_connection_is_a_connection_error() -> None:
    """There is no response at all, so there is no status either."""
    with faulty(DroppedConnection()) as server:
        with pytest.raises(openai.APIConnectionError):
            ask(server, "x")
        assert server.requests.count(outcome="dropped") == 1


def test_a_broken_stream_raises_after_its_first_tokens() -> None:
    """What arrived before the break was delivered; then the transfer fails."""
    chunks: list[ChatCompletionChunk] = []
    with faulty(TruncatedStream(after_tokens=3)) as server, client(server) as opened:
        stream = opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        with pytest.raises((httpx2.RemoteProtocolError, openai.APIError)):
            chunks.extend(stream)
        assert server.requests.count(outcome="truncated") == 1

    assert joined(chunks) == "one two three"


def test_a_stream_may_end_too_early_without_an_error() -> None:
    """Some proxies end a stream in good order; only the missing reason tells."""
    fault = TruncatedStream(after_tokens=2, ending="clean")
    with faulty(fault) as server, client(server) as opened:
        chunks = list(
            opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        )

    assert joined(chunks) == "one two"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 3


def test_a_short_stream_loses_its_end_as_well() -> None:
    """Even where there are fewer tokens than were to arrive."""
    with (
        ModelServer(rules=[Rule(answer=TruncatedStream(after_tokens=99))]) as server,
        client(server) as opened,
    ):
        stream = opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        chunks: list[ChatCompletionChunk] = []
        with pytest.raises((httpx2.RemoteProtocolError, openai.APIError)):
            chunks.extend(stream)

    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)


def test_a_truncated_response_without_streaming_is_a_connection_error() -> None:
    """Half of the body arrives, which the length in the header gives away."""
    with (
        faulty(TruncatedStream()) as server,
        pytest.raises((httpx2.RemoteProtocolError, openai.APIConnectionError)),
    ):
        ask(server, "x")


def test_a_malformed_body_is_not_json() -> None:
    """A fault of the server, not of the model."""
    with faulty(MalformedBody()) as server, client(server) as opened:
        raw = opened.chat.completions.with_raw_response.create(
            model="sim-small", messages=said("x")
        )
        with pytest.raises(json.JSONDecodeError):
            raw.parse()


def test_an_event_of_a_stream_may_be_malformed() -> None:
    """The events before it are right."""
    chunks: list[ChatCompletionChunk] = []
    with faulty(MalformedBody()) as server, client(server) as opened:
        stream = opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        with pytest.raises(json.JSONDecodeError):
            chunks.extend(stream)

    assert LONG.startswith(joined(chunks))
    assert len(chunks) > 2


def test_a_model_may_write_json_that_is_none() -> None:
    """The response is in order; the model's own JSON is cut off."""
    rules = [
        Rule(answer=MalformedOutput()),
        Rule(contains="call", answer=ToolCalls(ToolCall("weather", {"city": "Oslo", "days": 1}))),
        Rule(answer={"city": "Oslo"}),
    ]
    with ModelServer(rules=rules) as server, client(server) as opened:
        called = opened.chat.completions.create(
            model="sim-small", messages=said("call"), tools=[WEATHER]
        )
        answered = opened.chat.completions.create(model="sim-small", messages=said("say"))

    (call,) = called.choices[0].message.tool_calls or []
    assert call.type == "function"
    for text in (call.function.arguments, content(answered)):
        assert text.startswith('{"city"')
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)


def test_a_fault_may_be_one_of_several_sampled_answers() -> None:
    """The heaviest alternative is what temperature 0 gets; here it is the fault."""
    answer = Sampled((9, RateLimited()), (1, "fine"))
    with (
        ModelServer(rules=[Rule(answer=answer)]) as server,
        client(server) as opened,
        pytest.raises(openai.RateLimitError),
    ):
        opened.chat.completions.create(model="sim-small", messages=said("x"), temperature=0)


def test_a_probable_fault_strikes_as_often_as_it_should() -> None:
    """A quarter of two hundred requests, within what chance allows for this seed."""
    rule = Rule(answer=ServerError(), probability=0.25)
    with ModelServer(rules=[rule], seed=1) as server, client(server) as opened:
        for number in range(200):
            try:
                opened.chat.completions.create(model="sim-small", messages=said(str(number)))
            except openai.InternalServerError:
                continue
        failed = server.requests.count(status=500)

    assert 35 <= failed <= 65


@pytest.mark.parametrize(
    "make",
    [
        lambda: ErrorResponse(status=200),
        lambda: RateLimited(retry_after_seconds=-1),
        lambda: Stall(limit_seconds=-1),
        lambda: TruncatedStream(after_tokens=-1),
        lambda: TruncatedStream(ending="abrupt"),  # type: ignore[arg-type]
    ],
)
def test_a_fault_that_cannot_be_is_refused_at_once(make: object) -> None:
    """Better where it is written than when it strikes."""
    assert callable(make)
    with pytest.raises(UsageError):
        make()
