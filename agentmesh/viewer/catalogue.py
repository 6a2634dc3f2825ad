"""The list of runs, with figures; and what is said of one run before its events are looked at.

Figures take a reading of the whole run. Those of runs that have ended are counted by a thread,
the newest first, once for each; the list has them as they come.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

from agentmesh.causality.figures import Figures, figures
from agentmesh.errors import AgentMeshError
from agentmesh.journal import strings
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh.condition import Condition, condition_of
from agentmesh.mesh.costs import cost_of
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.answers import dumped, said_of
from agentmesh.viewer.desk import Desk
from agentmesh.viewer.opened import OpenRun

RESULT_MAX = 200
VALUE_MAX = 64 * 1024
"""Bytes of an input or result that is told with the run; larger ones are looked at by event."""

_WELL = ("done", "continued")


class Catalogue:
    """All runs of a store.

    Args:
        desk: The runs that are open.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._figures: dict[tuple[str, int], dict[str, Any] | None] = {}
        self._wanted: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def close(self) -> None:
        """Stop counting."""
        self._closed = True
        thread = self._thread
        if thread is not None:
            thread.join(_JOIN_SECONDS)

    def listed(self) -> dict[str, Any]:
        """Return all runs, the newest first."""
        infos, problems = self._desk.runs()
        said = [self._said(info) for info in reversed(infos)]
        pending = sum(one["figures"] is None and not one["growing"] for one in said)
        if pending:
            self._count()
        body: dict[str, Any] = {
            "runs": said,
            "problems": [
                {"id": run_id, "error": said_of(error)} for run_id, error in problems.items()
            ],
            "pending": pending,
        }
        body["version"] = hashlib.sha256(dumped(body)).hexdigest()[:16]
        return body

    def run(self, info: RunInfo, condition: Condition, opened: OpenRun | None) -> dict[str, Any]:
        """Return what is said of one run in the list."""
        own = [each for each in info.interventions if _branch(each) == info.id]
        growing = condition.driver is not None
        return {
            "id": info.id,
            "status": condition.status,
            "workflow": info.workflow,
            "program": info.entry.file or info.entry.module,
            "started_ms": info.created_at_ns / 1e6,
            "duration_ns": info.ended_at_ns - info.created_at_ns if info.ended_at_ns else None,
            "driver": info.driver,
            "parent": info.parent,
            "fork_event": next((str(each.get("event", "")) for each in own), ""),
            "edits": own,
            "error": info.error,
            "result": _short(info),
            "growing": growing,
            "can_resume": condition.can_resume,
            "figures": self._figures_of(info, opened, growing=growing),
        }

    def _said(self, info: RunInfo) -> dict[str, Any]:
        condition = Condition(status=info.status)
        with contextlib.suppress(AgentMeshError), self._desk.open(info.id) as run:
            condition = condition_of(run)
            info = run.info
        return self.run(info, condition, self._desk.opened(info.id))

    def _figures_of(
        self, info: RunInfo, opened: OpenRun | None, *, growing: bool
    ) -> dict[str, Any] | None:
        if opened is not None and opened.complete:
            return figures_of_columns(opened)
        key = (info.id, info.ended_at_ns)
        if key in self._figures:
            return self._figures[key]
        if not growing:
            with self._lock:
                if key not in self._wanted:
                    self._wanted.append(key)
        return None

    def _count(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, name="agentmesh-viewer-figures", daemon=True
                )
                self._thread.start()

    def _work(self) -> None:
        while not self._closed:
            with self._lock:
                if not self._wanted:
                    return
                key = self._wanted[0]
            found: dict[str, Any] | None = None
            with contextlib.suppress(AgentMeshError, OSError), self._desk.open(key[0]) as run:
                found = figures_of_run(run)
            self._figures[key] = found if found is not None else _UNREADABLE
            with self._lock:
                self._wanted.remove(key)


def figures_of_run(run: RecordedRun) -> dict[str, Any]:
    """Count what a run did."""
    return figures_json(run.info, figures(run))


