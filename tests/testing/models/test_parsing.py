"""What the API refuses, the simulator refuses: in the API's form, naming the parameter."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.testing.models import ModelServer, SimulatedModels
from agentmesh.testing.models.api_errors import ApiError
from agentmesh.testing.models.engine import Simulator
from agentmesh.testing.models.parsing import parse_chat, parse_embeddings
from agentmesh.testing.models.plans import plan_decision, plan_error

Json = dict[str, Any]

USER: Json = {"role": "user", "content": "hello"}
CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look_up", "arguments": "{}"},
}
TOOL: Json = {"type": "function", "function": {"name": "look_up"}}
OPEN_SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}}


def chat(**fields: object) -> Json:
    """Return a request that is right but for the fields given."""
    return {"model": "sim-small", "messages": [USER], **fields}


def schema_format(schema: Json, *, strict: bool) -> Json:
    """Return a response format with a schema."""
    described = {"name": "thing", "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": described}


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ([], None, "expected an object, but got an array"),
        ({"messages": [USER]}, "model", "Missing required parameter: 'model'"),
        ({"model": "sim-small"}, "messages", "Missing required parameter: 'messages'"),
        (chat(messages="hello"), "messages", "expected an array, but got a string"),
        (chat(messages=[]), "messages", "empty array"),
        (chat(messages=[{}]), "messages[0].role", "Missing required parameter"),
        (
            chat(messages=[{"role": "robot", "content": "x"}]),
            "messages[0].role",
            "Supported values are: 'system', 'developer', 'user', 'assistant', 'tool'",
        ),
        (
            chat(messages=[{"role": "asistant", "content": "x"}]),
            "messages[0].role",
            "Did you mean 'assistant'?",
        ),
        (chat(messages=[{"role": "user"}]), "messages[0].content", "but got null"),
        (
            chat(messages=[{"role": "user", "content": [{"type": "song"}]}]),
            "messages[0].content[0].type",
            "'song'",
        ),
        (
            chat(messages=[USER, {"role": "tool", "tool_call_id": "call_9", "content": "x"}]),
            "messages[1].role",
            "must be a response to a preceding message with 'tool_calls'",
        ),
        (
            chat(messages=[USER, {"role": "assistant", "tool_calls": [CALL]}, USER]),
            "messages[2].role",
            "did not have response messages: call_1",
        ),
        (chat(temperature=3), "temperature", "expected a value <= 2"),
        (chat(temperature="hot"), "temperature", "expected a number, but got a string"),
        (chat(n=0), "n", "expected a value >= 1"),
        (chat(stream="yes"), "stream", "expected a boolean"),
        (chat(stream_options={"include_usage": True}), "stream_options", "'stream' is enabled"),
        (chat(tool_choice="auto"), "tool_choice", "only allowed when 'tools' are specified"),
        (
            chat(
                tools=[TOOL],
                tool_choice={"type": "function", "function": {"name": "other"}},
            ),
            "tool_choice",
            "'other' not found in 'tools'",
        ),
        (
            chat(tools=[{"type": "function", "function": {"name": "two words"}}]),
            "tools[0].function.name",
            "'two words'",
        ),
        (chat(logprobs=True), "logprobs", "no log probabilities"),
        (chat(functions=[{"name": "x"}]), "functions", "Use 'tools'"),
        (
            chat(response_format={"type": "json_object"}),
            "messages",
            "must contain the word 'json'",
        ),
        (
            chat(response_format=schema_format(OPEN_SCHEMA, strict=True)),
            "response_format",
            "'additionalProperties' is required to be supplied and to be false",
        ),
        (
            chat(
                response_format=schema_format(
                    {**OPEN_SCHEMA, "additionalProperties": False}, strict=True
                )
            ),
            "response_format",
            "Missing 'a'",
        ),
    ],
)
def test_a_malformed_request_is_told_what_is_wrong(
    body: object, param: str | None, message: str
) -> None:
    """Each of these gets a 400 from the real API too."""
    with pytest.raises(ApiError) as caught:
        parse_chat(body)

    assert caught.value.status == 400
    assert caught.value.param == param
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "sim-embedding"}, "input"),
        ({"model": "sim-embedding", "input": ""}, "input"),
        ({"model": "sim-embedding", "input": []}, "input"),
        ({"model": "sim-embedding", "input": ["a", ""]}, "input[1]"),
        ({"model": "sim-embedding", "input": "a", "dimensions": 0}, "dimensions"),
        ({"model": "sim-embedding", "input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_malformed_embedding_requests_are_refused(body: Json, param: str) -> None:
    """The parameter at fault is named."""
    with pytest.raises(ApiError) as caught:
        parse_embeddings(body)

    assert caught.value.param == param


def test_what_says_nothing_to_a_simulator_is_let_through() -> None:
    """Programs for real models set many things; null counts as absent, as in the API."""
    request = parse_chat(
        chat(
            temperature=None,
            tools=None,
            top_p=0.5,
            logit_bias={"1": 2},
            reasoning_effort="low",
            store=False,
            logprobs=False,
        )
    )

    assert request.tools == ()
    assert request.temperature is None


def test_a_request_shows_rules_its_turn() -> None:
    """The turn is what came after the last user message."""
    request = parse_chat(
        chat(
            messages=[
                {"role": "system", "content": "Be brief."},
                USER,
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": [{"type": "text", "text": "look it up"}]},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": "found"},
            ]
        )
    )

    assert request.system == "Be brief."
    assert request.last_user == "look it up"
    assert [call.name for call in request.calls_made] == ["look_up"]
    assert request.tool_results == (("look_up", "found"),)
    assert request.answers_so_far == 2
    assert request.region("last_message") == "found"


EVERYTHING: Json = {
    "model": "sim-small",
    "messages": [
        {"role": "system", "content": "Answer as JSON."},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "found"},
        {"role": "assistant", "refusal": "no"},
        USER,
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Look it up.",
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 5}},
                    "required": ["n"],
                    "additionalProperties": False,
                },
            },
        }
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "look_up"}}],
        },
    },
    "response_format": schema_format(
        {**OPEN_SCHEMA, "required": ["a"], "additionalProperties": False}, strict=True
    ),
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 2,
    "max_tokens": 100,
    "stop": "END",
    "temperature": 0.5,
    "seed": 3,
    "parallel_tool_calls": False,
}


def paths(value: object, *prefix: str | int) -> Iterator[tuple[str | int, ...]]:
    """List the way to every value in a document."""
    yield prefix
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, *prefix, name)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, *prefix, index)


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """Copy a document with the value at one place replaced."""
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = replaced(value[path[0]], path[1:], new)
    return copied


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.sampled_from(list(paths(EVERYTHING))), ANY_JSON)
def test_whatever_is_sent_is_answered_or_refused(path: tuple[str | int, ...], new: object) -> None:
    """Any value at any place of a request: the simulator never fails over it."""
    simulator = Simulator(SimulatedModels())
    try:
        request = parse_chat(replaced(EVERYTHING, path, new))
        decision = simulator.decide(request, simulator.admit(request))
        plan = plan_decision(request, decision, 0)
    except ApiError as error:
        plan = plan_error(error)

    assert plan.status in {200, 400}
    assert all(write.data for write in plan.writes)


def test_a_request_with_everything_in_it_is_read() -> None:
    """The document that the test before breaks is itself in order."""
    request = parse_chat(EVERYTHING)

    assert request.stop == ("END",)
    assert request.tool_choice.mode == "required"
    assert request.messages[1].attachments == 1
    assert request.messages[4].text == "no"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A server without rules."""
    with ModelServer() as running:
        yield running


