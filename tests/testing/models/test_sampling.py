"""Seeded answers follow from seed and request, never from order; others vary."""

import random
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from agentmesh.testing.models import (
    Latency,
    LogNormal,
    ModelServer,
    Rule,
    Sampled,
    ServerError,
    ToolCalls,
)
from agentmesh.testing.models.config import SimulatedModels
from agentmesh.testing.models.engine import Simulator
from agentmesh.testing.models.parsing import parse_chat
from agentmesh.testing.models.sampling import request_digest
from tests.testing.models.helpers import WEATHER, client, content, said

COIN = Rule(answer=Sampled(*(f"answer {number}" for number in range(50))))

QUESTIONS = [f"question {number % 12}" for number in range(36)]  # each is asked three times


def answers(server: ModelServer, questions: list[str], workers: int) -> dict[str, list[str]]:
    """Ask all questions, several at a time; return each question's answers, sorted."""
    with client(server) as opened, ThreadPoolExecutor(workers) as pool:

        def ask(question: str) -> tuple[str, str]:
            answer = opened.chat.completions.create(model="sim-small", messages=said(question))
            return question, content(answer)

        told: dict[str, list[str]] = {}
        for question, text in pool.map(ask, questions):
            told.setdefault(question, []).append(text)
    return {question: sorted(texts) for question, texts in sorted(told.items())}


def test_a_seed_repeats_every_answer_in_any_order() -> None:
    """Three servers with one seed; the questions come in order, shuffled, and eight at a time."""
    shuffled = random.Random(5).sample(QUESTIONS, len(QUESTIONS))
    runs = []
    for questions, workers in ((QUESTIONS, 1), (shuffled, 1), (shuffled, 8)):
        with ModelServer(rules=[COIN], seed=7) as server:
            runs.append(answers(server, questions, workers))

    assert runs[0] == runs[1] == runs[2]
    assert any(len(set(texts)) > 1 for texts in runs[0].values())  # occurrences do differ


def test_another_seed_gives_other_answers() -> None:
    """Otherwise the seed would not be one."""
    runs = []
    for seed in (7, 8):
        with ModelServer(rules=[COIN], seed=seed) as server:
            runs.append(answers(server, QUESTIONS, 1))

    assert runs[0] != runs[1]


def test_with_a_seed_whole_responses_repeat_byte_for_byte() -> None:
    """Ids and dates included: two runs can be compared by their digests."""
    bodies = []
    for _ in range(2):
        with ModelServer(seed=3) as server, client(server) as opened:
            raw = opened.chat.completions.with_raw_response.create(
                model="sim-small", messages=said("x"), tools=[WEATHER]
            )
            bodies.append(raw.content)

    assert bodies[0] == bodies[1]


def test_without_a_seed_answers_vary() -> None:
    """As with a real model: fifty answers, forty questions; all alike is as good as impossible."""
    with ModelServer(rules=[COIN]) as server, client(server) as opened:
        told = [
            opened.chat.completions.create(model="sim-small", messages=said("x")) for _ in range(40)
        ]

    assert len({content(answer) for answer in told}) > 5
    assert len({answer.id for answer in told}) == 40


def test_temperature_zero_takes_the_heaviest_answer() -> None:
    """Greedy decoding: with or without a seed, every time."""
    rule = Rule(answer=Sampled((1, "rare"), (3, "common"), (3, "as common")))
    for seed in (None, 7):
        with ModelServer(rules=[rule], seed=seed) as server, client(server) as opened:
            told = {
                content(
                    opened.chat.completions.create(
                        model="sim-small", messages=said(f"{number % 8}"), temperature=0
                    )
                )
                for number in range(16)
            }

        assert told == {"common"}


def test_a_request_with_a_seed_of_its_own_gets_the_same_answer() -> None:
    """As the API promises; another seed may get another answer."""
    with ModelServer(rules=[COIN]) as server, client(server) as opened:

        def told(seed: int) -> ChatCompletion:
            return opened.chat.completions.create(model="sim-small", messages=said("x"), seed=seed)

        assert content(told(1)) == content(told(1))
        assert len({content(told(seed)) for seed in range(20)}) > 3
        assert told(1).id != told(1).id  # two responses are still two responses


def test_functions_draw_from_the_seed_too() -> None:
    """`request.random` is seeded exactly as the simulator's own choices are."""
    rule = Rule(answer=lambda request: str(request.random.random()))
    runs = []
    for _ in range(2):
        with ModelServer(rules=[rule], seed=7) as server:
            runs.append(answers(server, QUESTIONS, 4))

    assert runs[0] == runs[1]


def test_faults_and_latency_follow_the_seed() -> None:
    """A run with failures can be repeated, failures included."""
    config = SimulatedModels(
        rules=(Rule(answer=ServerError(), probability=0.5),),
        latency=Latency(first_token=LogNormal(median_seconds=1)),
        seed=11,
    )

    def decided() -> list[tuple[bool, float]]:
        simulator = Simulator(config)
        told = []
        for number in range(30):
            request = parse_chat({"model": "sim-small", "messages": said(str(number))})
            draws = simulator.admit(request)
            decision = simulator.decide(request, draws)
            seconds = config.latency.first_token.draw(draws.network("first token"))
            told.append((decision.failure is not None, seconds))
        return told

    assert decided() == decided()
    assert {failed for failed, _ in decided()} == {True, False}


def test_how_an_answer_is_delivered_does_not_change_it() -> None:
    """Streaming, billing and filing are not part of the question."""
    asked = {"model": "sim-small", "messages": said("x")}
    delivered = {**asked, "stream": True, "user": "u1", "metadata": {"trace": "1"}}

    assert request_digest("/chat", asked) == request_digest("/chat", delivered)
    assert request_digest("/chat", asked) != request_digest("/chat", {**asked, "seed": 1})


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True))
def test_ids_of_tool_calls_are_not_part_of_the_question(ids: list[str]) -> None:
    """Clients that make up ids of their own still repeat; which call is answered counts."""

    def conversation(first: str, second: str, answered: str) -> dict[str, object]:
        calls = [
            {"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for each in (first, second)
        ]
        return {
            "messages": [
                {"role": "assistant", "tool_calls": calls},
                {"role": "tool", "tool_call_id": answered, "content": "x"},
            ]
        }

    one, other = ids[0], ids[1]
    plain = request_digest("", conversation("call_a", "call_b", "call_a"))
    assert request_digest("", conversation(one, other, one)) == plain
    assert request_digest("", conversation(one, other, other)) != plain


def test_drawn_tool_calls_have_ids_of_their_own() -> None:
    """Two calls in one answer, and the same question asked twice."""
    with (
        ModelServer(rules=[Rule(answer=ToolCalls("weather", "weather"))], seed=7) as server,
        client(server) as opened,
    ):
        made = [
            call.id
            for _ in range(2)
            for call in opened.chat.completions.create(
                model="sim-small", messages=said("x"), tools=[WEATHER]
            )
            .choices[0]
            .message.tool_calls
            or []
        ]

    assert len(set(made)) == 4