def figures_json(info: RunInfo, found: Figures) -> dict[str, Any]:
    """Return figures as the list has them."""
    cost = cost_of(info, found.usage)
    return {
        "agents": found.agents,
        "events": found.events,
        "messages": found.messages,
        "effects": sum(found.effects.values()),
        "turns": sum(found.outcomes.values()),
        "failures": sum(n for name, n in found.outcomes.items() if name not in _WELL),
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "cost_usd": cost.usd,
        "simulated_cost": cost.simulated,
    }


def figures_of_columns(opened: OpenRun) -> dict[str, Any]:
    """Return the figures of a run that is open."""
    building = opened.building
    said = building.total().as_json()
    simulated = any(name.startswith("sim-") for name in building.rows.models.texts)
    messages = said.pop("messages_in")
    said.pop("messages_out")
    return {
        "agents": len(building.agents),
        "events": building.events,
        "messages": messages,
        **said,
        "simulated_cost": simulated,
    }


def info_json(
    catalogue: Catalogue, opened: OpenRun, parents: Callable[[RunInfo], list[str]]
) -> dict[str, Any]:
    """Return all that is said of a run that is open, but for its events."""
    building, info = opened.building, opened.info
    figures_now = figures_of_columns(opened)
    return {
        **catalogue.run(info, opened.condition, opened),
        "figures": figures_now,
        **opened.live(),
        "start_ns": str(building.rows.start_ns),
        "start_ms": building.rows.start_ns / 1e6,
        "duration_ns": _duration(opened),
        "input": _value(info.input),
        "result": _value(info.result),
        "building": None if opened.complete else {"done": building.events, "of": None},
        "agents": agents_json(opened),
        "python": info.python,
        "agentmesh": info.agentmesh,
        "command": f"agentmesh show {info.id}",
        "parents": parents(info),
        "problem": building.problem,
        "error_reading": said_of(opened.error) if opened.error is not None else None,
    }


def agents_json(opened: OpenRun) -> list[dict[str, Any]]:
    """Return what is said of each agent."""
    start = opened.building.rows.start_ns
    found = []
    for agent in list(opened.building.agents):
        kind, _, key = agent.address.partition("/")
        count = len(agent.at)
        found.append(
            {
                "index": agent.index,
                "address": agent.address,
                "type": kind,
                "key": key,
                "events": count,
                "first_ns": agent.at[0] - start if count else 0,
                "last_ns": agent.at[count - 1] - start if count else 0,
                **agent.figures.as_json(),
            }
        )
    return found


def parents_of(desk: Desk, info: RunInfo) -> list[str]:
    """Return the runs that a branch comes from, the nearest first."""
    found: list[str] = []
    while info.parent and info.parent not in found and len(found) < _PARENTS_MAX:
        found.append(info.parent)
        try:
            with desk.open(info.parent) as run:
                info = run.info
        except AgentMeshError:
            break
    return found


def _duration(opened: OpenRun) -> int:
    agents = list(opened.building.agents)
    last = max((agent.at[-1] for agent in agents if len(agent.at)), default=0)
    return max(0, last - opened.building.rows.start_ns)


def _branch(intervention: Any) -> str:
    return str(intervention.get("branch", "")) if isinstance(intervention, dict) else ""


def _short(info: RunInfo) -> str | None:
    if info.status != "done":
        return None
    text = json.dumps(info.result, ensure_ascii=False)
    return text if len(text) <= RESULT_MAX else text[:RESULT_MAX] + "…"


def _value(value: Any) -> Any:
    size = len(strings.dumps(value))
    return value if size <= VALUE_MAX else {"too_large": size}


_PARENTS_MAX = 100
_JOIN_SECONDS = 10.0
_UNREADABLE: dict[str, Any] = {
    **dict.fromkeys(("agents", "events", "messages", "effects", "turns", "failures"), 0),
    **dict.fromkeys(("input_tokens", "output_tokens"), 0),
    "cost_usd": None,
    "simulated_cost": False,
    "unreadable": True,
}
