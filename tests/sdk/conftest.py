"""What tests of the sdk leave behind is let go of."""

from collections.abc import Iterator

import pytest

from tests.kernel.helpers import CELLS


@pytest.fixture(autouse=True)
def closed_cells() -> Iterator[None]:
    """No cell of one test is left to be collected in the middle of another."""
    yield
    while CELLS:
        CELLS.pop().close()
