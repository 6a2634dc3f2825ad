"""Experiments: what arms change, how soon that is known, and what is refused."""

import json
import math
import os
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.scripted_models import ScriptedModels
from tests.mesh import tellers

TWO = {"writing": am.arm(), "adding": am.arm(workflow=tellers.adding)}


def both(sample: am.Sample) -> bool:
    """Tell whether no money was lost."""
    return bool(sample.result == 2)


def tried(tmp_path: Path, of=tellers.writing, arms=None, score=both, **options):
    """Run an experiment in worlds, on this process alone unless it says otherwise."""
    said = {"how": "world", "processes": 1, "store": str(tmp_path), **options}
    return am.experiment(of, arms or TWO, score, **said)


def test_a_fix_is_shown_to_be_better(tmp_path: Path) -> None:
    """The control shows how much of the scores is chance; the arm that is decided stops."""
    report = tried(tmp_path)

    found = report.arm("adding").comparison
    assert report.verdicts == {"adding": "better"}
    assert report.decided
    assert found.low > 0
    assert found.wins == 7
    assert found.losses == 0
    assert report.samples == found.decided_at < 60
    assert report.selected == ["adding"]
    assert 0 < report.noise < 1
    assert report.arm("writing").dominated_by == "adding"
    assert report.arm("control").comparison.low < 0 < report.arm("control").comparison.high


def test_it_goes_on_if_it_is_to_find_out_how_much(tmp_path: Path) -> None:
    """The verdict is the same, at the same pair; the interval gets narrower."""
    soon = tried(tmp_path)
    late = tried(tmp_path, stop=False, samples=50)

    first, last = (each.arm("adding").comparison for each in (soon, late))
    assert (last.verdict, last.decided_at) == (first.verdict, first.decided_at)
    assert last.pairs == 50
    assert last.high - last.low < first.high - first.low


def test_processes_change_nothing(tmp_path: Path) -> None:
    """Numbers are looked at in order, whoever made them first."""
    one, two = (tried(tmp_path, processes=count).as_json() for count in (1, 2))
    for each in (one, two):
        del each["seconds"], each["processes"]
    assert one == two


def test_it_is_written_into_the_store(tmp_path: Path) -> None:
    """For whoever shows it later; asked again, it is replaced."""
    report = tried(tmp_path)
    assert tried(tmp_path).path == report.path

    kept = json.loads(Path(report.path).read_text())
    assert (kept["kind"], kept["version"], kept["workflow"]) == ("experiment", 1, "writing")
    assert kept["arms"][1]["comparison"]["verdict"] == "better"
    assert kept["series"][-1].keys() == {"arm", "n", "difference", "low", "high"}
    assert [info.id for info in am.runs(store=str(tmp_path))] == []


def test_any_sample_can_be_made_again_as_a_run(tmp_path: Path) -> None:
    """The first that lost money does so again, and replays."""
    plan = am.Experiment(of=tellers.writing, arms=TWO, score=both, how="world", store=str(tmp_path))
    worst = plan.run().arm("writing").worst
    assert worst is not None
    run_id = plan.keep_sample("writing", worst)

    with am.open_run(run_id, store=str(tmp_path)) as run:
        assert run.info.result == 1
        assert am.replay_run(run_id, store=str(tmp_path)).divergences == []


def test_arms_that_only_look_different_are_equivalent(tmp_path: Path) -> None:
    """Within a margin; and it is said that they came to just the same."""
    arms = {"one": am.arm(), "other": am.arm(settings={"COLOUR": "blue"})}
    report = tried(tmp_path, arms=arms, margin=0.2)

    found = report.arm("other").comparison
    assert found.verdict == "equivalent"
    assert found.same == found.pairs
    assert -0.2 < found.low <= 0 <= found.high < 0.2


def test_what_can_not_be_decided_stops_early(tmp_path: Path) -> None:
    """Without a margin, nothing shows that arms are the same: futility saves the samples."""
    arms = {"one": am.arm(), "other": am.arm(settings={"COLOUR": "blue"})}
    report = tried(tmp_path, arms=arms, samples=60)

    assert report.verdicts == {"other": "futile"}
    assert report.samples == 20
    assert not report.decided


def test_shared_chance_takes_fewer_samples(tmp_path: Path) -> None:
    """Who counts for longer loses whatever who counts briefly does: four seeds together."""
    arms = {
        "slow": am.arm(message=tellers.Counting(seconds=1.4)),
        "quick": am.arm(message=tellers.Counting(seconds=0.7)),
    }
    options = {"control": False, "samples": 400}
    counts = {
        paired: sum(
            tried(tmp_path, tellers.hurrying, arms, paired=paired, seed=seed, **options).samples
            for seed in range(4)
        )
        for paired in (True, False)
    }
    assert counts[True] <= 0.6 * counts[False]


def test_runs_that_fail_score_the_least_and_say_why(tmp_path: Path) -> None:
    """Their score is not asked for what they do not have."""
    arms = {
        "whole": am.arm(message=tellers.Purse(value=0)),
        "torn": am.arm(message=tellers.Purse(value=9)),
    }
    report = tried(
        tmp_path, tellers.breaking, arms, lambda s: s.result + 1, bounds=(0, 10), control=False
    )

    torn = report.arm("torn")
    assert torn.failed > 0
    assert "the purse has a hole" in torn.error
    assert not report.binary
    assert report.arm("whole").mean == pytest.approx(1)


