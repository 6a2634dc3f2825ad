"""One run with every kind of span, which all tests of this folder read."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.effects.settings import simulated
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.testing.models import ModelServer
from tests.telemetry import newsroom
from tests.telemetry.receiver import Receiver

NEWS = "news"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the run `news`, recorded by the first process that wants it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "telemetry-store"
    with (shared / "telemetry-store.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / NEWS).exists():
            _record(folder)
    return folder


def _record(folder: Path) -> None:
    with ModelServer(rules=newsroom.RULES, seed=1) as server:
        am.run(
            newsroom.newsroom,
            newsroom.Topic(text="the mayor"),
            local=True,
            store=str(folder),
            run_id=NEWS,
            settings=simulated(server.base_url),
            quiet=True,
        )


@pytest.fixture
def news(store: Path) -> Iterator[Run]:
    """That run, open."""
    with Store(store).open_run(NEWS) as run:
        yield run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with Receiver() as listening:
        yield listening
