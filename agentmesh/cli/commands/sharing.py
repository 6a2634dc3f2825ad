"""Commands that give runs away and take them in."""

from pathlib import Path
from typing import Annotated

import typer

from agentmesh.cli.parameters import JsonOption, RunArgument, StoreOption


def export(
    *,
    run: RunArgument = "latest",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="RUN.mesh by default.", show_default=False
        ),
    ] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Hide what a regular expression matches; repeatable."),
    ] = None,
    redact_field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Hide the values of JSON fields of that name; repeatable."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Pack a run into one file: `agentmesh replay FILE` works wherever the code is."""
    from agentmesh.cli import sharing_command

    return sharing_command.export(
        run,
        output,
        redact=tuple(redact or ()),
        fields=tuple(redact_field or ()),
        overwrite=force,
        store=store,
        as_json=json,
    )


def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `agentmesh export` wrote.")],
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Put a packed run into the store."""
    from agentmesh.cli import sharing_command

    return sharing_command.import_(file, store=store, as_json=json)
