"""`agentmesh export`: one command for each thing that a run can be given away as.

Without a form it is a packed run, as it has always been: `agentmesh export RUN -o run.mesh`.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agentmesh.cli.commands import sharing
from agentmesh.cli.parameters import JsonOption, RunArgument, StoreOption

_DEFAULT = "mesh"
_HELP = ("-h", "--help")


class Forms(TyperGroup):
    """Takes what is no form's name for the arguments of the default one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default form in front, unless a form is named or help is wanted."""
        named = bool(args) and (args[0] in self.commands or args[0] in _HELP)
        return super().parse_args(ctx, args if named else [_DEFAULT, *args])


app = typer.Typer(
    cls=Forms,
    help="Give a run away: packed as RUN.mesh by default, or to other tools.",
    no_args_is_help=False,
    context_settings={"help_option_names": list(_HELP)},
)

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="RUN.SUFFIX by default.", show_default=False
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def otlp(
    *,
    run: RunArgument = "latest",
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="OTLP over HTTP, as http://localhost:4318; $OTEL_EXPORTER_OTLP_ENDPOINT.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="From the start, whatever was sent before.")
    ] = False,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long nobody may answer.")
    ] = 30.0,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Send spans and metrics to an OpenTelemetry endpoint: Phoenix, Jaeger, Langfuse, a collector.

    Goes on from where the last export to that endpoint ended; sending twice changes nothing.
    Texts of models and messages are sent only if
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says so (SPAN_ONLY).
    """
    from agentmesh.cli import export_command

    return export_command.otlp(
        run,
        endpoint=endpoint,
        follow=follow,
        again=again,
        patience_seconds=patience,
        store=store,
        as_json=json,
    )


def perfetto(
    *,
    run: RunArgument = "latest",
    output: OutputOption = None,
    force: ForceOption = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Draw it: a lane per agent, arrows for messages. Open the file in https://ui.perfetto.dev."""
    from agentmesh.cli import export_command

    return export_command.drawing(
        run, "perfetto", output, overwrite=force, store=store, as_json=json
    )


def chrome(
    *,
    run: RunArgument = "latest",
    output: OutputOption = None,
    force: ForceOption = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """The same as JSON: for chrome://tracing, Perfetto, Speedscope."""
    from agentmesh.cli import export_command

    return export_command.drawing(run, "chrome", output, overwrite=force, store=store, as_json=json)


def parquet(
    *,
    run: RunArgument = "latest",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A dataset; it grows run by run.")
    ] = Path("agentmesh-parquet"),
    force: ForceOption = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Write tables for DuckDB, pandas and Ray Data, with views.sql: turns, effects, model calls."""
    from agentmesh.cli import export_command

    return export_command.parquet(run, output, overwrite=force, store=store, as_json=json)


app.command(_DEFAULT)(sharing.export)
for form in (otlp, perfetto, chrome, parquet):
    app.command(form.__name__)(form)
