"""`agentmesh export otlp|perfetto|chrome|parquet`, and the form it takes when none is named."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import agentmesh as am
from agentmesh.cli.app import app
from tests.mesh.programs import Question, ask_once
from tests.telemetry.receiver import Receiver


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run, recorded in this process."""
    folder = tmp_path_factory.mktemp("runs")
    am.run(ask_once, Question(), local=True, store=str(folder), run_id="r1", quiet=True)
    return folder


def export(store: Path, *words: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["export", *map(str, words), "--store", str(store)])


def test_a_run_is_sent_once_and_again_if_that_is_wanted(store: Path) -> None:
    """The second export says that all is there; `--again` sends it once more."""
    with Receiver() as receiver:
        first = export(store, "otlp", "r1", "--endpoint", receiver.endpoint)
        second = export(store, "otlp", "r1", "--endpoint", receiver.endpoint)
        third = export(store, "otlp", "r1", "--endpoint", receiver.endpoint, "--again", "--json")
        spans = len(receiver.spans) // 2

    assert f"r1: {spans} spans to {receiver.endpoint}/v1/traces" in first.stdout
    assert "has all of it" in second.stdout
    assert json.loads(third.stdout)["spans"] == spans


def test_an_endpoint_is_needed_and_must_answer(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 without one, 1 if nobody is there."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)

    nowhere = export(store, "otlp", "r1")
    nobody = export(store, "otlp", "r1", "--endpoint", "http://127.0.0.1:1", "--patience", "0")

    assert (nowhere.exit_code, nobody.exit_code) == (2, 1)
    assert "--endpoint http://localhost:4318" in nowhere.stderr
    assert "Nothing is lost" in nobody.stderr


@pytest.mark.parametrize(("form", "suffix"), [("perfetto", "pftrace"), ("chrome", "json")])
def test_drawings_replace_nothing_unless_told_to(
    store: Path, tmp_path: Path, form: str, suffix: str
) -> None:
    """One file, which says where to open it."""
    file = tmp_path / f"x.{suffix}"

    done = export(store, form, "r1", "-o", file)
    again = export(store, form, "r1", "-o", file)
    forced = export(store, form, "r1", "-o", file, "--force", "--json")

    assert done.exit_code == 0, done.output
    assert "ui.perfetto.dev" in done.stderr
    assert again.exit_code == 2
    assert json.loads(forced.stdout)["size"] == file.stat().st_size


def test_a_dataset_says_how_to_open_it(store: Path, tmp_path: Path) -> None:
    """With its views."""
    done = export(store, "parquet", "r1", "-o", tmp_path / "d")

    assert done.exit_code == 0, done.output
    assert f"duckdb -init {tmp_path / 'd'}/views.sql" in done.stderr
    assert (tmp_path / "d" / "views.sql").exists()


def test_without_a_form_it_is_a_packed_run(store: Path, tmp_path: Path) -> None:
    """As before there were others; also if options come first."""
    assert export(store, "-o", tmp_path / "a.mesh").exit_code == 0
    assert export(store, "r1", "-o", tmp_path / "b.mesh").exit_code == 0
    assert export(store, "mesh", "r1", "-o", tmp_path / "c.mesh").exit_code == 0
    assert "otlp" in CliRunner().invoke(app, ["export", "--help"]).stdout
