"""`agentmesh export` and `import`, and every reader with a packed run instead of an id."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import agentmesh as am
from agentmesh.cli.app import app
from tests.mesh.programs import Question, ask_once


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run, recorded in this process."""
    folder = tmp_path_factory.mktemp("runs")
    am.run(ask_once, Question(), local=True, store=str(folder), run_id="r1", quiet=True)
    return folder


@pytest.fixture
def packed(store: Path, tmp_path: Path) -> Path:
    """That run, exported."""
    am.export_run("r1", tmp_path / "r.mesh", store=str(store))
    return tmp_path / "r.mesh"


def agentmesh(*words: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_an_export_says_what_is_in_it(store: Path, tmp_path: Path) -> None:
    """And the next line to type."""
    done = agentmesh("export", "r1", "-o", tmp_path / "x.mesh", "--store", store)

    assert done.exit_code == 0, done.output
    assert "x.mesh: 2 agents" in done.stdout
    assert f"agentmesh replay {tmp_path / 'x.mesh'}" in done.stderr


def test_an_export_says_what_redaction_does_to_a_replay(store: Path, tmp_path: Path) -> None:
    """How many of what, and from where on handlers see placeholders."""
    words = ("--redact", "why", "--redact-field", "count", "--store", store)
    done = agentmesh("export", "r1", "-o", tmp_path / "x.mesh", *words)
    again = agentmesh("export", "r1", "-o", tmp_path / "y.mesh", *words, "--json")

    assert "redacted: 3 messages" in done.stdout
    assert "gives handlers placeholders" in done.stdout
    assert json.loads(again.stdout)["redacted"] == {"messages": 3}


def test_an_export_replaces_nothing_unless_told_to(store: Path, packed: Path) -> None:
    """Exit code 2 says that the command was used wrongly."""
    words = ("export", "r1", "-o", packed, "--store", store)

    assert agentmesh(*words).exit_code == 2
    assert agentmesh(*words, "--force").exit_code == 0


@pytest.mark.parametrize("command", ["show", "log", "replay", "audit"])
def test_every_reader_takes_a_packed_run(
    packed: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name in this directory, where there is no store, and none is made."""
    monkeypatch.chdir(packed.parent)
    done = agentmesh(command, "r.mesh")

    assert done.exit_code == 0, done.output
    assert done.stdout
    assert [path.name for path in packed.parent.iterdir()] == ["r.mesh"]


def test_what_is_imported_is_listed(packed: Path, tmp_path: Path) -> None:
    """Under its own id; and not twice."""
    there = tmp_path / "there"
    first = agentmesh("import", packed, "--store", there)
    second = agentmesh("import", packed, "--store", there)

    assert first.stdout == "r1: ask_once, done\n"
    assert [run.id for run in am.runs(store=str(there))] == ["r1"]
    assert second.exit_code == 2
    assert "is in the store already" in second.stderr


def test_a_pack_that_is_not_there_is_a_missing_file(tmp_path: Path) -> None:
    """Not a missing store."""
    done = agentmesh("show", tmp_path / "no.mesh")

    assert done.exit_code == 2
    assert f"There is no file {tmp_path / 'no.mesh'}" in done.stderr


def test_a_file_that_is_no_pack_fails_cleanly(tmp_path: Path) -> None:
    """Three parts, and no traceback."""
    (tmp_path / "x.mesh").write_text("hello")
    done = agentmesh("replay", tmp_path / "x.mesh")

    assert done.exit_code == 1
    assert "nothing of it was opened" in done.stderr
    assert "Traceback" not in done.stderr
