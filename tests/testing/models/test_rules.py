"""Which rule applies to which request."""

from typing import Any

import pytest
from pydantic import BaseModel

from agentmesh.errors import UsageError
from agentmesh.testing.models import (
    Computed,
    Json,
    Latency,
    RateLimited,
    Rule,
    Sampled,
    Script,
    SimulatedModel,
    SimulatedModels,
    Text,
    ToolCall,
    ToolCalls,
    Uniform,
)
from agentmesh.testing.models.chat_request import Request
from agentmesh.testing.models.engine import Decision, Simulator
from agentmesh.testing.models.parsing import parse_chat, parse_embeddings

# What a checker of types would have refused, in a program that has none.
WRONG: Any = 3
CLASS: Any = Text

SLOW = Latency(first_token=Uniform(low_seconds=1, high_seconds=2))

TALK = parse_chat(
    {
        "model": "sim-large",
        "messages": [
            {"role": "system", "content": "You sell lamps."},
            {"role": "user", "content": "first question"},
            {"role": "assistant", "content": "an answer"},
            {"role": "user", "content": "a refund for order 12"},
        ],
        "tools": [{"type": "function", "function": {"name": "look_up"}}],
    }
)

VECTORS = parse_embeddings({"model": "sim-embedding", "input": ["some text", "more"]})


class Size(BaseModel):
    width: int


def asked(text: str) -> Request:
    """Return a request with one user message."""
    return parse_chat({"model": "sim-small", "messages": [{"role": "user", "content": text}]})


def decide(simulator: Simulator, request: Request) -> Decision:
    """Let a request arrive and be decided on."""
    return simulator.decide(request, simulator.admit(request))


def text_of(decision: Decision) -> str | None:
    """Return what the model says."""
    return decision.completions[0].text


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(answer="x"), True),
        (Rule(answer="x", model="sim-large"), True),
        (Rule(answer="x", model="sim-*"), True),
        (Rule(answer="x", model="sim-small"), False),
        (Rule(answer="x", contains="refund"), True),
        (Rule(answer="x", contains="Refund"), False),
        (Rule(answer="x", contains="first question"), False),
        (Rule(answer="x", contains="first question", within="conversation"), True),
        (Rule(answer="x", contains="lamps", within="system"), True),
        (Rule(answer="x", contains="refund", within="last_message"), True),
        (Rule(answer="x", pattern=r"order \d+$"), True),
        (Rule(answer="x", pattern=r"^order"), False),
        (Rule(answer="x", tool="look_*"), True),
        (Rule(answer="x", tool="other"), False),
        (Rule(answer="x", where=lambda request: request.model == "sim-large"), True),
        (Rule(answer="x", where=lambda request: len(request.body) > 9), False),
        (Rule(answer="x", contains="refund", model="sim-small"), False),
        (Rule(answer="x", endpoint="embeddings"), False),
        (Rule(answer=RateLimited()), True),
    ],
)
def test_every_condition_that_is_set_must_hold(rule: Rule, *, matches: bool) -> None:
    """One conversation, many rules."""
    assert rule.matches(TALK) is matches


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(answer="x"), False),
        (Rule(answer=RateLimited()), True),
        (Rule(latency=SLOW), True),
        (Rule(answer=RateLimited(), endpoint="chat"), False),
        (Rule(answer=RateLimited(), contains="more"), True),
        (Rule(answer=RateLimited(), tool="look_up"), False),
    ],
)
def test_only_faults_and_latency_reach_embeddings_by_themselves(
    rule: Rule, *, matches: bool
) -> None:
    """A text is no answer to a request for vectors."""
    assert rule.matches(VECTORS) is matches


def test_the_first_rule_with_something_to_say_decides() -> None:
    """And the decision remembers which one it was."""
    rules = (
        Rule(name="none", contains="nowhere", answer="no"),
        Rule(name="passes", answer=lambda _: None),
        Rule(name="second", answer="yes"),
        Rule(name="third", answer="too late"),
    )
    decision = decide(Simulator(SimulatedModels(rules=rules)), TALK)

    assert text_of(decision) == "yes"
    assert decision.rules == ("second",)


