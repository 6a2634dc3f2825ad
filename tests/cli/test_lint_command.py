"""`agentmesh lint`: each line with its fix, and an exit code."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmesh.cli.app import app
from tests.linting.cases import agent


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with a file that is opened and a blocking sleep."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "app.py"
    path.write_text(agent("time.sleep(1)\nreturn open(job.name)"), encoding="utf-8")
    return path


@pytest.mark.usefixtures("program")
def test_findings_are_told_with_line_reason_and_fix() -> None:
    """Exit code 1, and a summary."""
    done = CliRunner().invoke(app, ["lint", "app.py"])

    assert done.exit_code == 1
    assert "AM301 blocking-sleep: time.sleep()" in done.stdout
    assert "| time.sleep(1)" in done.stdout
    assert "fix: Wait without blocking" in done.stdout
    assert "2 findings (AM301 1, AM501 1): 1 file, 1 function inside handlers" in done.stdout


@pytest.mark.usefixtures("program")
def test_json_and_selection() -> None:
    """For editors and CI."""
    done = CliRunner().invoke(app, ["lint", "app.py", "--json", "--select", "AM3,AM4"])
    (one,) = json.loads(done.stdout)["findings"]

    assert (one["rule"], one["path"]) == ("AM301", "app.py")
    assert CliRunner().invoke(app, ["lint", "app.py", "--ignore", "AM3,AM501"]).exit_code == 0


def test_a_rule_is_explained_with_examples() -> None:
    """By its id or its name."""
    for word in ("AM101", "global-written"):
        done = CliRunner().invoke(app, ["lint", "--explain", word])
        assert done.exit_code == 0
        assert "Bad:" in done.stdout
        assert "Good:" in done.stdout


@pytest.mark.parametrize("words", [[], ["gone.py"], ["--explain", "AM999"], [".", "--select", "X"]])
@pytest.mark.usefixtures("program")
def test_wrong_use_is_exit_code_2(words: list[str]) -> None:
    """Nothing named, nothing there, no such rule."""
    assert CliRunner().invoke(app, ["lint", *words]).exit_code == 2


def test_the_readme_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line for line, of a program with a counter in a global."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"\$ agentmesh lint app.py\n(.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(
        "import agentmesh as am\n\n\nCALLS = 0\n\n\ndef count() -> None:\n    global CALLS\n"
        "    CALLS += 1\n\n\n@am.agent\nclass Desk:\n    @am.handler\n"
        "    async def take(self, job: str) -> None:\n        count()\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["lint", "app.py"], terminal_width=400)

    assert shown in done.stdout
