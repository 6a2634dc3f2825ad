"""Chat completions through the unmodified openai SDK, over real HTTP."""

import asyncio
import json
from collections.abc import Iterator
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from agentmesh.testing.models import (
    ModelServer,
    Refusal,
    Rule,
    SimulatedModel,
    SimulatedModels,
    Template,
)
from tests.testing.models.helpers import CLOCK, ask, client, content, joined, said


class Order(BaseModel):
    item: str
    pieces: int
    express: bool
    size: Literal["small", "large"]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A server with a few rules, which no test of this module changes."""
    rules = [
        Rule(contains="capital of Norway", answer="The capital of Norway is Oslo."),
        Rule(contains="declined", answer=Refusal("I'd rather not.")),
        Rule(contains="one item as JSON", answer={"item": "lamp", "pieces": 2}),
        Rule(
            pattern=r"order (?P<number>\d+)",
            answer=Template("$model looks up $number, not $unknown."),
        ),
    ]
    with ModelServer(rules=rules, seed=7) as running:
        yield running


def test_a_scripted_answer_arrives_as_a_complete_response(server: ModelServer) -> None:
    """What a program reads of a response is all there: text, usage, reason, model, ids."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-large", messages=said("What is the capital of Norway?")
        )

    assert content(answer) == "The capital of Norway is Oslo."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "sim-large"
    assert answer.id.startswith("chatcmpl-sim-")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8  # seven words, one of them long, and a full stop
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_a_response_says_plainly_that_it_is_simulated(server: ModelServer) -> None:
    """Nobody may take a simulated answer for a real one."""
    with client(server) as opened:
        raw = opened.chat.completions.with_raw_response.create(
            model="sim-small", messages=said("capital of Norway")
        )
        owners = {model.owned_by for model in opened.models.list()}

    assert raw.headers["x-agentmesh-simulator"] == "1"
    assert raw.headers["x-agentmesh-rule"] == "Text"
    assert raw.headers["x-request-id"].startswith("req_sim_")
    assert raw.parse().system_fingerprint == "fp_simulator"
    assert owners == {"agentmesh-simulator"}


def test_a_template_is_filled_from_the_request(server: ModelServer) -> None:
    """Rules in files need answers that depend on the question."""
    assert ask(server, "Where is order 4711?") == "sim-small looks up 4711, not $unknown."


def test_a_refusal_is_not_content(server: ModelServer) -> None:
    """The SDK shows a refusal apart from the text."""
    with client(server) as opened:
        answer = opened.chat.completions.create(model="sim-small", messages=said("declined"))

    assert answer.choices[0].message.content is None
    assert answer.choices[0].message.refusal == "I'd rather not."


def test_without_a_rule_the_question_is_echoed(server: ModelServer) -> None:
    """A server without rules is of use at once."""
    assert ask(server, "Ping 123") == "Simulated answer to: Ping 123"


def test_a_stream_adds_up_to_the_same_answer(server: ModelServer) -> None:
    """Streaming changes how an answer is delivered, not the answer."""
    with client(server) as opened:
        chunks = list(
            opened.chat.completions.create(
                model="sim-small",
                messages=said("the capital of Norway"),
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        whole = opened.chat.completions.create(
            model="sim-small", messages=said("the capital of Norway")
        )

    assert joined(chunks) == content(whole)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len(chunks) == 8 + 3  # one for each token, the opening, the reason and the usage


def test_a_stream_has_no_usage_unless_it_is_asked_for(server: ModelServer) -> None:
    """As in the API: usage comes with `include_usage` only."""
    with client(server) as opened:
        chunks = list(
            opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        )

    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


def test_an_asynchronous_client_streams_too(server: ModelServer) -> None:
    """The same server serves clients of both kinds."""

    async def stream() -> str:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="any") as opened:
            chunks = await opened.chat.completions.create(
                model="sim-small", messages=said("capital of Norway"), stream=True
            )
            return joined([chunk async for chunk in chunks])

    assert asyncio.run(stream()) == "The capital of Norway is Oslo."


def test_several_choices_are_several_answers(server: ModelServer) -> None:
    """`n` asks for alternatives; usage counts them all."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-small", messages=said("capital of Norway"), n=3
        )

    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3 * 8


def test_an_answer_ends_at_the_limit_of_tokens(server: ModelServer) -> None:
    """A program must notice an answer that was cut off."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-small", messages=said("capital of Norway"), max_completion_tokens=2
        )

    assert content(answer) == "The capita"
    assert answer.choices[0].finish_reason == "length"


