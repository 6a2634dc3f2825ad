"""Branches in which models are asked for something else, by a real client and a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.effects import settings
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.simulation.sources import Asked
from agentmesh.testing.models import ModelServer, Rule
from tests.counterfactual import programs

RULES = [
    Rule(contains="one, brief", answer="first"),
    Rule(contains="two, brief", answer="second"),
    Rule(contains="two, at length", answer="second and more"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A model server that knows a few questions."""
    with ModelServer(rules=RULES, seed=1) as running:
        yield running


@pytest.fixture(scope="module")
def asked(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedRun]:
    """A run that asked twice."""
    store = str(tmp_path_factory.mktemp("asked"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-test-1234567890abcdef")
        am.run(
            programs.questions,
            local=True,
            store=store,
            run_id="asked",
            settings=settings.simulated(server.base_url),
            quiet=True,
        )
        with am.open_run("asked", store=store) as run:
            yield run


def test_only_calls_whose_prompt_changed_are_made(asked: RecordedRun, server: ModelServer) -> None:
    """The other one is answered from the record, and its tokens are saved."""
    before = len(server.requests)
    edit = am.edit.prompt("two, brief", "two, at length")
    report = am.fork(asked, at=0, edit=edit, policy="live")
    assert report.result == ["first", "second and more"]
    bodies = [dict(each.body or {}) for each in list(server.requests)[before:]]
    assert [body["messages"] for body in bodies] == [
        [{"role": "user", "content": "two, at length"}]
    ]
    assert len(report.effects_issued) == report.effects_reused == 1
    assert report.tokens_saved
    assert report.tokens_spent
    assert am.replay_run(report.run_id, store=str(Path(asked.path).parent)).identical


def test_another_model_is_asked_from_where_the_branch_begins(
    asked: RecordedRun, server: ModelServer
) -> None:
    """What came before is as it was."""
    before = len(server.requests)
    edit = am.edit.model("sim-large", agents="Writer", temperature=0.5)
    report = am.fork(asked, at="Writer/main@2", edit=edit, policy="live")
    bodies = [dict(each.body or {}) for each in list(server.requests)[before:]]
    assert [(body["model"], body["temperature"]) for body in bodies] == [("sim-large", 0.5)]
    assert report.result == asked.info.result


def test_an_answer_can_be_drawn_from_the_parents(asked: RecordedRun, server: ModelServer) -> None:
    """No model is asked then."""
    before = len(server.requests)
    edit = am.edit.prompt("two, brief", "two, at length")
    report = am.fork(asked, at=0, edit=edit, policy="resample")
    assert report.result[1] in asked.info.result
    assert len(server.requests) == before


def test_a_function_sees_what_is_asked_instead(asked: RecordedRun) -> None:
    """What it raises is the call's failure."""
    seen: list[str] = []

    def answer(effect: Asked) -> object:
        seen.append(effect.request["json"]["model"])
        raise ConnectionError("no network")

    report = am.fork(asked, at=0, edit=am.edit.model("other"), answers=answer)
    assert seen == ["other"]
    assert report.status == "failed"


def test_when_models_change_must_be_said(asked: RecordedRun) -> None:
    """There is no event that such an edit is about."""
    with pytest.raises(am.UsageError, match="nothing says from when on"):
        am.fork(asked, edit=am.edit.model("other"))


def test_a_live_branch_without_its_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider is never reached, and whoever makes the branch is told, not the program."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    elsewhere = settings.simulated("https://models.invalid/v1")
    with pytest.raises(am.AgentMeshError):
        am.run(
            programs.questions,
            local=True,
            store=str(tmp_path),
            run_id="keyless",
            settings=elsewhere,
            quiet=True,
        )
    edit = am.edit.prompt("one", "two")
    with pytest.raises(am.UsageError, match="needs OPENAI_API_KEY"):
        am.fork("keyless", at=0, edit=edit, policy="live", store=str(tmp_path))
