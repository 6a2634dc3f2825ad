"""A recorded run as a regression test: it must replay on today's code.

A run that was recorded under another hash seed than this process has may differ in nothing but
the order of sets: where it differs here, the same is asked of a process with its own seed.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh import environment
from agentmesh.mesh.replaying import entry_from, replay_run
from agentmesh.mesh.runs import open_run

_SECONDS = 600.0


def check(path: Path, *, program: str | Path | None = None, agents: Sequence[str] = ()) -> str:
    """Replay a recorded run; return what is wrong, for people, or nothing.

    Args:
        path: Its directory, or a packed run.
        program: The program's file, when it is not where it ran.
        agents: Addresses or agent types to replay; all by default.
    """
    shown = _from_here(str(path))
    if not path.exists():
        return (
            f"There is no recorded run {shown}.\n"
            "Record one: agentmesh run --local app.py:workflow, then "
            f"agentmesh export -o {shlex.quote(shown)}"
        )
    try:
        with open_run(_named(path)) as run:
            info = run.info
        report = replay_run(_named(path), agents=agents, program=program)
    except AgentMeshError as error:
        return f"{shown} can't be replayed.\n{error}"
    if report.identical or _is_identical_under(info, path, program, agents):
        return ""
    more = len(report.divergences) - 1
    others = f"\n{more} more agent{'s' if more > 1 else ''} diverged.\n" if more else "\n"
    return (
        f"{shown} does not replay on today's code.\n\n{report.divergences[0]}\n{others}"
        f"{when_stale(path, info, program)}"
    )


def when_stale(path: Path, info: RunInfo, program: str | Path | None = None) -> str:
    """Return what to type when a recorded run is to be replaced by one of today's code."""
    file = _from_here(entry_from(info, program).file)
    given = ["--input", json.dumps(info.input)] if info.input_type else []
    words = ["agentmesh", "run", "--local", f"{file}:{info.workflow}", *given]
    shown = shlex.quote(_from_here(str(path)))
    return (
        f"To look closer: agentmesh replay {shown}\n"
        "If the change is meant, record the run again:\n"
        f"  {shlex.join(words)}\n"
        f"  agentmesh export --force -o {shown}"
    )


def _is_identical_under(
    info: RunInfo, path: Path, program: str | Path | None, agents: Sequence[str]
) -> bool:
    """Tell whether the run replays in a process with its own hash seed."""
    if info.hash_seed is None or info.hash_fingerprint in ("", environment.hash_fingerprint()):
        return False
    told: dict[str, Any] = {"name": _named(path), "agents": list(agents), "program": program}
    words = [sys.executable, "-c", _SCRIPT, json.dumps(told, default=str)]
    done = subprocess.run(  # noqa: S603 - this very Python
        words,
        env={**os.environ, "PYTHONHASHSEED": info.hash_seed},
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode == 0


_SCRIPT = """
import json, sys
from agentmesh.mesh.replaying import replay_run
sys.exit(not replay_run(**json.loads(sys.argv[1])).identical)
"""


def _named(path: Path) -> str:
    """Return a path that is not taken for the id of a run."""
    return str(path.absolute())


def _from_here(file: str) -> str:
    """Return a path as it is typed in this directory."""
    plain = os.path.normpath(file)
    try:
        return str(Path(plain).relative_to(Path.cwd()))
    except ValueError:
        return plain
