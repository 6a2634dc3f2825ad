"""`agentmesh models`: a simulated provider for the shell, and who can be reached."""

import json
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentmesh.cli.app import app
from agentmesh.testing.models import ModelServer, SimulatedModels
from tests.cli.helpers import TIMEOUT_SECONDS, command, started


def test_a_served_model_prints_what_to_set_and_answers(tmp_path: Path) -> None:
    """Two variables for any SDK, and the model's name; Ctrl-C ends it well."""
    with started("models", "serve", "--port", "0", cwd=tmp_path) as server:
        assert server.stdout is not None
        exports = [server.stdout.readline().removeprefix("export ").strip() for _ in range(3)]
        shell = dict(each.split("=", 1) for each in exports)
        listed = command("models", "list", "--json", cwd=tmp_path, env=shell)
        doctor = command("doctor", "--json", cwd=tmp_path, env=shell)
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=TIMEOUT_SECONDS)

    assert sorted(shell) == ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"]
    assert shell["OPENAI_MODEL"] in [each["id"] for each in listed.json]
    found = {check["name"]: check for check in doctor.json["checks"]}
    assert found["provider"]["status"] == found["model"]["status"] == "ok"
    assert server.returncode == 0
    assert "simulator" in err
    assert "GET  /v1/models" in err or "GET /v1/models" in err


def test_rules_can_be_given(tmp_path: Path) -> None:
    """What it says when asked; a wrong file is refused with its place."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nanswer = "Yes."\nmodle = "sim-*"\n', encoding="utf-8")
    done = command("models", "serve", "--rules", rules, cwd=tmp_path)

    assert done.code == 2
    assert "modle" in done.err


def test_the_network_is_refused_unless_asked_for(tmp_path: Path) -> None:
    """A simulator has no access control."""
    done = command("models", "serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)

    assert done.code == 2
    assert "127.0.0.1" in done.err


def test_models_of_the_configured_provider_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program would find them."""
    with ModelServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        shown = CliRunner().invoke(app, ["models", "list"])

    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [
        "model",
        "sim-embedding",
        "sim-large",
        "sim-small",
    ]


def test_a_refused_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key belongs into no terminal and no log."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    with ModelServer(SimulatedModels(api_key="another")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        done = CliRunner().invoke(app, ["models", "list", "--debug"])

    assert done.exit_code == 1
    assert "It refuses the key" in done.stderr
    assert "very-secret" not in done.output


def test_a_provider_that_is_not_there_is_told_at_once() -> None:
    """Nothing listens on the port of nobody."""
    done = CliRunner().invoke(app, ["models", "list", "--base-url", "http://127.0.0.1:9/v1"])

    assert done.exit_code == 1
    assert "can't be reached" in done.stderr


def test_without_a_provider_a_simulated_one_is_offered() -> None:
    """A new user has none."""
    done = CliRunner().invoke(app, ["models", "list", "--json"])

    assert done.exit_code == 1
    assert json.loads(done.stdout) == []
    assert "agentmesh models serve" in done.stderr
