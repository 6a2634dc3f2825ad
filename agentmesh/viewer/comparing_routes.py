"""The routes about two runs, and about what others have found out about one."""

from starlette.requests import Request
from starlette.responses import Response

from agentmesh.viewer import asked, findings
from agentmesh.viewer.answers import BINARY, JSON, answer
from agentmesh.viewer.catalogue import Catalogue
from agentmesh.viewer.comparing import diff_json, payload_diff_json
from agentmesh.viewer.desk import Desk
from agentmesh.viewer.events import EventTeller
from agentmesh.viewer.identities import Identities
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.routing import Answering

_ROWS_MAX = 250_000


class ComparingRoutes:
    """Answers about two runs.

    Args:
        desk: The runs.
        catalogue: What is said of a run in short.
    """

    def __init__(self, desk: Desk, catalogue: Catalogue) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._identities = Identities()

    def routes(self) -> dict[str, Answering]:
        """Return what answers, by path."""
        return {
            "/api/diff": self._diff,
            "/api/diff/payload": self._payloads,
            "/api/runs/{run}/identities": self._of_events,
            "/api/runs/{run}/findings": self._findings,
            "/api/runs/{run}/findings/{name}": self._finding,
        }

    def _diff(self, request: Request) -> Response:
        one, other = (self._desk.run(asked.text(request, name)) for name in ("a", "b"))
        found = diff_json(one, other)
        return answer({"a": self._said(one), "b": self._said(other), **found})

    def _payloads(self, request: Request) -> Response:
        sides = []
        for name in ("a", "b"):
            opened = self._desk.run(asked.text(request, name))
            ref = asked.text(request, f"{name}_ref")
            part = asked.text(request, f"{name}_part", "event")
            with opened.reader() as run:
                sides.append(EventTeller(opened, run).payload(ref, part))
        return answer(payload_diff_json(*sides))

    def _of_events(self, request: Request) -> Response:
        since = asked.number(request, "since", 0)
        limit = asked.number(request, "limit", _ROWS_MAX, most=_ROWS_MAX)
        opened = self._desk.run(request.path_params["run"])
        return Response(self._identities.body(opened, since, limit), media_type=BINARY)

    def _findings(self, request: Request) -> Response:
        with self._desk.open(request.path_params["run"]) as run:
            return answer({"findings": findings.findings_json(run)})

    def _finding(self, request: Request) -> Response:
        with self._desk.open(request.path_params["run"]) as run:
            data = findings.read(run, request.path_params["name"])
        return Response(data, media_type=JSON)

    def _said(self, opened: OpenRun) -> dict[str, object]:
        return self._catalogue.run(opened.info, opened.condition, opened)
