"""`agentmesh runs`: what is in a store, newest first."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmesh.cli.app import app


def runs(store: str | Path, *words: str) -> str:
    """Return what `agentmesh runs` prints."""
    done = CliRunner().invoke(app, ["runs", "--store", str(store), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_runs_are_listed_newest_first(store: str) -> None:
    """Status, workflow, and what each came to."""
    head, *rows = runs(store).splitlines()

    assert head.split() == ["run", "status", "workflow", "started", "took", "result"]
    assert [row.split()[:3] for row in rows] == [
        ["odd", "done", "hide"],
        ["bad", "failed", "fail"],
        ["good", "done", "buy"],
    ]
    assert rows[1].endswith("LookupError: no lamp left")
    assert rows[2].endswith('{"text": "2 lamp", "price": 20.0}')


def test_json_has_everything_that_is_known(store: str) -> None:
    """One list, to be filtered by `jq`."""
    import json

    listed = json.loads(runs(store, "--json"))

    assert [each["id"] for each in listed] == ["odd", "bad", "good"]
    assert listed[2]["input"] == {"item": "lamp", "pieces": 2}
    assert listed[1]["error"]["type"] == "builtins.LookupError"


def test_the_newest_can_be_asked_for(store: str) -> None:
    """Old stores are long."""
    done = CliRunner().invoke(app, ["runs", "--store", store, "--limit", "1"])

    assert len(done.stdout.splitlines()) == 2
    assert "2 older runs" in done.stderr


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    """A new user's first look; nothing is made by looking."""
    done = CliRunner().invoke(app, ["runs", "--store", str(tmp_path / "none")])

    assert done.exit_code == 0
    assert done.stdout == ""
    assert "agentmesh demo" in done.stderr
    assert not (tmp_path / "none").exists()


def test_an_empty_store_is_an_empty_list(tmp_path: Path) -> None:
    """Scripts need no special case."""
    assert runs(tmp_path, "--json") == "[]\n"


def test_a_run_that_cannot_be_read_hides_no_other(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has edited a run.json by hand."""
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        text = Path(store, name, "run.json").read_text(encoding="utf-8")
        (tmp_path / name / "run.json").write_text(text, encoding="utf-8")
    (tmp_path / "bad" / "run.json").write_text('{"id": "ba', encoding="utf-8")
    monkeypatch.setenv("AGENTMESH_STORE", str(tmp_path))
    done = CliRunner().invoke(app, ["runs"])

    assert done.exit_code == 0
    assert "good" in done.stdout
    assert "run bad can't be read" in done.stderr
