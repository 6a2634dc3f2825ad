"""What the shell offers for a run's name when the user presses Tab; imports next to nothing."""

import os
from pathlib import Path

import typer

_OFFERED_MAX = 50


def run_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of runs in a local store that start like this, the newest first."""
    from agentmesh.mesh.options import STORE_DEFAULT, STORE_VARIABLE

    chosen = ctx.params.get("store") or os.environ.get(STORE_VARIABLE) or STORE_DEFAULT
    try:
        names = [path.parent.name for path in Path(chosen).expanduser().glob("*/run.json")]
    except OSError:
        return []
    found = sorted((name for name in names if name.startswith(incomplete)), reverse=True)
    offered = [(name, "") for name in found[:_OFFERED_MAX]]
    return [("latest", "the run that was started last"), *offered]
