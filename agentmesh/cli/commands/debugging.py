"""The command that stands inside a recorded handler."""

from typing import Annotated

import typer

from agentmesh.cli import hash_seed
from agentmesh.cli.parameters import AgentsOption, RunArgument, StoreOption


def debug(
    *,
    run: RunArgument = "latest",
    agent: AgentsOption = None,
    event: Annotated[
        str | None,
        typer.Option(
            "--event",
            "-e",
            metavar="EVENT",
            help="Where to stand first: Writer/w1@118, or 118 with --agent, or its number in "
            "the run order.",
        ),
    ] = None,
    breakpoints: Annotated[
        list[str] | None,
        typer.Option("--break", "-b", metavar="FILE:LINE", help="Stop there, too; repeatable."),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The program's file, when it is not where it ran."),
    ] = None,
    store: StoreOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Wait there for an IDE that speaks the debug adapter protocol, instead of pdb.",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for the IDE.", min=1)
    ] = 120.0,
    hash_seed_: Annotated[
        str,
        typer.Option(
            "--hash-seed",
            metavar="recorded|random|N",
            help="The command starts itself again under it.",
        ),
    ] = hash_seed.RECORDED,
) -> int:
    """Stand inside a recorded handler: pdb with real frames, time stopped, no network."""
    wanted = hash_seed.check(hash_seed_, hash_seed.RECORDED, hash_seed.RANDOM)
    from agentmesh.cli import debug_command

    return debug_command.debug(
        debug_command.Request(
            run=run,
            agents=tuple(agent or ()),
            event=event,
            breakpoints=tuple(breakpoints or ()),
            program=program,
            store=store,
            seed=wanted or hash_seed.RECORDED,
            listen=listen,
            wait_seconds=wait,
        )
    )
