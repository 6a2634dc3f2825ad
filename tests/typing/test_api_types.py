"""A type checker understands agentmesh as its users install it.

The files beside this one are not run but given to mypy, strictly and without this
project's settings, the way a user's own checker meets the installed package.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKED = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(320)]

WRONG = """
from typing import assert_type
from agentmesh.errors import AgentMeshError
error = AgentMeshError('what')
assert_type(error.what, int)
print(error.what)  # type: ignore[attr-defined]
print(error.whatever)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says about the files here and a wrong one, from a folder that holds no settings."""
    folder = tmp_path_factory.mktemp("typing")
    wrong = folder / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    options = ["--strict", "--config-file=", f"--cache-dir={folder / 'cache'}"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, CHECKED), wrong.name]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_api_has_the_types_that_users_rely_on(said: list[str]) -> None:
    """Calls through references, handlers' results, tools: without a cast and without `Any`."""
    *complaints, summary = said

    assert [each for each in complaints if not each.startswith("wrong.py:")] == []
    assert summary.endswith(f"in 1 file (checked {len(CHECKED) + 1} source files)"), summary


def test_a_wrong_expectation_is_reported(said: list[str]) -> None:
    """Were agentmesh seen as untyped, every expectation would hold."""
    lines = [each.split(":")[1] for each in said if each.startswith("wrong.py:")]

    assert lines == ["5", "6", "7"], said
