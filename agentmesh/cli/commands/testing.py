"""Commands that compare runs and check programs, before and after they ran."""

from typing import Annotated

import typer

from agentmesh.cli import completion
from agentmesh.cli.parameters import AgentsOption, JsonOption, StoreOption


def check(
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...",
            help="Ids, directories, packed runs, `latest`, and patterns: '2026*', tests/runs.",
            autocompletion=completion.run_ids,
        ),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The program, where it is not where the runs were."),
    ] = None,
    agent: AgentsOption = None,
    processes: Annotated[
        int, typer.Option(min=0, help="At most so many at a time; 0 for one a processor.")
    ] = 0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long one run may take.")
    ] = 600.0,
    junit: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write JUnit XML, for CI.")
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Replay runs on today's code: which are the same, which differ, from where, and why.

    Exit code 3 if a run differs, 1 if one could not be checked.
    """
    from agentmesh.cli import check_command

    return check_command.check_runs(
        runs or [],
        store=store,
        program=program,
        agents=tuple(agent or ()),
        processes=processes,
        timeout_seconds=timeout,
        junit_file=junit,
        as_json=json,
    )


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
    state: Annotated[
        bool, typer.Option("--state", help="What agents ended with, too: replays both runs.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell where two runs part, agent by agent, and what they came to; exit code 1 if they do."""
    from agentmesh.cli import diff_command

    return diff_command.diff_runs(one, other, store=store, limit=limit, states=state, as_json=json)
