"""What kernel tests need of the process they run in."""

from collections.abc import Iterator

import pytest

from agentmesh import ambient
from tests.kernel.helpers import CELLS


@pytest.fixture
def standard_library() -> None:
    """The standard library as every driver sets it up: it answers handlers from their turn."""
    ambient.install()


@pytest.fixture(autouse=True)
def closed_cells() -> Iterator[None]:
    """No cell of one test is left to be collected in the middle of another."""
    yield
    while CELLS:
        CELLS.pop().close()
