"""`agentmesh races` as people meet it: what it says, and that what it prints works."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli import app as cli
from agentmesh.mesh.simulating import simulate
from tests.counterfactual import racing_programs as programs
from tests.counterfactual.racing_programs import Use


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with runs whose order matters, and one in which it does not."""
    folder = tmp_path_factory.mktemp("store")
    for kind in ("first", "sum"):
        simulate(programs.two, Use(kind=kind), store=str(folder), run_id=kind)
    return folder


def agentmesh(*words: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, [str(each) for each in words])


def test_a_race_that_decides_is_shown_first_and_its_branch_can_be_made(store: Path) -> None:
    """Exit code 1; the command that is printed makes a branch that fails just so."""
    done = agentmesh("races", "first", "--store", store)

    assert done.exit_code == 1
    assert "first  2 racing pairs at 2 agents: 1 failing, 1 benign" in done.output
    assert "Ben came before Ada" in done.output
    [line] = [each for each in done.output.splitlines() if each.startswith("agentmesh fork")]
    branch = agentmesh(*shlex.split(line)[1:], "--json")
    assert json.loads(branch.stdout)["status"] == "failed"


def test_a_search_prints_the_smallest_schedule_and_the_command_that_repeats_it(
    store: Path,
) -> None:
    """One message held back; the run that the command keeps fails, and replays."""
    done = agentmesh("races", "first", "--store", store, "--limit", "0", "--explore")

    assert done.exit_code == 1
    assert "held back: Sender/Ada#1" in done.output
    [line] = [each for each in done.output.splitlines() if "--schedule" in each]
    again = agentmesh(*shlex.split(line)[1:], "--json")
    said = json.loads(again.stdout)
    assert (again.exit_code, said["status"], said["failed"]) == (1, "failed", True)
    assert agentmesh("replay", said["run"], "--store", store).exit_code == 0


def test_a_search_that_finds_nothing_says_how_much_it_saw(store: Path) -> None:
    """All schedules of a program whose order makes no difference, and some of them."""
    done = agentmesh("races", "sum", "--store", store, "--explore")
    assert done.exit_code == 0
    assert "all that differ" in done.output
    assert "none fails" in done.output

    few = agentmesh("races", "sum", "--store", store, "--explore", "--schedules", "1")
    assert "not all" in few.output


def test_json_has_everything(store: Path) -> None:
    """For programs; and the same lies beside the run."""
    words = ("races", "first", "--store", store, "--explore", "--json", "--failed")
    said = json.loads(agentmesh(*words, "status != 'done'").stdout)

    assert said["counts"] == {"failing": 1, "different": 0, "unresolved": 0, "benign": 1}
    assert said["explored"]["schedule"] == "hold=Sender/Ada#1"
    kept = [json.loads(each.read_text()) for each in (store / "first" / "findings").iterdir()]
    assert any(each.get("explored") == said["explored"] for each in kept)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--failed", "Box.nothing > 1"], "no 'nothing'"),
        (["--schedule", "keep=x"], "does not say how a world goes"),
        (["--agent", "Nobody"], "has no agent"),
        (["--limit", "-1"], "Invalid value"),
        (["--known", "nowhere"], "nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Path, words: list[str], problem: str) -> None:
    """Exit code 2, and the problem by its name."""
    done = agentmesh("races", "sum", "--store", store, *words)

    assert done.exit_code == 2
    assert problem in " ".join(done.output.split())
