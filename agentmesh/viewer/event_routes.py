"""The routes about single events and what connects them."""

from starlette.requests import Request
from starlette.responses import Response

from agentmesh.viewer import asked
from agentmesh.viewer.answers import answer
from agentmesh.viewer.causes import BY, DIRECTIONS, Causes
from agentmesh.viewer.desk import Desk, must_be
from agentmesh.viewer.events import EventTeller
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.parts import debug_line
from agentmesh.viewer.payloads import SHOWN_BYTES, SHOWN_BYTES_MAX
from agentmesh.viewer.routing import Answering
from agentmesh.viewer.searches import Searches, Wanted

_EVENTS = 20
_EVENTS_MAX = 500
_WAITS = 200
_WAITS_MAX = 1_000
_HITS = 200
_HITS_MAX = 5_000


class EventRoutes:
    """Answers about events.

    Args:
        desk: The runs.
        searches: What goes on.
    """

    def __init__(self, desk: Desk, searches: Searches) -> None:
        self._desk = desk
        self._searches = searches

    def routes(self) -> dict[str, Answering]:
        """Return what answers, by path."""
        base = "/api/runs/{run}"
        return {
            f"{base}/event": self._event,
            f"{base}/payload": self._payload,
            f"{base}/causes": self._causes,
            f"{base}/effects-of": self._effects_of,
            f"{base}/waits": self._waits,
            f"{base}/critical-path": self._critical_path,
            f"{base}/steps": self._steps,
            f"{base}/search": self._search,
            f"{base}/debug-line": self._debug_line,
        }

    def _event(self, request: Request) -> Response:
        opened, ref = self._opened(request), asked.text(request, "ref")
        limit = asked.number(request, "limit", SHOWN_BYTES, most=SHOWN_BYTES_MAX)
        with opened.reader() as run:
            return answer(EventTeller(opened, run).event(ref, limit))

    def _payload(self, request: Request) -> Response:
        opened, ref = self._opened(request), asked.text(request, "ref")
        part = asked.text(request, "part", "event")
        offset = asked.number(request, "offset", 0)
        length = asked.number(request, "length", SHOWN_BYTES_MAX, most=SHOWN_BYTES_MAX)
        with opened.reader() as run:
            data = EventTeller(opened, run).payload(ref, part)
        headers = {"x-total-bytes": str(len(data)), "x-offset": str(offset)}
        return Response(data[offset : offset + length], media_type="text/plain", headers=headers)

    def _causes(self, request: Request) -> Response:
        opened, ref, limit = self._opened(request), asked.text(request, "ref"), _limit(request)
        with opened.reader() as run:
            return answer(Causes(opened).why(run, ref, limit))

    def _effects_of(self, request: Request) -> Response:
        opened, ref, limit = self._opened(request), asked.text(request, "ref"), _limit(request)
        with opened.reader() as run:
            return answer(Causes(opened).effects_of(run, ref, limit))

    def _waits(self, request: Request) -> Response:
        opened = self._opened(request)
        agent = asked.text(request, "agent", "")
        limit = asked.number(request, "limit", _WAITS, most=_WAITS_MAX)
        return answer(Causes(opened).waits(agent, limit))

    def _critical_path(self, request: Request) -> Response:
        return answer(Causes(self._opened(request)).critical_path(asked.text(request, "to", "")))

    def _steps(self, request: Request) -> Response:
        opened, ref = self._opened(request), asked.text(request, "ref")
        by = must_be(asked.text(request, "by", "event"), BY, "way to step")
        direction = must_be(asked.text(request, "direction", "next"), DIRECTIONS, "direction")
        with opened.reader() as run:
            return answer(Causes(opened).step(EventTeller(opened, run), ref, by, direction))

    def _search(self, request: Request) -> Response:
        opened = self._opened(request)
        limit = asked.number(request, "limit", _HITS, least=1, most=_HITS_MAX)
        cursor = asked.text(request, "cursor", "")
        if cursor:
            return answer(self._searches.more(opened, cursor, limit))
        opened.wait_complete()
        wanted = Wanted(
            text=asked.text(request, "text", ""),
            agents=tuple(request.query_params.getlist("agent")),
            kinds=tuple(request.query_params.getlist("kind")),
            type=asked.text(request, "type", ""),
            where=asked.text(request, "where", ""),
            failed=asked.flag(request, "failed"),
        )
        return answer(self._searches.start(opened, wanted, limit))

    def _debug_line(self, request: Request) -> Response:
        opened = self._opened(request)
        event = opened.graph().order.find(asked.text(request, "ref"))
        return answer({"text": debug_line(opened.id, event)})

    def _opened(self, request: Request) -> OpenRun:
        return self._desk.run(request.path_params["run"])


def _limit(request: Request) -> int:
    if not asked.flag(request, "tree", default=True):
        return 0
    return asked.number(request, "limit", _EVENTS, least=1, most=_EVENTS_MAX)
