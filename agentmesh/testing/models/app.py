"""The HTTP side of the simulator: routes, checks at the door, playing plans to clients.

Imported only when a server starts, because it imports starlette. Everything
that is decided is decided elsewhere; what is here is time (waiting), the
connection (closing it early where a plan says so) and the request log.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from http import HTTPStatus
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agentmesh.testing.models.api_errors import ApiError
from agentmesh.testing.models.chat_request import Request
from agentmesh.testing.models.daemon_thread import in_daemon_thread
from agentmesh.testing.models.engine import Decision, Simulator
from agentmesh.testing.models.explain import explanation, missing_endpoint
from agentmesh.testing.models.parsing import parse_chat, parse_embeddings
from agentmesh.testing.models.plans import Plan, plan_body, plan_decision, plan_error, plan_text
from agentmesh.testing.models.request_log import RequestLog
from agentmesh.testing.models.sampling import Draws
from agentmesh.testing.models.wire import date_of_answer, model_body

logger = logging.getLogger("agentmesh.testing.models")

# More than any prompt; a bound, so that a runaway client cannot fill the memory.
BODY_BYTES_MAX = 64 * 1024 * 1024

# A closed transport reports back in the loop's next rounds; this only ends a wait for ever.
_CLOSE_SECONDS = 5.0

CloseConnection = Callable[[object, str], None]
"""Ends the connection of a client, given the scope's `client` and a plan's `ending`."""

MakePlan = Callable[["Exchange"], Awaitable[Plan]]


class Provider:
    """The endpoints of one simulated provider."""

    def __init__(
        self,
        simulator: Simulator,
        log: RequestLog,
        *,
        hosts: Collection[str] | None,
        close: CloseConnection,
    ) -> None:
        self.simulator = simulator
        self.log = log
        self.close = close
        self._hosts = hosts

    def app(self) -> ASGIApp:
        """Return the ASGI application."""
        routes = [
            self._route("/", "GET", self._plan_explanation),
            self._route("/v1/models", "GET", self._plan_models),
            self._route("/v1/models/{name:path}", "GET", self._plan_model),
            self._route("/v1/chat/completions", "POST", self._plan_chat),
            self._route("/v1/embeddings", "POST", self._plan_embeddings),
        ]
        handlers = {HTTPException: self._refuse}
        app = Starlette(routes=routes, exception_handlers=handlers, max_body_size=BODY_BYTES_MAX)
        app.router.redirect_slashes = False
        return app

    def check_door(self, http: HttpRequest) -> None:
        """Refuse a request for another host or with another key.

        A web page can make a browser ask a name that leads to 127.0.0.1; the
        Host header gives it away.
        """
        host = _hostname(http.headers.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            message = f"The simulator answers on {', '.join(sorted(self._hosts))}, not on {host!r}."
            raise ApiError(403, message, code="host_not_allowed")
        key = self.simulator.config.api_key
        if key is not None and not secrets.compare_digest(
            http.headers.get("authorization", "").encode(), f"Bearer {key}".encode()
        ):
            message = (
                "Incorrect API key provided: it is not the key the simulator was started with."
            )
            raise ApiError(401, message, code="invalid_api_key")

    def _route(self, path: str, method: str, make: MakePlan) -> Route:
        async def endpoint(http: HttpRequest) -> ASGIApp:
            return Exchange(self, http, make, await http.body())

        return Route(path, endpoint, methods=[method])

    async def _refuse(self, http: HttpRequest, error: Exception) -> Response:
        """Answer for what has no endpoint, the wrong method, or too large a body."""
        assert isinstance(error, HTTPException)
        refusal = _as_api_error(http, error)

        async def make(_exchange: "Exchange") -> Plan:
            raise refusal

        # Starlette only ever calls what it gets here; the hint is narrower than need be.
        return cast("Response", Exchange(self, http, make, b""))

    async def _plan_explanation(self, exchange: "Exchange") -> Plan:
        base_url = f"http://{exchange.http.headers.get('host', '')}/v1"
        return plan_text(explanation(self.simulator.config, base_url))

    async def _plan_models(self, _exchange: "Exchange") -> Plan:
        listed = [model_body(model) for model in self.simulator.config.models]
        return plan_body({"object": "list", "data": listed})

    async def _plan_model(self, exchange: "Exchange") -> Plan:
        name = exchange.http.path_params["name"]
        model = self.simulator.config.model(name)
        if model is None:
            message = f"The model '{name}' does not exist"
            raise ApiError(404, message, param="model", code="model_not_found")
        return plan_body(model_body(model))

    async def _plan_chat(self, exchange: "Exchange") -> Plan:
        return await self._plan(exchange, parse_chat(exchange.json_body()))

    async def _plan_embeddings(self, exchange: "Exchange") -> Plan:
        return await self._plan(exchange, parse_embeddings(exchange.json_body()))

    async def _plan(self, exchange: "Exchange", request: Request) -> Plan:
        draws = self.simulator.admit(request)
        exchange.note(model=request.model, occurrence=draws.occurrence)
        decision = await self._decide(request, draws)
        exchange.note(rules=decision.rules)
        return plan_decision(request, decision, date_of_answer(seeded=self.simulator.seeded))

    async def _decide(self, request: Request, draws: Draws) -> Decision:
        if self.simulator.runs_user_code:
            return await in_daemon_thread(lambda: self.simulator.decide(request, draws))
        return self.simulator.decide(request, draws)


class Exchange:
    """One request and its response, as an ASGI application."""

    def __init__(self, provider: Provider, http: HttpRequest, make: MakePlan, raw: bytes) -> None:
        self.http = http
        self._provider = provider
        self._make = make
        self._raw = raw
        self._entry = provider.log.open(http.method, http.scope["path"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, unless the client goes away first."""
        respond = asyncio.create_task(self._respond(send))
        gone = asyncio.create_task(_wait_disconnected(receive))
        try:
            await asyncio.wait({respond, gone}, return_when=asyncio.FIRST_COMPLETED)
            if respond.done() and respond.result().ending != "complete":
                self._provider.close(scope["client"], respond.result().ending)
                await asyncio.wait({gone}, timeout=_CLOSE_SECONDS)
        finally:
            if not respond.done():
                self.note(outcome="abandoned")
            respond.cancel()
            gone.cancel()
            await asyncio.gather(respond, gone, return_exceptions=True)

    def json_body(self) -> object:
        """Return the request's JSON and keep it in the log.

        Raises:
            ApiError: It is not JSON.
        """
        try:
            body = json.loads(self._raw)
        except (ValueError, RecursionError) as error:
            message = (
                "We could not parse the JSON body of your request. (HINT: the API expects a JSON "
                f"payload, but what was sent was not valid JSON: {error}.)"
            )
            raise ApiError(400, message) from error
        if isinstance(body, dict):
            self.note(body=body)
        return cast("object", body)

    def note(self, **changes: object) -> None:
        """Write what is known by now into the request log."""
        self._entry = replace(self._entry, **changes)  # type: ignore[arg-type]
        self._provider.log.store(self._entry)

    async def _respond(self, send: Send) -> Plan:
        plan = await self._plan()
        *early, last = plan.writes
        for position, write in enumerate(early):
            await asyncio.sleep(write.after_seconds)
            if position == 0:
                self.note(status=plan.status)
                await self._send_head(plan, send)
            await _send_body(send, write.data, more=True)
        await asyncio.sleep(last.after_seconds)
        # Before the last bytes: whoever has read the response finds it in the log.
        self.note(status=plan.status, outcome=plan.outcome)
        if plan.ending != "reset":
            if not early:
                await self._send_head(plan, send)
            await _send_body(send, last.data, more=plan.ending == "broken")
        return plan

    async def _plan(self) -> Plan:
        try:
            self._provider.check_door(self.http)
            return await self._make(self)
        except ApiError as error:
            return plan_error(error)
        except Exception as error:  # a rule's own function may raise anything
            logger.exception("A rule of the model simulator failed")
            message = f"A rule of the simulator raised {type(error).__name__}: {error}"
            # Asked again it would fail again, and the SDK's retries would hide where.
            headers = {"x-should-retry": "false"}
            failed = ApiError(
                500, message, kind="simulator_error", code="rule_failed", headers=headers
            )
            return plan_error(failed)

    async def _send_head(self, plan: Plan, send: Send) -> None:
        headers = {
            "content-type": plan.content_type,
            "x-request-id": f"req_sim_{secrets.token_hex(12)}",
            "x-agentmesh-simulator": "1",
            **plan.headers,
        }
        if plan.content_length is not None:
            headers["content-length"] = str(plan.content_length)
        if self._entry.rules:
            headers["x-agentmesh-rule"] = _printable(", ".join(self._entry.rules))
        encoded = [(name.encode("ascii"), text.encode("ascii")) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": plan.status, "headers": encoded})


def _as_api_error(http: HttpRequest, error: HTTPException) -> ApiError:
    headers = dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            message = missing_endpoint(http.method, http.scope["path"])
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"Not allowed to {http.method} on {http.scope['path']}."
        case _:
            message = str(error.detail)
    return ApiError(error.status_code, message, headers=headers)


def _hostname(header: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


async def _send_body(send: Send, data: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _wait_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _printable(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
