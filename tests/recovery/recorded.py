"""Recorded runs of `programs.everything`, whole and interrupted."""

import json
from pathlib import Path
from typing import Any

from agentmesh.journal.lineage import number_of
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.resuming import execute_again, plan_again
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.workflow import workflow_type_of
from tests.recovery import programs
from tests.recovery.cuts import cut_copy, records_of

NUMBER = programs.Number(value=2)


def record(
    store: Path, program: Any = programs.everything, number: programs.Number = NUMBER
) -> tuple[Path, bytes]:
    """Run a program to its end, and leave its journal as a crash right then would."""
    options = RunOptions(local=True, store=str(store), run_id="whole", quiet=True)
    workflow = workflow_type_of(program)
    execution = Execution(plan_for(workflow, number, options), workflow, options)
    answer = execution.drive()
    return store / "whole", answer.payload


def logs_of(run: Path) -> list[Path]:
    """Return the logs of a local run, oldest first."""
    return sorted((run / "events").iterdir(), key=lambda log: number_of(log.name, "local") or 0)


def interrupted(folder: Path, records: int = 30) -> tuple[Path, bytes]:
    """Record a run and cut its last log; return its directory and the result it had."""
    run, expected = record(folder / "recorded")
    last = logs_of(run)[-1]
    cut = folder / "cut" / "whole"
    cut_copy(run, cut, last.name, records_of(last)[:records])
    return cut, expected


def resumed(run: Path) -> Outcome:
    """Go on with a run."""
    return execute_again(run.name, RunOptions(store=str(run.parent), quiet=True))


def drive_on(run: Path) -> Path:
    """Resume a run, and leave its journal as a crash right after its answer would."""
    options = RunOptions(local=True, store=str(run.parent), quiet=True)
    plan, workflow = plan_again(run.name, options)
    Execution(plan, workflow, options, resumes=True).drive()
    return run


def change(run: Path, **fields: Any) -> dict[str, Any]:
    """Change what `run.json` says; return it."""
    path = run / "run.json"
    info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    info |= fields
    path.write_text(json.dumps(info), encoding="utf-8")
    return info


def flip(path: Path, at: float) -> None:
    """Change a byte of a file, at a place between its start (0) and its end (1)."""
    data = bytearray(path.read_bytes())
    data[min(int(len(data) * at), len(data) - 1)] ^= 0x20
    path.write_bytes(data)
