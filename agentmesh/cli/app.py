"""The command line: which commands there are, and how their errors become exit codes."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agentmesh.cli import exit_codes, hash_seed
from agentmesh.cli.commands import (
    branching,
    debugging,
    experimenting,
    exporting,
    finding,
    looking,
    running,
    sharing,
    surroundings,
    testing,
    travelling,
    viewing,
)
from agentmesh.cli.failures import complain, exit_code_of
from agentmesh.errors import AgentMeshError

_DEBUG = "--debug"
_DEBUG_VARIABLE = "AGENTMESH_DEBUG"


class Guarded(TyperGroup):
    """Turns errors into short texts and exit codes; knows `--debug` wherever it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` out of the arguments, so that it may follow any command."""
        debug = _DEBUG in args or os.environ.get(_DEBUG_VARIABLE, "") not in ("", "0")
        rest = [word for word in args if word != _DEBUG]
        kept = super().parse_args(ctx, rest)
        ctx.obj = debug
        return kept

    def invoke(self, ctx: Any) -> Any:
        """Run a command; its return value is the exit code."""
        try:
            code = super().invoke(ctx)
        except AgentMeshError as error:
            complain(error, debug=bool(ctx.obj))
            code = exit_code_of(error)
        except BrokenPipeError:
            # Whoever read the output has seen enough: `agentmesh log | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = exit_codes.OK
        raise typer.Exit(code or exit_codes.OK)


app = typer.Typer(
    name="agentmesh",
    cls=Guarded,
    help="Run multi-agent programs on Ray. Replay any run, bit for bit, on a laptop.",
    epilog="Exit codes: 0 ok, 1 failed, 2 used wrongly, 3 a replay diverged, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(
    help="A simulated model provider, and which models can be reached.", no_args_is_help=True
)

_START, _LOOK, _OTHER = "Run", "Look and replay", "Surroundings"


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        from importlib import metadata

        typer.echo(f"agentmesh {metadata.version('agentmesh')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show tracebacks; may also stand after a command.")
    ] = False,
) -> None:
    """Take the options that go before a command."""
    del version, debug


PANELS: dict[str, list[Callable[..., int]]] = {
    _START: [running.demo, running.run, running.resume],
    _LOOK: [
        looking.runs,
        looking.show,
        viewing.view,
        looking.log,
        looking.replay,
        looking.audit,
    ],
    "Time travel": [
        travelling.state,
        travelling.when,
        debugging.debug,
        travelling.why,
        travelling.effects_of,
        travelling.waits,
        travelling.search,
    ],
    "What if": [branching.fork, finding.races, finding.why_failed, experimenting.experiment],
    "Compare and check": [testing.check, testing.diff, testing.lint],
    "Share": [sharing.import_],
}
for panel, functions in PANELS.items():
    for function in functions:
        words = function.__name__.rstrip("_").replace("_", "-")  # `import` can't name a function
        app.command(words, rich_help_panel=panel)(function)
models.command("serve")(surroundings.models_serve)
models.command("list")(surroundings.models_list)
app.add_typer(exporting.app, name="export", rich_help_panel="Share")
app.add_typer(models, name="models", rich_help_panel=_OTHER)
app.command(rich_help_panel=_OTHER)(surroundings.doctor)


def main() -> None:
    """Run the command: the entry point of the console script."""
    hash_seed.claim_process()
    app()
