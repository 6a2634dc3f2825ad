"""Experiments about a recorded run: branches in which chance is drawn anew."""

import json
import random
import zlib
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.mesh.simulating import simulate
from tests.mesh import tellers

FIRST = "Juror/a@2"
"""Where the first juror's opinion came."""
NO = am.edit.result(value=False, event=FIRST)
YES = am.edit.result(value=True, event=FIRST)


def opinions(seed: str):
    """Return what jurors are told in one sample: yes, three times in four."""
    chance = random.Random(zlib.crc32(seed.encode()))
    return {"opinion": lambda purse: chance.random() < 0.75}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run in which every juror said no, and one in which all said yes."""
    path = tmp_path_factory.mktemp("store")
    simulate(tellers.jury, effects={"opinion": False}, store=str(path), run_id="no")
    simulate(tellers.jury, effects={"opinion": True}, store=str(path), run_id="yes")
    return path


def compared(store: Path, edit: am.edit.Edit, **options) -> am.ExperimentReport:
    """Hold an edit against the run as it was."""
    arms = {"as it was": am.arm(), "changed": am.arm(edit=edit)}
    said = {"again": "all", "processes": 1, "store": str(store), **options}
    return am.experiment("no", arms, lambda sample: sample.result >= 2, **said)


def test_the_baseline_is_drawn_anew_like_every_arm(store: Path) -> None:
    """The recorded run said no three times: it is one sample, and no baseline."""
    report = compared(store, NO, effects=opinions, samples=60)

    assert report.how == "branch"
    assert report.run == "no"
    assert report.arm("as it was").mean > 0.6
    found = report.arm("changed").comparison
    assert found is not None
    assert found.wins == 0
    assert report.verdicts == {"changed": "worse"}


def test_what_was_found_lies_beside_the_run(store: Path) -> None:
    """For the viewer."""
    report = compared(store, NO, effects=opinions, samples=2, name="kept")

    assert report.path is not None
    kept = json.loads(Path(report.path).read_text())
    assert Path(report.path).parent == store / "no" / "findings"
    assert (kept["kind"], kept["version"], kept["run"]) == ("experiment", 1, "no")
    assert [arm["name"] for arm in kept["arms"]] == ["as it was", "changed", "control"]


def test_nothing_asked_anew_leaves_the_run_as_it_was(store: Path) -> None:
    """Then the baseline has no chance, and an arm only what its edit brings about."""
    arms = {"as it was": am.arm(), "first says yes": am.arm(edit=YES)}
    report = am.experiment(
        "no",
        arms,
        lambda sample: sample.state("Juror/a")["said"],
        again="",
        known=["yes"],
        effects={"opinion": True},
        samples=8,
        processes=1,
        store=str(store),
    )
    assert report.arm("as it was").mean == 0
    assert report.arm("first says yes").mean == 1
    assert report.noise == 0


def test_answers_are_drawn_from_further_runs(store: Path) -> None:
    """Of the answers to the same request; of this run alone it would always be no."""
    alone = compared(store, NO, samples=3)
    both = compared(store, NO, samples=12, known=["yes"], futility=False)

    assert alone.arm("as it was").mean == 0
    assert 0 < both.arm("as it was").mean < 1


def test_processes_open_the_run_for_themselves(store: Path) -> None:
    """And come to the same."""
    one, two = (
        compared(store, NO, effects=opinions, samples=6, processes=count) for count in (1, 2)
    )
    assert one.series == two.series


def test_an_answer_that_is_missing_ends_the_experiment(store: Path) -> None:
    """It says what is missing, and that a sample can't just be left out."""
    with pytest.raises(am.UsageError, match="answer is missing: Juror/a asks for tool opinion"):
        am.experiment(
            "no",
            {"a": am.arm(), "b": am.arm(edit=am.edit.message({"value": 7}, "Juror/a@1"))},
            again="",
            processes=1,
            store=str(store),
            policy="live",
            effects=lambda _seed: {},
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"how": "world"}, "of a run branches are made"),
        ({"settings": {"X": "1"}}, "says settings"),
        ({"again": "tools"}, "again='tools'"),
        ({"policy": "stop"}, "policy='stop'"),
        ({"arms": {"a": am.arm(), "b": am.arm(workflow=tellers.jury)}}, "b says workflow"),
        ({"arms": {"a": am.arm(), "b": am.arm(edit=am.edit.model("m"))}}, "asks models for some"),
        ({"of": "nothing"}, "There is no run 'nothing'"),
        ({"of": 7}, "neither a workflow nor a run"),
        ({"of": tellers.jury}, "are of branches of a run"),
        ({"arms": {"a": am.arm(), "b": am.arm(edit=am.edit.drop("Juror/a@99"))}}, "has 3 event"),
    ],
)
def test_what_does_not_go_together_is_refused(store: Path, options, said: str) -> None:
    """With the name of what is wrong."""
    given = {
        "of": "no",
        "arms": {"a": am.arm(), "b": am.arm(edit=am.edit.drop(FIRST))},
        "processes": 1,
        "store": str(store),
        **options,
    }
    with pytest.raises(am.AgentMeshError, match=r"\.") as caught:
        am.experiment(**given)
    assert said in str(caught.value)
