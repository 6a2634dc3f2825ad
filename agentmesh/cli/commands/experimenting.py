"""The command that compares arms of a program."""

from typing import Annotated

import typer

from agentmesh.cli.parameters import JsonOption, StoreOption


def experiment(
    *,
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="A file with an experiment: `spec.py`, or `spec.py:name` where it has several.",
        ),
    ],
    samples: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many of each arm.")
    ] = None,
    usd: Annotated[
        float | None, typer.Option(metavar="USD", help="At most so many dollars.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="At most so many seconds.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="On so many processes.", show_default="all")
    ] = None,
    seed: Annotated[str | None, typer.Option(metavar="SEED", help="Of all chance.")] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE.svg", help="Also draw what came of it.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="ARM:N", help="Only make this sample, and keep it as a run."),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Compare arms of a program, sample by sample, until it is clear what they change.

    The exit code is 0 if every arm is better, worse or equivalent, and 1 if not.
    """
    from agentmesh.cli import experiment_command

    wanted = experiment_command.Wanted(
        samples=samples,
        usd=usd,
        seconds=seconds,
        processes=processes,
        seed=seed,
        plot=plot,
        sample=sample,
    )
    return experiment_command.experiment(spec, wanted, store=store, as_json=json)
