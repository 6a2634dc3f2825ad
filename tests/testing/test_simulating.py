"""A world kept as a run, and models that are scripted in a world."""

import pytest

import agentmesh as am
import agentmesh.testing as amt
from agentmesh.testing.models import Rule
from tests.simulation.programs import lost_update


class Question(am.Message):
    text: str = ""


@am.workflow(deadline="1m")
async def ask_a_model(question: Question) -> str:
    return await am.llm(question.text)


@am.workflow(deadline="1m")
async def stream_from_a_model(question: Question) -> str:
    client = am.openai()
    stream = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": question.text}], stream=True
    )
    return "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])


SETTINGS = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"}
MODELS = amt.ScriptedModels([Rule(contains="refund", answer="Of course, at once.")])


def test_a_world_that_is_kept_replays_and_audits(tmp_path) -> None:
    """A random schedule with faults, in a store; afterwards it is a run like any other."""
    store = str(tmp_path)
    outcome = amt.simulate(lost_update, scheduler=amt.Random(), seed=3, store=store, run_id="w")

    assert outcome.value in (110, 120)
    assert am.replay_run("w", store=store).identical
    assert not am.audit_run("w", store=store).findings


def test_effects_of_one_run_answer_the_next_world(tmp_path) -> None:
    """Recorded effects by their keys; drawn effects by kind and name."""
    store = str(tmp_path)
    question = Question(text="a refund")
    said = amt.simulate(
        ask_a_model, question, effects=MODELS, settings=SETTINGS, store=store, run_id="m"
    )
    with am.open_run("m", store=store) as run:
        steps = [(where, list(run.steps(where))) for where in run.addresses()]
    for source in (amt.RecordedEffects(steps), amt.Fitted(steps)):
        with amt.World(ask_a_model, question, effects=source, settings=SETTINGS) as world:
            assert world.run().value() == said.value == "Of course, at once."


def test_a_scripted_model_streams() -> None:
    """Head, pieces, end: as the SDK gets it from a server."""
    question = Question(text="refund")
    with amt.World(stream_from_a_model, question, effects=MODELS, settings=SETTINGS) as world:
        assert world.run().value() == "Of course, at once."


@pytest.mark.parametrize("fault", ["429", "truncate", "fail"])
def test_a_failing_model_is_met_by_the_sdks_own_retries(fault: str) -> None:
    """One refusal or broken connection: the SDK asks again."""
    key = "ask_a_model/root!1.1"
    with amt.World(
        ask_a_model,
        Question(text="refund"),
        effects=MODELS,
        settings=SETTINGS,
        faults=amt.Planned({key: fault}),
    ) as world:
        assert world.run().value() == "Of course, at once."
        assert world.struck == {key: fault}
