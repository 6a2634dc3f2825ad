"""The routes that run the program: states of agents, questions over them, branches."""

import json
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from agentmesh.causality.order import EventRef
from agentmesh.errors import UsageError
from agentmesh.mesh.naming import agent_called
from agentmesh.viewer import asked
from agentmesh.viewer.answers import Refusal, answer
from agentmesh.viewer.desk import Desk
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.program import SECONDS, SECONDS_MAX, Programs
from agentmesh.viewer.routing import Answering

STATES_MAX = 100
"""Agents whose states are told at once."""
_FORK_SECONDS = 120
_SPANS = 200
_SPANS_MAX = 2_000


class ProgramRoutes:
    """Answers for which the program runs.

    Args:
        desk: The runs.
        programs: Their processes.
    """

    def __init__(self, desk: Desk, programs: Programs) -> None:
        self._desk = desk
        self._programs = programs

    def routes(self) -> dict[str, Answering]:
        """Return what answers, by path."""
        base = "/api/runs/{run}"
        return {
            f"{base}/state": self._state,
            f"{base}/states": self._states,
            f"{base}/when": self._when,
        }

    async def fork(self, request: Request) -> Response:
        """Make a branch; the guard has seen to it that it may be made."""
        try:
            wanted = json.loads(await request.body())
        except (ValueError, RecursionError, ClientDisconnect) as error:
            raise asked.refused("body", f"is no JSON: {error}") from None
        if not isinstance(wanted, dict) or not isinstance(wanted.get("edits", []), list):
            raise asked.refused("body", "is no object with a list of edits")
        seconds = wanted.get("seconds", _FORK_SECONDS)
        if not isinstance(seconds, int | float) or not 0 < seconds <= SECONDS_MAX:
            raise asked.refused("seconds", f"may be up to {SECONDS_MAX:g}")
        opened = await run_in_threadpool(self._desk.run, request.path_params["run"])
        question = {
            "do": "fork",
            **{name: wanted.get(name) for name in ("at", "policy", "irreversible")},
            "edits": wanted.get("edits", []),
        }
        return answer(await run_in_threadpool(self._ask, opened, question, seconds))

    def _state(self, request: Request) -> Response:
        opened, event = self._event(request)
        order = opened.graph().order
        cut = order.cut(event.number)
        name = asked.text(request, "agent", "")
        address = agent_called(name, order.addresses, opened.id) if name else event.address
        step = event.step if address == event.address else cut.get(address)
        if step is None:
            raise UsageError(
                f"{address} had not begun to live at {event}.",
                fix="Ask about a later event.",
            )
        question = self._views(request, [[address, step]], changes=True)
        question["before"] = asked.flag(request, "before")
        found = self._ask(opened, question, _seconds(request))[0]
        if "error" in found:
            said = found["error"]
            raise Refusal(
                HTTPStatus(said["status"]),
                said["type"],
                said["what"],
                cause=said["cause"],
                fix=said["fix"],
            )
        agents = opened.building.rows.by_address
        return answer(
            {
                "ref": str(event),
                "row": event.number,
                "at_ns": event.at - opened.building.rows.start_ns,
                "agent": {**found["view"], "ref": f"{address}@{step}"},
                "changes": found["changes"],
                "before": found.get("before"),
                "cut": [[agents[one].index, last] for one, last in cut.items()],
            }
        )

    def _states(self, request: Request) -> Response:
        opened, event = self._event(request)
        cut = opened.graph().order.cut(event.number)
        agents = opened.building.rows
        wanted = asked.text(request, "agents", "")
        every = [agent.index for agent in agents.agents if agent.address in cut]
        chosen = asked.rows(wanted, STATES_MAX + 1) if wanted else every[:STATES_MAX]
        known = [index for index in chosen if index < len(agents.agents)]
        pairs = [
            [address, cut[address]]
            for address in (agents.agents[index].address for index in known)
            if address in cut
        ]
        found = self._ask(opened, self._views(request, pairs, changes=False), _seconds(request))
        views = [
            {
                "agent_index": agents.by_address[one["address"]].index,
                "ref": f"{one['address']}@{one['step']}",
                "view": one.get("view"),
                "error": one.get("error"),
            }
            for one in found
        ]
        left_out = 0 if wanted else len(every) - len(views)
        return answer(
            {"ref": str(event), "row": event.number, "views": views, "left_out": left_out}
        )

    def _when(self, request: Request) -> Response:
        opened = self._desk.run(request.path_params["run"])
        expression, agent = asked.text(request, "expr"), asked.text(request, "agent", "")
        limit = asked.number(request, "limit", _SPANS, least=1, most=_SPANS_MAX)
        question = {"do": "when", "expr": expression, "agent": agent, "version": opened.version}
        found = self._ask(opened, question, _seconds(request))
        order, start = opened.graph().order, opened.building.rows.start_ns
        spans = found["spans"][:limit]
        for span in spans:
            first, last = order.find(span["first"]), order.find(span["last"])
            span |= {"row": first.number, "last_row": last.number}
            span |= {"at_ns": first.at - start, "last_at_ns": last.at - start}
        found["left_out"] += len(found["spans"]) - len(spans)
        found["spans"] = spans
        return answer(found)

    def _views(self, request: Request, pairs: list[list[Any]], *, changes: bool) -> dict[str, Any]:
        anyway = asked.flag(request, "anyway")
        return {"do": "views", "agents": pairs, "changes": changes, "anyway": anyway}

    def _ask(self, opened: OpenRun, question: dict[str, Any], seconds: float) -> Any:
        path = self._desk.place(opened.id)
        question = {"version": opened.version, **question}
        said = self._programs.ask(opened.id, path, opened.info.hash_seed, question, seconds)
        return said["answer"]

    def _event(self, request: Request) -> tuple[OpenRun, EventRef]:
        opened = self._desk.run(request.path_params["run"])
        opened.stir()
        return opened, opened.graph().order.find(asked.text(request, "ref"))


def _seconds(request: Request) -> float:
    return asked.number(request, "seconds", int(SECONDS), least=1, most=300)
