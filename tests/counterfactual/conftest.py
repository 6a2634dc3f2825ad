"""Recorded runs to branch off, made once for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.mesh.recorded_run import RecordedRun
from tests.counterfactual import programs


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the module's own."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def sold(store: Path) -> Iterator[RecordedRun]:
    """A run in which two bid, and the first gets it."""
    am.run(programs.auction, local=True, store=str(store), run_id="sold", quiet=True)
    with am.open_run("sold", store=str(store)) as run:
        yield run
