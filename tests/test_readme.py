"""The README's program runs as it stands, and the commands it names exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentmesh.testing import ModelServer

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_program_in_the_readme_runs_and_replays(tmp_path: Path) -> None:
    """Copied into a file, run against the embedded model server, replayed without it."""
    program = tmp_path / "app.py"
    program.write_text(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0])
    with ModelServer(seed=1) as server:
        environment = {
            **os.environ,
            **server.environment,
            "OPENAI_MODEL": "sim-small",
            "AGENTMESH_LOCAL": "1",
        }
        ran = _run([sys.executable, "app.py"], tmp_path, environment)
    replayed = _run([sys.executable, "-m", "agentmesh", "replay", "latest"], tmp_path, os.environ)

    assert ran.stdout.startswith("text=")
    assert "0 divergences" in replayed.stdout


def test_every_command_in_the_readme_exists() -> None:
    """A README drifts unless somebody looks."""
    named = sorted(set(re.findall(r"`?agentmesh ([a-z]+)", README)) & _words())
    assert {"demo", "run", "runs", "show", "log", "replay", "models", "doctor"} <= set(named)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bam\.([a-z_]+)\b", README))))
def test_every_name_in_the_readme_is_public(name: str) -> None:
    """What people read they will type."""
    import agentmesh

    assert name in agentmesh.__all__


def _words() -> set[str]:
    helped = _run([sys.executable, "-m", "agentmesh", "--help"], Path.cwd(), os.environ)
    return set(re.findall(r"[a-z]+", helped.stdout))


def _run(command: list[str], cwd: Path, environment: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=dict(environment),  # type: ignore[call-overload]
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
