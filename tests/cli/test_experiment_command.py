"""`agentmesh experiment`: a file that describes it, a table, JSON, a picture."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli.app import app

SPEC = """
import agentmesh as am
from tests.mesh import tellers

lost = am.Experiment(
    name="money <lost>",
    of=tellers.writing,
    arms={"writing": am.arm(), "adding & co": am.arm(workflow=tellers.adding)},
    score=lambda sample: sample.result == 2,
    how="world",
    margin=0.1,
)
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one experiment."""
    file = tmp_path_factory.mktemp("experiment") / "spec.py"
    file.write_text(SPEC)
    return file


def command(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["experiment", *map(str, words), "--processes", "1"])


def test_it_says_what_arms_change_and_what_that_proves(spec: Path, tmp_path: Path) -> None:
    """The verdict with its rule, the noise of the control, and what the figures don't prove."""
    done = command(spec, "--store", tmp_path, "--plot", tmp_path / "it.svg")

    assert done.exit_code == 0, done.output
    shown = done.stdout
    assert "money <lost>: " in shown
    assert "its interval came to lie above zero" in shown
    assert "of its scores differ" in shown
    assert "dominated by adding & co so far" in shown
    assert "It stopped because every arm is decided." in shown
    assert "19 of 20 prove at least 78.4 %, and not 95 %" in shown
    assert "(100 %) proves at least" in shown


def test_the_picture_is_svg_and_names_the_arms(spec: Path, tmp_path: Path) -> None:
    """Whatever they are called."""
    command(spec, "--store", tmp_path, "--plot", tmp_path / "it.svg")

    drawn = ET.parse(tmp_path / "it.svg").getroot()
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "money <lost>"
    assert "adding & co" in texts
    assert any(text and "dominated" in text for text in texts)


def test_json_is_what_is_written_beside_the_runs(spec: Path, tmp_path: Path) -> None:
    """For scripts."""
    done = command(spec, "--store", tmp_path, "--json", "--seed", "7")

    said = json.loads(done.stdout)
    (written,) = (tmp_path / "experiments").iterdir()
    kept = json.loads(written.read_text())
    assert said["seed"] == "7"
    assert said["arms"] == kept["arms"]


def test_a_sample_is_made_again_by_arm_and_number(spec: Path, tmp_path: Path) -> None:
    """And is a run from then on."""
    done = command(spec, "--store", tmp_path, "--sample", "control:3", "--json")

    said = json.loads(done.stdout)
    assert (said["arm"], said["sample"]) == ("control", 3)
    assert (tmp_path / said["run"] / "run.json").is_file()


def test_what_is_not_decided_is_no_success(spec: Path, tmp_path: Path) -> None:
    """The exit code says so."""
    done = command(spec, "--store", tmp_path, "--samples", "3")

    assert done.exit_code == 1
    assert "budget of 3 samples" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plot", "it.png"], "A picture of an experiment is SVG"),
        (["--sample", "writing"], "names no sample"),
        (["--sample", "nobody:1"], "There is no arm 'nobody'"),
        (["--samples", "0"], "nothing could be run"),
    ],
)
def test_what_can_not_be_done_is_refused(
    spec: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    """With what to do instead."""
    done = command(spec, "--store", tmp_path, *words)

    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("x = 1", "", "has none"),
        (SPEC + "\nmore = lost", "", "has lost, more"),
        (SPEC, ":nobody", "has no experiment 'nobody'"),
    ],
)
def test_a_file_without_the_experiment_is_refused(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    """It says which there are."""
    file = tmp_path / "other.py"
    file.write_text(text)
    done = command(f"{file}{name}", "--store", tmp_path)

    assert done.exit_code == 2
    assert said in done.stderr
