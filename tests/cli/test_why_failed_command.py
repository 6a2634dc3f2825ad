"""`agentmesh why-failed` as people meet it: what it blames, and that its repair works."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli import app as cli
from agentmesh.mesh.simulating import simulate
from tests.benchmarks import attribution_programs as programs
from tests.benchmarks.attribution_programs import Desk, Fault, Task

FAILED = ("--failed", "result.value != result.wanted")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run that went well, and one in which one tool was wrong."""
    folder = tmp_path_factory.mktemp("store")
    for name, faults in (
        ("well", []),
        ("badly", [Fault(agent="Searcher/s0", step="extract")]),
    ):
        desk = Desk(faults=faults)
        task = Task(numbers=[3, 5])
        simulate(programs.report, task, effects=desk, store=str(folder), run_id=name)
    return folder


def agentmesh(*words: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, [str(each) for each in words])


def test_what_is_blamed_is_said_and_the_repair_works(store: Path) -> None:
    """With what another run was told, and no call; the printed branch does not fail."""
    words = ("why-failed", "badly", "--store", store, *FAILED, "--passing", "well")
    done = agentmesh(*words)

    assert done.exit_code == 0
    assert "Searcher/s0@3" in done.output
    assert "content" in done.output
    assert "verified: the branch does not fail" in done.output
    [line] = [each for each in done.output.splitlines() if each.startswith("agentmesh fork")]
    branch = json.loads(agentmesh(*shlex.split(line)[1:], "--policy", "stop", "--json").stdout)
    assert branch["parent"] == "badly"


def test_json_has_everything(store: Path) -> None:
    """For programs; baselines, too, for whoever doubts it."""
    words = ("why-failed", "badly", "--store", store, *FAILED, "--passing", "well", "--json")
    said = json.loads(agentmesh(*words).stdout)

    assert said["agents"] == {"Searcher/s0": 1.0}
    assert said["blames"][0]["interval"] == [1.0, 1.0]
    assert said["repair"]["fork"][0] == "--result"
    assert said["baselines"]["last"]
    assert said["complete"] is True


def test_where_nobody_has_an_answer_it_says_what_to_do(store: Path) -> None:
    """Exit code 1: the question was not answered."""
    done = agentmesh("why-failed", "badly", "--store", store, *FAILED)

    assert done.exit_code == 1
    assert "Nothing that was tried averts it" in done.output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["well", *FAILED], "has not failed"),
        (["badly", "--failed", "result.value >"], "no expression"),
        (["badly", *FAILED, "--passing", "nowhere"], "nowhere"),
        (["badly", *FAILED, "--samples", "0"], "Invalid value"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Path, words: list[str], problem: str) -> None:
    """Exit code 2, and the problem by its name."""
    done = agentmesh("why-failed", *words, "--store", store)

    assert done.exit_code == 2
    assert problem in " ".join(done.output.split())
