"""What kernel tests need of the process they run in."""

import pytest

from agentmesh import ambient


@pytest.fixture
def standard_library() -> None:
    """The standard library as every driver sets it up: it answers handlers from their turn."""
    ambient.install()
