"""`agentmesh export otlp|perfetto|chrome|parquet`: runs for other tools."""

from dataclasses import asdict
from pathlib import Path

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.wording import counted, size, visible
from agentmesh.mesh import exporting
from agentmesh.telemetry.exporting import Exported


def otlp(
    name: str,
    *,
    endpoint: str | None,
    follow: bool,
    again: bool,
    patience_seconds: float,
    store: str | None,
    as_json: bool,
) -> int:
    """Send a run to an endpoint and return the exit code."""
    done = exporting.export_otlp(
        name,
        endpoint=endpoint,
        follow=follow,
        again=again,
        patience_seconds=patience_seconds,
        on_trouble=_on_trouble,
        store=store,
    )
    if as_json:
        terminal.print_json(asdict(done))
    else:
        terminal.show(terminal.styled(visible(_told(done)), "green"))
        if done.refused:
            why = f": {done.why_refused}" if done.why_refused else ""
            terminal.say(
                f"agentmesh: the endpoint has not taken {counted(done.refused, 'span')}{why}"
            )
        if not done.complete:
            terminal.hint(f"agentmesh export otlp {done.run} --follow")
    return exit_codes.FAILED if done.refused else exit_codes.OK


def _told(done: Exported) -> str:
    if not done.spans and done.was_complete:
        return f"{done.run}: {done.endpoint} has all of it; --again sends it once more"
    where = f" to {done.endpoint}" if done.endpoint else ""
    state = "" if done.complete else "; the run goes on"
    return f"{done.run}: {counted(done.spans, 'span')}{where}{state}"


def _on_trouble(why: str) -> None:
    if why:
        terminal.say(visible(f"agentmesh: the endpoint does not answer, trying again: {why}"))
    else:
        terminal.say("agentmesh: the endpoint answers again")


def drawing(
    name: str,
    form: str,
    output: Path | None,
    *,
    overwrite: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Write a file for trace viewers and return the exit code."""
    with terminal.working("exporting"):
        done = exporting.export_drawing(name, form, output, overwrite=overwrite, store=store)
    if as_json:
        terminal.print_json({**asdict(done), "path": str(done.path)})
        return exit_codes.OK
    told = f"{done.path}: {counted(done.spans, 'span')}, {size(done.size)}"
    terminal.show(terminal.styled(visible(told), "green"))
    terminal.hint("open it in https://ui.perfetto.dev (it stays in your browser)")
    return exit_codes.OK


def parquet(name: str, output: Path, *, overwrite: bool, store: str | None, as_json: bool) -> int:
    """Add a run to a dataset and return the exit code."""
    with terminal.working("exporting"):
        done = exporting.export_parquet(name, output, overwrite=overwrite, store=store)
    if as_json:
        terminal.print_json({**asdict(done), "directory": str(done.directory)})
        return exit_codes.OK
    told = f"{done.directory}: {counted(done.rows, 'row')}, {size(done.size)}"
    terminal.show(terminal.styled(visible(told), "green"))
    terminal.hint(f"duckdb -init {visible(str(done.directory))}/views.sql")
    return exit_codes.OK