def test_an_answer_ends_before_a_stop_sequence(server: ModelServer) -> None:
    """The stop sequence itself is not part of the answer."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-small", messages=said("capital of Norway"), stop=["Oslo", " of"]
        )

    assert content(answer) == "The capital"


def test_structured_output_parses_into_the_model(server: ModelServer) -> None:
    """`parse()` sends a strict schema and gets a value that is valid under it."""
    with client(server) as opened:
        parsed = opened.chat.completions.parse(
            model="sim-small", messages=said("An order, please"), response_format=Order
        )

    order = parsed.choices[0].message.parsed
    assert isinstance(order, Order)


def test_a_scripted_value_is_sent_as_json(server: ModelServer) -> None:
    """With `json_object`, and without."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-small",
            messages=said("one item as JSON"),
            response_format={"type": "json_object"},
        )

    assert json.loads(content(answer)) == {"item": "lamp", "pieces": 2}


def test_json_mode_echoes_an_object(server: ModelServer) -> None:
    """Without a rule, `json_object` still gets an object."""
    with client(server) as opened:
        answer = opened.chat.completions.create(
            model="sim-small",
            messages=said("any json"),
            response_format={"type": "json_object"},
        )

    assert json.loads(content(answer))["simulated"] is True


def test_odd_strings_survive_the_way() -> None:
    """Models produce lone surrogates; JSON escapes carry them."""
    odd = "a\ud800b \u2028 \U0001f600"
    with ModelServer(rules=[Rule(answer=odd)]) as server, client(server) as opened:
        whole = opened.chat.completions.create(model="sim-small", messages=said("x"))
        chunks = list(
            opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        )

    assert content(whole) == odd
    assert joined(chunks) == odd


def test_a_function_answers_and_may_pass() -> None:
    """The whole request is at hand; None leaves it to the next rule."""
    rules = [
        Rule(answer=lambda request: request.last_user.upper() if request.tools else None),
        Rule(answer="no tools"),
    ]
    with ModelServer(rules=rules) as server, client(server) as opened:
        shouted = opened.chat.completions.create(
            model="sim-small", messages=said("hey"), tools=[CLOCK]
        )
        plain = opened.chat.completions.create(model="sim-small", messages=said("hey"))

    assert content(shouted) == "HEY"
    assert content(plain) == "no tools"


def test_a_function_that_raises_is_a_500_that_nobody_repeats() -> None:
    """The mistake is in the test's own rule: say so, and don't hide it behind retries."""

    def broken(_request: object) -> str:
        raise LookupError("no such page")

    with ModelServer(rules=[Rule(answer=broken)]) as server, client(server, retries=2) as opened:
        with pytest.raises(openai.InternalServerError, match="LookupError: no such page"):
            opened.chat.completions.create(model="sim-small", messages=said("x"))
        assert len(server.requests) == 1


def test_models_are_listed_and_described(server: ModelServer) -> None:
    """`models.list` and `models.retrieve`, and a 404 for what is not there."""
    with client(server) as opened:
        names = [model.id for model in opened.models.list()]
        assert opened.models.retrieve("sim-large").id == "sim-large"
        with pytest.raises(openai.NotFoundError, match="'gpt-real' does not exist"):
            opened.models.retrieve("gpt-real")

    assert names == ["sim-small", "sim-large", "sim-embedding"]


def test_unknown_models_answer_unless_they_are_to_be_refused() -> None:
    """A program written for a real model runs as it is; a strict test may want the 404."""
    strict = SimulatedModels(unknown_models="refuse")
    with ModelServer() as server:
        assert "hello" in ask(server, "hello", model="gpt-real")
    with ModelServer(strict) as server, pytest.raises(openai.NotFoundError) as caught:
        ask(server, "hello", model="gpt-real")

    assert caught.value.code == "model_not_found"


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    """As the API does it, so that programs can cut their prompts."""
    short = SimulatedModel(name="sim-small", context_tokens_max=20)
    with (
        ModelServer(SimulatedModels(models=(short,))) as server,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        ask(server, "word " * 50)

    assert caught.value.code == "context_length_exceeded"
