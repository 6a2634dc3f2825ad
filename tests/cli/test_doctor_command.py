"""`agentmesh doctor`: what is wrong with this machine, and how to mend it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from agentmesh.cli import checks
from agentmesh.cli.app import app
from agentmesh.errors import RayVersionError


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home without tokens, and a temporary folder without a Ray that somebody started."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("AGENTMESH_STORE", str(tmp_path / "store"))


@pytest.fixture
def listening() -> Iterator[str]:
    """An address on this machine where somebody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def doctor() -> dict[str, Any]:
    """Return what each check found, by name."""
    done = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    failed = [check for check in told["checks"] if check["status"] == "fail"]
    assert told["ok"] is (not failed)
    assert done.exit_code == (1 if failed else 0)
    return {check["name"]: check for check in told["checks"]}


def test_a_machine_that_is_ready_passes() -> None:
    """This one: the tests run here."""
    found = doctor()

    assert [name for name, check in found.items() if check["status"] == "fail"] == []
    assert {"python", "packages", "ray", "cluster", "ray token", "store", "disk"} <= {*found}


def test_the_answer_is_a_table_for_people() -> None:
    """One line a check, and a last line that says what it comes to."""
    done = CliRunner().invoke(app, ["doctor"])
    lines = done.stdout.splitlines()

    assert done.exit_code == 0
    assert lines[0].split() == ["check", "found"]
    assert lines[-1].startswith(("All is well", "Runs can work"))


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    """Not even the store that it tried to write to."""
    before = sorted(tmp_path.rglob("*"))
    doctor()

    assert sorted(tmp_path.rglob("*")) == before


def test_a_ray_that_does_not_fit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it."""

    def refuse() -> str:
        raise RayVersionError("Ray 1.0 is installed.", fix="pip install 'ray>=2.60'")

    monkeypatch.setattr(checks, "check_ray", refuse)
    check = doctor()["ray"]

    assert check["status"] == "fail"
    assert "pip install" in check["fix"]


def test_a_store_that_cannot_be_written_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file is where the folder should be."""
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("AGENTMESH_STORE", str(tmp_path / "file"))
    check = doctor()["store"]

    assert check["status"] == "fail"
    assert "AGENTMESH_STORE" in check["fix"]


def test_a_cluster_that_is_named_must_answer(
    monkeypatch: pytest.MonkeyPatch, listening: str
) -> None:
    """Runs would wait for it in vain."""
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    absent = doctor()["cluster"]
    monkeypatch.setenv("RAY_ADDRESS", listening)
    present = doctor()["cluster"]

    assert (absent["status"], present["status"]) == ("fail", "ok")
    assert "ray start" in absent["fix"]


def test_a_cluster_that_was_started_here_is_offered(tmp_path: Path, listening: str) -> None:
    """`ray start` leaves its address; runs join it only when told to."""
    folder = tmp_path / "tmp" / "ray"
    folder.mkdir(parents=True)
    (folder / "ray_current_cluster").write_text(listening, encoding="utf-8")

    assert f"RAY_ADDRESS={listening}" in doctor()["cluster"]["fix"]


def test_a_token_that_is_asked_for_must_be_there(
    monkeypatch: pytest.MonkeyPatch, listening: str, tmp_path: Path
) -> None:
    """A cluster with token authentication refuses who has none; the token is never shown."""
    monkeypatch.setenv("RAY_ADDRESS", listening)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    absent = doctor()["ray token"]
    token = tmp_path / "token"
    token.write_text("very-secret", encoding="utf-8")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    by_path = doctor()["ray token"]
    monkeypatch.setenv("RAY_AUTH_TOKEN", "very-secret")
    by_value = doctor()["ray token"]

    assert [absent["status"], by_path["status"], by_value["status"]] == ["fail", "ok", "ok"]
    assert "very-secret" not in json.dumps([absent, by_path, by_value])


def test_a_provider_that_is_configured_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run would fail at its first question. The key is never shown."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    found = doctor()

    assert found["provider"]["status"] == "fail"
    assert found["model"]["status"] == "warn"  # no OPENAI_MODEL
    assert "OPENAI_API_KEY is set" in found["model"]["found"]
    assert "very-secret" not in json.dumps(found)


def test_the_hash_seed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a run of this shell could record it."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")

    assert doctor()["hash seed"]["found"] == "PYTHONHASHSEED=7"


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [
        (10**8, 10**12, "fail"),
        (10**9, 10**10, "warn"),
        (3 * 10**10, 10**12, "warn"),
        (10**11, 2 * 10**11, "ok"),
    ],
)
def test_a_disk_that_is_nearly_full_is_told(
    monkeypatch: pytest.MonkeyPatch, free: int, total: int, status: str
) -> None:
    """A journal that can't be written ends a run; Ray stops at 95 %."""
    usage = SimpleNamespace(total=total, free=free, used=total - free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert doctor()["disk"]["status"] == status
