"""`agentmesh runs`: what is in the store, the newest first."""

import msgspec

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.wording import NS_PER_SECOND, compact, day, shortened, took, visible
from agentmesh.errors import AgentMeshError
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.options import store_location

STATUS_STYLES = {
    "done": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "red",
    "running": "cyan",
}

_VALUE_MAX = 200


def list_runs(*, store: str | None, limit: int, as_json: bool) -> int:
    """Show the newest runs of a store."""
    location = store_location(store)
    every = Store(location).list_runs(on_problem=_tell_unreadable)
    newest = every[: -limit - 1 : -1]
    if as_json:
        terminal.print_json([msgspec.to_builtins(info) for info in newest])
        return exit_codes.OK
    if not newest:
        terminal.say(f"No runs in {location} yet. Make some with `agentmesh demo`.")
        return exit_codes.OK
    headers = ("run", "status", "workflow", "started", "took", "result")
    table = terminal.table(*headers, right=["took"], cut=["result"])
    for info in newest:
        table.add_row(
            visible(info.id),
            terminal.styled(info.status, STATUS_STYLES.get(info.status, "")),
            visible(info.workflow),
            day(info.created_at_ns),
            how_long(info),
            terminal.one_line(result_of(info), "red" if info.error else ""),
        )
    terminal.show(table)
    if len(every) > limit:
        terminal.hint(f"{len(every) - limit:,} older runs: agentmesh runs --limit {len(every)}")
    return exit_codes.OK


def how_long(info: RunInfo) -> str:
    """Return how long a run took, or nothing while it goes on."""
    if not info.ended_at_ns:
        return ""
    return took((info.ended_at_ns - info.created_at_ns) / NS_PER_SECOND)


def result_of(info: RunInfo) -> str:
    """Return what a run came to, in a few words."""
    if isinstance(info.error, dict):
        kind = str(info.error.get("type", "")).rpartition(".")[2]
        text = f"{kind}: {info.error.get('what', '')}"
        return shortened(visible(text), _VALUE_MAX)
    return "" if info.status != "done" else shortened(compact(info.result), _VALUE_MAX)


def _tell_unreadable(run_id: str, error: AgentMeshError) -> None:
    terminal.say(f"agentmesh: run {visible(run_id)} can't be read: {visible(str(error))}")
