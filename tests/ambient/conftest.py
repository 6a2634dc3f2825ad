"""Every test here runs with the ambient world installed, unless it takes it away itself."""

from collections.abc import Iterator

import pytest

from agentmesh.ambient import install, uninstall
from tests.ambient.helpers import ProbeLoop, make_loop


@pytest.fixture(scope="package", autouse=True)
def taken_away_at_the_end() -> Iterator[None]:
    yield
    uninstall()


@pytest.fixture(autouse=True)
def installed(taken_away_at_the_end: None) -> None:
    install()


@pytest.fixture
def loop() -> ProbeLoop:
    return make_loop()
