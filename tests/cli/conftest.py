"""Runs that the tests of the readers share: recorded once, by the command itself."""

from pathlib import Path

import pytest

from tests.cli.helpers import SHOP, command

ORDER = '{"item": "lamp", "pieces": 2}'


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has the runs `good`, `bad` and `odd`."""
    folder = tmp_path_factory.mktemp("recorded")
    for name, workflow, more in (
        ("good", "buy", ["--input", ORDER]),
        ("bad", "fail", ["--input", ORDER]),
        ("odd", "hide", []),
    ):
        command("run", f"{SHOP}:{workflow}", "--local", "--run-id", name, *more, cwd=folder)
    return folder


@pytest.fixture
def store(recorded: Path) -> str:
    """The location of the shared store."""
    return str(recorded / ".agentmesh" / "runs")
