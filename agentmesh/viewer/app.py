"""The routes of the viewer's server: what is asked, by whom it is answered.

Answers are made in threads, as they read files; the loop only takes and sends. What a route does
is in the module that it calls.
"""

import asyncio
import time
from http import HTTPStatus
from importlib import metadata
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentmesh.errors import AgentMeshError
from agentmesh.viewer import asked, files
from agentmesh.viewer.answers import BINARY, Refusal, answer, failed
from agentmesh.viewer.catalogue import Catalogue, info_json, parents_of
from agentmesh.viewer.comparing_routes import ComparingRoutes
from agentmesh.viewer.desk import Desk, must_be
from agentmesh.viewer.event_routes import EventRoutes
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.program import Programs
from agentmesh.viewer.program_routes import ProgramRoutes
from agentmesh.viewer.routing import Answering, answering_with, in_thread
from agentmesh.viewer.searches import Searches
from agentmesh.viewer.tables import DICTIONARIES, TABLES

ROWS_MAX = 250_000
_ROWS = 100_000
_PREVIEWS_MAX = 500
_WAIT_SECONDS_MAX = 25
_LOOK_SECONDS = 0.1


class Viewer:
    """What the routes answer from.

    Args:
        desk: The runs.
        control: Whether runs may be branched.
        control_token: What the page needs for that.
    """

    def __init__(self, desk: Desk, *, control: bool = False, control_token: str = "") -> None:
        self.desk = desk
        self.catalogue = Catalogue(desk)
        self.searches = Searches()
        self.programs = Programs(desk.store.location)
        self._running = ProgramRoutes(desk, self.programs)
        self.control = control
        self.control_token = control_token

    def close(self) -> None:
        """Let go of all runs."""
        self.catalogue.close()
        self.searches.close()
        self.programs.end()
        self.desk.close()

    def app(self) -> Starlette:
        """Return the ASGI application, without the guard that stands before it."""
        reading: dict[str, Answering] = {
            "/": files.page,
            "/static/{name:path}": files.static,
            "/api/config": self._config,
            "/api/runs": self._runs,
            "/api/runs/{run}": self._run,
            "/api/runs/{run}/columns/{table}": self._columns,
            "/api/runs/{run}/previews/{table}": self._previews,
            **EventRoutes(self.desk, self.searches).routes(),
            **ComparingRoutes(self.desk, self.catalogue).routes(),
            **self._running.routes(),
        }
        routes = [Route(path, in_thread(handler)) for path, handler in reading.items()]
        routes.append(Route("/api/runs/{run}/live", answering_with(self._live)))
        fork = answering_with(self._running.fork)
        routes.append(Route("/api/runs/{run}/fork", fork, methods=["POST"]))
        handlers: dict[Any, Any] = {
            Refusal: _refuse,
            AgentMeshError: _fail,
            HTTPException: _missing,
            Exception: _fail,
        }
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False
        return app

    # --- runs -------------------------------------------------------------------------------------

    def _config(self, request: Request) -> Response:
        del request
        return answer(
            {
                "version": metadata.version("agentmesh"),
                "control": self.control,
                "control_token": self.control_token if self.control else None,
                "store": self.desk.store.location,
                "run": self.desk.named_id,
                "questions": False,
            }
        )

    def _runs(self, request: Request) -> Response:
        said = self.catalogue.listed()
        if asked.text(request, "seen", "") == said["version"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED)
        return answer(said)

    def _run(self, request: Request) -> Response:
        opened = self._opened(request)
        _wait_a_little(opened)
        _raise_if_unreadable(opened)
        return answer(info_json(self.catalogue, opened, lambda info: parents_of(self.desk, info)))

    async def _live(self, request: Request) -> Response:
        wait = asked.number(request, "wait", 0, most=_WAIT_SECONDS_MAX)
        seen = asked.number(request, "seen", 0)
        generation = asked.number(request, "generation", 0)
        end = time.monotonic() + wait
        while True:
            opened = await run_in_threadpool(self._opened, request)
            opened.stir()
            said = opened.live()
            _raise_if_gone(opened)
            is_new = said["version"] != seen or said["generation"] != generation
            if is_new or time.monotonic() >= end or await request.is_disconnected():
                return answer(said)
            await asyncio.sleep(_LOOK_SECONDS)

    # --- columns ----------------------------------------------------------------------------------

    def _columns(self, request: Request) -> Response:
        opened = self._opened(request)
        opened.stir()
        name = must_be(request.path_params["table"], TABLES, "table")
        since = asked.number(request, "since", 0)
        limit = asked.number(request, "limit", _ROWS, most=ROWS_MAX)
        seen = asked.number(request, "seen", 0)
        wanted = asked.number(request, "generation", 0)
        _raise_if_unreadable(opened)
        generation, building, complete = opened.generation, opened.building, opened.complete
        if wanted and wanted != generation:
            raise Refusal(
                HTTPStatus.CONFLICT,
                "GenerationError",
                f"The rows of generation {wanted} are gone: now it is {generation}.",
                fix="Read the columns from the start.",
            )
        header = {
            "generation": generation,
            "version": building.version,
            "complete": complete,
            "dictionaries": {
                each: getattr(building.rows, each).texts for each in DICTIONARIES[name]
            },
        }
        return Response(building.tables[name].body(since, limit, seen, header), media_type=BINARY)

    def _previews(self, request: Request) -> Response:
        opened = self._opened(request)
        name = must_be(request.path_params["table"], ("messages", "effects", "logs"), "table")
        rows = asked.rows(asked.text(request, "rows"), _PREVIEWS_MAX)
        building = opened.building
        table, previews = building.tables[name], building.previews
        said = []
        for row in rows:
            if row < table.rows:
                text, cut = previews.text(name, row)
                size = int(table.columns["bytes"][row]) if name == "messages" else 0
                said.append({"row": row, "text": text, "bytes": size, "cut": cut})
        return answer({"generation": opened.generation, "previews": said})

    def _opened(self, request: Request) -> OpenRun:
        return self.desk.run(request.path_params["run"])


def _wait_a_little(opened: OpenRun) -> None:
    """Give a small run the moment it takes to be read, so that its page is whole at once."""
    end = time.monotonic() + _FIRST_SECONDS
    opened.stir()
    while not opened.complete and opened.error is None and time.monotonic() < end:
        time.sleep(_STEP_SECONDS)


def _raise_if_gone(opened: OpenRun) -> None:
    if opened.is_gone and opened.error is not None:
        raise opened.error


def _raise_if_unreadable(opened: OpenRun) -> None:
    """Refuse what nothing is known of; what was read before damage was met can be looked at."""
    _raise_if_gone(opened)
    if opened.error is not None and not opened.building.tables["turns"].rows:
        raise opened.error


def _refuse(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, Refusal)
    return error.response()


def _fail(request: Request, error: Exception) -> Response:
    del request
    return failed(error)


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    what = f"There is nothing at {request.url.path[:200]}." if status == 404 else status.phrase  # noqa: PLR2004
    return Refusal(status, "NotFoundError", what).response()


_FIRST_SECONDS = 0.7
_STEP_SECONDS = 0.01
