"""Branches that go on for real: in this process, and on Ray."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.mesh.recorded_run import RecordedRun
from tests.counterfactual import programs
from tests.counterfactual.test_forking import checked


@pytest.fixture(scope="module")
def chored(store: Path) -> Iterator[RecordedRun]:
    """A run of three nodes, each asked twice."""
    am.run(programs.chores, local=True, store=str(store), run_id="chored", quiet=True)
    with am.open_run("chored", store=str(store)) as run:
        yield run


def test_a_branch_can_go_on_in_this_process(chored: RecordedRun, store: Path) -> None:
    """What is behind the cut is its past; everything after is performed, and it replays."""
    programs.CALLS.clear()
    edit = am.edit.result(1, "chores/root@2")
    report = checked(am.fork(chored, edit=edit, on="local"), store)
    assert report.result == chored.info.result
    assert len(programs.CALLS) == 7
    assert report.kept == 2
    with am.open_run(report.run_id, store=str(store)) as branch:
        assert branch.info.parent == "chored"
        assert "Node/warm0" in branch.addresses()


def test_a_message_and_a_state_can_be_other_ones(chored: RecordedRun, store: Path) -> None:
    """Each at the event at which the branch begins."""
    value = {"kind": "and", "values": [1, 1]}
    report = checked(am.fork(chored, edit=am.edit.message(value, "Node/n1@1"), on="local"), store)
    assert report.result == [1, 1, 3, 4, 5, 6]
    edit = am.edit.state("Node/n1", {"worked": 10}, "Node/n1@2")
    report = checked(am.fork(chored, edit=edit, on="local"), store)
    with am.open_run(report.run_id, store=str(store)) as branch:
        last = branch.count_steps("Node/n1") - 1
        state = branch.at(("Node/n1", last)).agent().state
        assert state is not None
        assert state["worked"] == 11


def test_what_cannot_go_on_for_real_is_refused(
    chored: RecordedRun, sold: RecordedRun, store: Path
) -> None:
    """No branch is made then."""
    before = len(am.runs(store=str(store)))
    with pytest.raises(am.UsageError, match="can't be taken back"):
        am.fork(sold, at="Bidder/Ann@2", on="local")
    with pytest.raises(am.UsageError, match="is no place"):
        am.fork(chored, at=0, on="moon")
    with pytest.raises(am.UsageError, match="performs all effects"):
        am.fork(chored, at=0, on="local", policy="stop")
    with pytest.raises(am.UsageError, match="can't be changed in a branch that goes on"):
        am.fork(chored, edit=am.edit.drop("Node/n1@1"), on="local")
    with pytest.raises(am.UsageError, match="can't be changed in a branch that goes on"):
        am.fork(chored, at=0, edit=am.edit.result(1, "chores/root@2"), on="local")
    assert len(am.runs(store=str(store))) == before


def test_a_branch_can_go_on_on_ray(chored: RecordedRun, store: Path) -> None:
    """Agents are made of their events on the hosts that Ray gives them."""
    edit = am.edit.result(1, "chores/root@2")
    report = checked(am.fork(chored, at=None, edit=edit, on="ray"), store)
    assert report.result == chored.info.result
    assert report.cone["Node/warm0"] == 3
    with am.open_run(report.run_id, store=str(store)) as branch:
        assert (branch.info.driver, branch.info.status) == ("ray", "done")


def test_a_branch_that_asks_models_for_real_needs_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes it is told before anything is made."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-1234567890abcdef")
    elsewhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "some"}
    with pytest.raises(am.AgentMeshError):
        am.run(
            programs.questions,
            local=True,
            store=str(tmp_path),
            run_id="asking",
            settings=elsewhere,
            quiet=True,
            deadline="100ms",
        )
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(am.UsageError, match="OPENAI_API_KEY is not set"):
        am.fork("asking", at=0, on="ray", store=str(tmp_path))
    assert [info.id for info in am.runs(store=str(tmp_path))] == ["asking"]
