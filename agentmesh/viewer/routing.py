"""How a route is answered: in a thread or on the loop, and never without an answer."""

import logging
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from agentmesh.errors import AgentMeshError
from agentmesh.viewer.answers import Refusal, failed

logger = logging.getLogger("agentmesh.viewer")

Answering = Callable[[Request], Response]
"""Answers in a thread: may read files."""


def in_thread(handler: Answering) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers on the loop by letting a thread do it."""

    async def answering(request: Request) -> Response:
        return await _guarded(run_in_threadpool(handler, request))

    return answering


def answering_with(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers, whatever goes wrong."""

    async def answering(request: Request) -> Response:
        return await _guarded(handler(request))

    return answering


async def _guarded(answering: Awaitable[Response]) -> Response:
    """Make an answer of whatever goes wrong."""
    try:
        return await answering
    except Refusal as refusal:
        return refusal.response()
    except AgentMeshError as error:
        return failed(error)
    except Exception as error:
        logger.exception("The viewer failed to answer.")
        return failed(error)
