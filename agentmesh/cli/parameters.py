"""The options and arguments that several commands share. Imports typer and nothing heavy."""

from enum import StrEnum
from typing import Annotated

import typer

from agentmesh.cli import completion


class Level(StrEnum):
    """How important a line of the log is."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class Policy(StrEnum):
    """What a replay does where it diverges."""

    strict = "strict"
    resync = "resync"


class Durability(StrEnum):
    """What the journal survives."""

    process = "process"
    disk = "disk"


StoreOption = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|URL",
        help="Where runs are kept: $AGENTMESH_STORE, or ./.agentmesh/runs.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LocalOption = Annotated[bool, typer.Option("--local", help="Without Ray, in this process.")]
AgentsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="AGENT", help="Only this agent: `Type/key`, or a type; repeatable."),
]
HashSeedOption = Annotated[
    str | None,
    typer.Option(
        "--hash-seed",
        metavar="N|random",
        help="Order of sets of strings: $PYTHONHASHSEED, else drawn. Recorded; the command "
        "starts itself again under it.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]",
        help="Id of a run or the start of it, its directory, a packed `run.mesh`, or `latest`.",
        autocompletion=completion.run_ids,
    ),
]
