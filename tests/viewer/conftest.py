"""Recorded runs that the server's tests look at, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.effects import settings
from agentmesh.testing.models import ModelServer, Rule
from agentmesh.viewer.server import ViewServer
from tests.viewer import programs
from tests.viewer.asking import ask


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with the runs `news` and `hostile`, a branch `other`, and `asked` of a model."""
    folder = str(tmp_path_factory.mktemp("viewed"))
    for name, workflow in (("news", programs.newsroom), ("hostile", programs.hostile)):
        am.run(workflow, local=True, store=folder, run_id=name, quiet=True)
    am.fork(
        "news",
        at="Writer/w1@2",
        edit=am.edit.result("SNOW", "Writer/w1@2"),
        store=folder,
        run_id="other",
    )
    with (
        ModelServer(rules=[Rule(contains="What is new?", answer="Nothing.")], seed=1) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("OPENAI_API_KEY", "sk-test-1234567890abcdef")
        am.run(
            programs.question,
            local=True,
            store=folder,
            run_id="asked",
            settings=settings.simulated(server.base_url),
            quiet=True,
        )
    return folder


@pytest.fixture(scope="session")
def viewed(store: str) -> Iterator[ViewServer]:
    """A server that is asked without a socket."""
    server = ViewServer(store, control=True)
    for name in ("news", "hostile", "other", "asked"):
        assert ask(server, f"/api/runs/{name}").status == 200
        server.desk.run(name).wait_complete()
    yield server
    server.stop()


@pytest.fixture
def own_store(store: str, tmp_path: Path) -> Path:
    """A copy of the run `news` in a store of the test's own, which it may break."""
    import shutil

    shutil.copytree(Path(store) / "news", tmp_path / "news")
    shutil.copy(Path(store) / "redaction.key", tmp_path)
    return tmp_path
