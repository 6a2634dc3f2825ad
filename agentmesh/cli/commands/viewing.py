"""The command that shows runs in the browser."""

from typing import Annotated

import typer

from agentmesh.cli import completion
from agentmesh.cli.parameters import StoreOption


def view(
    *,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Id of a run or the start of it, its directory, or `latest`; all runs without.",
            autocompletion=completion.run_ids,
        ),
    ] = None,
    store: StoreOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free one.")
    ] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; this machine alone by default.")
    ] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Let --host be an address that others reach: who has the link reads all runs of "
            "the store, and nothing is encrypted.",
        ),
    ] = False,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Let the page make branches: runs the program, and perhaps models and tools.",
        ),
    ] = False,
    opens: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open the browser.")
    ] = True,
    caches: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache", help="Whether to keep what is made of big runs, for next time."
        ),
    ] = True,
) -> int:
    """Look at runs in the browser: timeline, messages, state at any event, two runs compared."""
    from agentmesh.cli import view_command

    wanted = view_command.Wanted(
        host=host,
        port=port,
        allow_remote=allow_remote,
        control=control,
        opens=opens,
        caches=caches,
    )
    return view_command.view(run, wanted, store=store)