def test_rules_count_the_requests_they_match() -> None:
    """`nth` counts over the server, `occurrence` counts each request by itself."""
    rules = (
        Rule(contains="a", nth=2, answer="second a"),
        Rule(occurrence=(2, 3), answer="again"),
        Rule(answer="plain"),
    )
    simulator = Simulator(SimulatedModels(rules=rules))
    told = [text_of(decide(simulator, asked(text))) for text in ("a1", "b", "a2", "b", "b", "a1")]

    assert told == ["plain", "plain", "second a", "again", "again", "again"]


def test_a_rule_may_only_slow_down_what_others_answer() -> None:
    """The first latency counts: the rule's, else the model's, else the server's."""
    quick, slow = Latency(), SLOW
    slower = Latency(first_token=Uniform(low_seconds=3, high_seconds=4))
    config = SimulatedModels(
        rules=(Rule(contains="slow", latency=slow), Rule(answer="x")),
        models=(SimulatedModel(name="sim-large", latency=slower),),
        latency=quick,
    )
    simulator = Simulator(config)

    assert decide(simulator, asked("slow, please")).latency == slow
    assert decide(simulator, TALK).latency == slower
    assert decide(simulator, asked("hello")).latency == quick


def test_a_failure_comes_at_once_unless_its_rule_says_otherwise() -> None:
    """A gateway refuses without asking the model."""
    failing = SimulatedModels(rules=(Rule(answer=RateLimited()),), latency=SLOW)
    late = SimulatedModels(rules=(Rule(answer=RateLimited(), latency=SLOW),))

    assert decide(Simulator(failing), TALK).latency == Latency()
    assert decide(Simulator(late), TALK).latency == SLOW


def test_short_forms_of_answers_become_long_ones() -> None:
    """Strings, mappings, lists and functions are answers."""

    def function(_request: object) -> None:
        return None

    assert Rule(answer="x").verdict == Text("x")
    assert Rule(answer={"a": 1}).verdict == Json({"a": 1})
    assert Rule(answer=[1]).verdict == Json([1])
    assert Rule(answer=(1, 2)).verdict == Json([1, 2])
    assert Rule(answer=Size(width=3)).verdict == Json({"width": 3})
    assert Rule(answer=function).verdict == Computed(function)
    assert Sampled("x", (2, "y")).alternatives == ((1.0, Text("x")), (2.0, Text("y")))
    assert Rule(answer="x").runs_user_code is False
    assert Rule(answer=Script("x", Sampled("y", function))).runs_user_code is True


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Rule, "neither an answer nor a latency"),
        (lambda: Rule(answer=WRONG), "3 is no answer"),
        (lambda: Rule(answer=CLASS), "A class was given instead of an instance"),
        (lambda: Rule(name="r", answer="x", pattern="("), "rule r has the pattern '\\('"),
        (lambda: Rule(answer="x", probability=1.5), "probability 1.5"),
        (lambda: Rule(answer="x", nth=0), "nth=0"),
        (lambda: Rule(answer="x", occurrence=()), "occurrence="),
        (lambda: Rule(answer="x", within=WRONG), "within=3"),
        (lambda: Rule(answer="x", endpoint=WRONG), "endpoint=3"),
        (Sampled, "no weight above 0"),
        (lambda: Sampled((0, "x")), "no weight above 0"),
        (lambda: Sampled((2, "x"), (-1, "y")), "A weight is below 0"),
        (lambda: Rule(answer={"a": {1}}), "Json holds what can't be written as JSON"),
        (lambda: ToolCall("f", {"a": b""}), "ToolCall f holds what can't be"),
        (Script, "no steps"),
        (ToolCalls, "no call in it"),
        (lambda: SimulatedModels(rules=(WRONG,)), "3 stands among the rules"),
        (lambda: SimulatedModels(unknown_models=WRONG), "unknown_models=3"),
        (
            lambda: SimulatedModels(models=(SimulatedModel(name="a"), SimulatedModel(name="a"))),
            "Two models are named 'a'",
        ),
        (lambda: SimulatedModel(name=""), "Give it a name"),
    ],
)
def test_what_can_never_work_is_refused_where_it_is_written(make: object, message: str) -> None:
    """Not when a request first meets it."""
    assert callable(make)
    with pytest.raises(UsageError, match=message):
        make()
