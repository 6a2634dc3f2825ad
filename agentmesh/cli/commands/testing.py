"""Commands that compare runs and check programs, before and after they ran."""

from typing import Annotated

import typer

from agentmesh.cli import completion
from agentmesh.cli.parameters import JsonOption, StoreOption


def lint(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="APP.PY|DIR|MODULE...", help="What to read; nothing is executed."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Only these: AM101, AM1,AM5; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="All but these; repeatable.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Show a rule, with a bad and a good example."),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Find what would keep runs from replaying: exit code 1, and each line with its fix."""
    from agentmesh.cli import lint_command

    if explain is not None:
        return lint_command.explain(explain, as_json=json)
    return lint_command.lint(targets or [], select=select or [], ignore=ignore or [], as_json=json)


def diff(
    *,
    one: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run, as elsewhere.", autocompletion=completion.run_ids
        ),
    ],
    other: Annotated[
        str,
        typer.Argument(metavar="OTHER", help="Another.", autocompletion=completion.run_ids),
    ],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many agents that differ are told.")
    ] = 5,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell where two runs part, agent by agent, and what they came to; exit code 1 if they do."""
    from agentmesh.cli import diff_command

    return diff_command.diff_runs(one, other, store=store, limit=limit, as_json=json)
