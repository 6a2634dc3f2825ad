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

pytestmark = pytest.mark.slow


def mypy(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy from a folder that holds no settings."""
    options = ["--strict", "--config-file=", f"--cache-dir={folder / 'cache'}"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, files)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.timeout(320)
def test_the_api_has_the_types_that_users_rely_on(tmp_path: Path) -> None:
    """Calls through references, handlers' results, tools: without a cast and without `Any`."""
    done = mypy(tmp_path, *CHECKED)

    assert done.stdout + done.stderr == f"Success: no issues found in {_files(len(CHECKED))}\n"


@pytest.mark.timeout(320)
def test_a_wrong_expectation_is_reported(tmp_path: Path) -> None:
    """Were agentmesh seen as untyped, every expectation would hold."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from typing import assert_type\n"
        "from agentmesh.errors import AgentMeshError\n"
        "error = AgentMeshError('what')\n"
        "assert_type(error.what, int)\n"
        "print(error.what)  # type: ignore[attr-defined]\n"
        "print(error.whatever)\n",
        encoding="utf-8",
    )
    done = mypy(tmp_path, wrong)
    lines = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]

    assert lines == ["4", "5", "6"], done.stdout + done.stderr


def _files(count: int) -> str:
    return f"{count} source file" + ("s" if count > 1 else "")