def test_scores_may_look_at_agents_and_lie_between_any_bounds(tmp_path: Path) -> None:
    """Differences and intervals are in the score's own units."""
    report = tried(
        tmp_path,
        score=lambda sample: 50 * sample.state("account")["balance"],
        bounds=(0, 200),
        margin=5,
    )
    found = report.arm("adding").comparison
    assert found.verdict == "better"
    assert 0 < found.difference <= 50
    assert report.arm("adding").mean == 100


def test_what_models_cost_counts_in_worlds(tmp_path: Path) -> None:
    """A dearer model that answers no better is dominated; that it costs more is shown."""
    arms = {
        "small": am.arm(message=tellers.Purse(model="sim-small")),
        "large": am.arm(message=tellers.Purse(model="sim-large")),
    }
    effects = ScriptedModels()
    report = tried(
        tmp_path, tellers.asking, arms, None, how="", effects=effects, margin=0.3, samples=60
    )

    large = report.arm("large")
    assert report.how == "world"
    assert large.comparison.verdict == "equivalent"
    assert large.comparison.cheaper == 1
    assert large.dominated_by == "small"
    assert large.calls == 1
    assert large.usd > report.arm("small").usd > 0


def test_dollars_are_a_budget(tmp_path: Path) -> None:
    """It stops after the sample that has used it up."""
    arms = {"a": am.arm(), "b": am.arm(settings={"X": "1"})}
    report = tried(
        tmp_path,
        tellers.asking,
        arms,
        None,
        message=tellers.Purse(model="sim-large"),
        effects=ScriptedModels(),
        usd=1e-6,
    )
    assert report.samples == 1
    assert "budget of $1e-06" in report.stopped


def test_live_samples_are_recorded_runs(tmp_path: Path) -> None:
    """Each with a model server of its own, whose chance arms share."""
    served: list[int] = []

    def serving(seed: int) -> ModelServer:
        served.append(seed)
        return ModelServer(seed=seed)

    arms = {
        "plain": am.arm(message=tellers.Purse(value=1)),
        "more": am.arm(message=tellers.Purse(value=2)),
    }
    report = am.experiment(
        tellers.asking,
        arms,
        serving=serving,
        samples=2,
        control=False,
        processes=1,
        store=str(tmp_path),
    )

    assert report.how == "live"
    assert served[0] == served[1] != served[2] == served[3]
    assert len(list(am.runs(store=str(tmp_path)))) == 4
    with am.open_run(report.arm("more").runs[0], store=str(tmp_path)) as run:
        assert run.info.input == {"value": 2, "model": ""}
        assert run.cost().usd == pytest.approx(report.arm("more").usd, rel=0.5)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda sample: sample.result["money"], "TypeError for sample 0 of arm 'writing'"),
        (lambda _: math.nan, "is nan, which does not lie between 0 and 1"),
        (lambda _: 1.5, "is 1.5, which does not lie between 0 and 1"),
        (lambda _: "good", "is 'good', which does not lie"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_score_that_is_none_is_refused(tmp_path: Path, score, said: str, processes: int) -> None:
    """It names the sample; whichever process made it."""
    with pytest.raises(am.UsageError, match="The score") as caught:
        tried(tmp_path, score=score, processes=processes)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arms": {"a": am.arm(), "b": None}}, "the arms 'a' and 'b' are the same"),
        ({"arms": {"a": am.arm()}, "control": False}, "there is one"),
        ({"arms": {"a": am.arm(), "control": am.arm(settings={"X": "1"})}}, "called 'control'"),
        ({"arms": {"a": am.arm(), "b": 3}}, "the arm 'b' is 3"),
        ({"samples": 0}, "samples=0: nothing could be run"),
        ({"usd": 0}, "usd=0: nothing could be run"),
        ({"seconds": -1}, "seconds=-1: nothing could be run"),
        ({"samples": 2.5}, "samples=2.5"),
        ({"alpha": 1}, "alpha=1 is no probability"),
        ({"margin": 2}, "scores differ by at most 1"),
        ({"bounds": (1, 0)}, "can't lie between 1 and 0"),
        ({"how": "dream"}, "how='dream'"),
        ({"how": "live", "effects": {"pay": 1}}, "are of worlds"),
        ({"processes": -1}, "-1 processes"),
        ({"message": tellers.Purse()}, "takes no message"),
    ],
)
def test_what_can_not_be_an_experiment_is_refused(tmp_path: Path, options, said: str) -> None:
    """Before anything has run."""
    with pytest.raises(am.AgentMeshError, match=r"\.") as caught:
        tried(tmp_path, **options)
    assert said.lower() in str(caught.value).lower()


def test_a_live_arm_without_a_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not scored as a failure: no number of samples would mend it."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    arms = {"a": am.arm(), "b": am.arm(message=tellers.Purse(value=3))}
    with pytest.raises(am.UsageError, match="neither OPENAI_BASE_URL nor OPENAI_API_KEY"):
        am.experiment(
            tellers.asking,
            arms,
            message=tellers.Purse(model="gpt-5"),
            processes=1,
            store=str(tmp_path),
        )


def test_a_process_that_dies_ends_the_experiment(tmp_path: Path) -> None:
    """A sample left out because it was hard would make the rest wrong."""

    def deadly(sample: am.Sample) -> bool:
        if sample.number == 1:
            os._exit(3)
        return True

    with pytest.raises(am.AgentMeshError, match="died while it made sample 1"):
        tried(tmp_path, score=deadly, processes=2)