def test_a_body_that_is_not_json_gets_the_apis_error_form(server: ModelServer) -> None:
    """A client that broke its own body learns where."""
    answer = httpx2.post(server.base_url + "/chat/completions", content=b'{"model": ')

    assert answer.status_code == 400
    assert answer.headers["x-agentmesh-simulator"] == "1"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert "line 1 column 11" in answer.json()["error"]["message"]


def test_endless_nesting_is_refused_and_the_server_lives(server: ModelServer) -> None:
    """A parser that recurses must not take the server with it."""
    deep = b"[" * 100_000
    assert httpx2.post(server.base_url + "/embeddings", content=deep).status_code == 400
    assert httpx2.get(server.base_url + "/models").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "hint"),
    [
        ("POST", "/v1/responses", 404, "client.chat.completions.create"),
        ("POST", "/chat/completions", 404, "The base URL ends in /v1."),
        ("GET", "/v1/nothing", 404, "GET / lists what there is."),
        ("GET", "/v1/chat/completions", 405, "Not allowed to GET"),
    ],
)
def test_a_wrong_path_gets_a_hint(
    server: ModelServer, method: str, path: str, status: int, hint: str
) -> None:
    """Most wrong paths are one of a few usual mistakes."""
    answer = httpx2.request(method, server.base_url.removesuffix("/v1") + path)

    assert answer.status_code == status
    assert hint in answer.json()["error"]["message"]


def test_the_front_page_explains_what_this_is(server: ModelServer) -> None:
    """Whoever finds the port in a browser reads that nothing here is real."""
    page = httpx2.get(server.base_url.removesuffix("v1"))

    assert page.headers["content-type"].startswith("text/plain")
    assert "not a language model" in page.text
    assert f"OPENAI_BASE_URL={server.base_url}" in page.text


def test_a_schema_that_allows_no_value_is_refused_by_name(server: ModelServer) -> None:
    """Not every schema can be made up for; the answer says what is in the way."""
    schema = {"type": "object", "properties": {"a": {"not": {}}}, "required": ["a"]}
    body = chat(response_format=schema_format(schema, strict=False))
    answer = httpx2.post(server.base_url + "/chat/completions", content=json.dumps(body))

    assert answer.status_code == 400
    assert "the keyword 'not' is not honoured here" in answer.json()["error"]["message"]
