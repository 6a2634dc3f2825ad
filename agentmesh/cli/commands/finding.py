"""Commands that find out what made a run go as it went: races, and what to blame."""

from enum import StrEnum
from typing import Annotated

import typer

from agentmesh.cli.commands.branching import Misses
from agentmesh.cli.commands.travelling import OfRunArgument
from agentmesh.cli.parameters import AgentsOption, JsonOption, StoreOption


class Searching(StrEnum):
    """How schedules are chosen."""

    auto = "auto"
    all = "all"
    mixed = "mixed"
    random = "random"
    pct = "pct"
    delays = "delays"


FailedOption = Annotated[
    str | None,
    typer.Option(
        "--failed",
        metavar="EXPR",
        help="What it means to have failed: 'result.left < 0', 'Stock.left < 0', or a function, "
        "checks.py:oversold.",
        show_default="the workflow raised",
    ),
]
KnownOption = Annotated[
    list[str] | None,
    typer.Option(
        "--known", metavar="RUN", help="A further run whose answers count, too. Repeatable."
    ),
]
PolicyOption = Annotated[
    Misses,
    typer.Option(
        help="For effects that no run has an answer for: give that one up, perform them, or draw "
        "from the run's answers of the same kind and name."
    ),
]
IrreversibleOption = Annotated[
    bool, typer.Option("--irreversible", help="Also perform what is declared idempotent=False.")
]
SecondsOption = Annotated[
    float | None, typer.Option(metavar="S", min=0.0, help="Stop looking after so long.")
]
ProgramOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="The program, if it is not where it ran.")
]


def races(
    *,
    run: OfRunArgument,
    failed: FailedOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many pairs are flipped, at most.")
    ] = 200,
    agent: AgentsOption = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="Also search further schedules until one fails.")
    ] = False,
    strategy: Annotated[
        Searching, typer.Option(help="With --explore: all that differ, or which are drawn.")
    ] = Searching.auto,
    schedules: Annotated[
        int, typer.Option(min=1, help="With --explore: how many, at most.")
    ] = 1_000,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="CASE", help="Run just this schedule, and keep it as a run."),
    ] = None,
    known: KnownOption = None,
    policy: PolicyOption = Misses.stop,
    irreversible: IrreversibleOption = False,
    seconds: SecondsOption = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many, at most.", show_default="one per core")
    ] = None,
    program: ProgramOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Find deliveries that could have come the other way round, and say what if they had.

    Exit code 1 if one of them decides whether the run fails.
    """
    from agentmesh.cli import races_command

    wanted = races_command.Wanted(
        failed=failed,
        limit=limit,
        agents=agent or [],
        explores=explore,
        strategy=strategy.value,
        schedules=schedules,
        schedule=schedule,
        known=known or [],
        policy=policy.value,
        irreversible=irreversible,
        seconds=seconds,
        processes=processes,
        program=program,
    )
    return races_command.races(run, wanted, store=store, as_json=json)


def why_failed(
    *,
    run: OfRunArgument,
    failed: FailedOption = None,
    passing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RUN", help="A run that went well: its answers are tried first. Repeatable."
        ),
    ] = None,
    policy: PolicyOption = Misses.stop,
    irreversible: IrreversibleOption = False,
    samples: Annotated[
        int, typer.Option(min=1, help="How often one suspect is tried, at most.")
    ] = 8,
    calls: Annotated[
        int, typer.Option(min=0, help="Effects that may be asked for, altogether.")
    ] = 500,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.1, help="Look no longer.")] = 120.0,
    program: ProgramOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Find what a run failed because of, by trying what else could have been.

    Exit code 1 if nothing is found.
    """
    from agentmesh.cli import why_failed_command

    wanted = why_failed_command.Wanted(
        failed=failed,
        passing=passing or [],
        policy=policy.value,
        irreversible=irreversible,
        samples=samples,
        calls=calls,
        seconds=seconds,
        program=program,
    )
    return why_failed_command.why_failed(run, wanted, store=store, as_json=json)
