"""`agentmesh runs`: what is in the store, the newest first."""

from typing import Any

import msgspec

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.run_command import store_words
from agentmesh.cli.wording import NS_PER_SECOND, compact, day, dollars, shortened, took, visible
from agentmesh.effects.prices import Cost
from agentmesh.errors import AgentMeshError
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.condition import Condition, condition_of
from agentmesh.mesh.costs import cost_of_run
from agentmesh.mesh.options import store_location

STATUS_STYLES = {
    "done": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "red",
    "running": "cyan",
}

_VALUE_MAX = 200


def list_runs(*, store: str | None, limit: int, costs: bool, as_json: bool) -> int:
    """Show the newest runs of a store."""
    location = store_location(store)
    every = Store(location).list_runs(on_problem=_tell_unreadable)
    newest = [(info, _condition(location, info)) for info in every[: -limit - 1 : -1]]
    sums = {info.id: _cost(location, info) for info, _ in newest} if costs else {}
    if as_json:
        terminal.print_json(
            [
                {**info_json(info, condition), **_cost_json(sums.get(info.id))}
                for info, condition in newest
            ]
        )
        return exit_codes.OK
    if not newest:
        terminal.say(f"No runs in {location} yet. Make some with `agentmesh demo`.")
        return exit_codes.OK
    headers = ("run", "status", "workflow", "started", "took", *(("cost",) if costs else ()))
    table = terminal.table(*headers, "result", right=["took", "cost"], cut=["result"])
    for info, condition in newest:
        status = condition.status
        table.add_row(
            visible(info.id),
            terminal.styled(status, STATUS_STYLES.get(status, "")),
            visible(info.workflow),
            day(info.created_at_ns),
            how_long(info),
            *([_sum(sums[info.id])] if costs else []),
            terminal.one_line(_note(info, condition), "red" if info.error else ""),
        )
    terminal.show(table)
    resumable = [info.id for info, condition in newest if condition.can_resume]
    if resumable:
        others = f" ({len(resumable) - 1} more)" if len(resumable) > 1 else ""
        terminal.hint(f"agentmesh resume {resumable[0]}{store_words(store)}{others}")
    if len(every) > limit:
        terminal.hint(f"{len(every) - limit:,} older runs: agentmesh runs --limit {len(every)}")
    return exit_codes.OK


def _condition(location: str, info: RunInfo) -> Condition:
    try:
        with Store(location).open_run(info.id) as run:
            return condition_of(run)
    except AgentMeshError:  # gone meanwhile, or damaged: what is known is shown
        return Condition(status=info.status)


def _cost(location: str, info: RunInfo) -> Cost | None:
    try:
        with Store(location).open_run(info.id) as run:
            return cost_of_run(run)
    except AgentMeshError:
        return None


def _cost_json(cost: Cost | None) -> dict[str, Any]:
    return {} if cost is None else {"cost": cost.as_json()}


def _sum(cost: Cost | None) -> str:
    if cost is None or cost.usd is None:
        return "unknown"
    return dollars(cost.usd) if cost.models else ""


def info_json(info: RunInfo, condition: Condition) -> dict[str, Any]:
    """Return what is known about a run as plain values."""
    return {
        **msgspec.to_builtins(info),
        "status": condition.status,
        "driven_by": condition.driver.shown if condition.driver else None,
        "can_resume": condition.can_resume,
    }


def _note(info: RunInfo, condition: Condition) -> str:
    """Return what a run came to, or who is at it, in a few words."""
    if condition.driver is not None:
        return f"driven by {visible(condition.driver.shown)}"
    return result_of(info)


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
