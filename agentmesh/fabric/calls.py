"""How hosts, supervisor and driver call each other on Ray.

Results come back on a thread of Ray and are handed to the caller's loop. Nothing is
retried by Ray: it would repeat calls that did arrive. What failed is sorted into three:
unknown (try again), dead (tell the supervisor), and a bug (the host ends).
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from agentmesh.errors import FabricError, rebuild
from agentmesh.fabric.directory import Located
from agentmesh.fabric.peer import Call, GoneError, Result, UnavailableError
from agentmesh.sdk.agent import Placement

Then = Callable[[Any], None]

PAUSE_SECONDS = 0.1
"""The first wait before something is asked again; doubles each time."""
PAUSE_SECONDS_MOST = 5.0
"""The longest such wait."""


def when_done(ref: "ray.ObjectRef[Any]", loop: asyncio.AbstractEventLoop, then: Then) -> None:
    """Call back on a loop with a call's result, or with the exception it ended in.

    What `ref.future()` does, without the future: it costs a tenth of a call. The callback
    holds the reference, so that Ray keeps the result until it is handed over.
    """
    ref._on_completed(partial(_hand_over, ref, loop, then))  # noqa: SLF001 - as Ray Serve does


def _hand_over(
    ref: "ray.ObjectRef[Any]", loop: asyncio.AbstractEventLoop, then: Then, result: Any
) -> None:
    del ref
    if isinstance(result, BaseException):
        result = sorted_out(result)
    if not loop.is_closed():
        loop.call_soon_threadsafe(then, result)


def sorted_out(error: BaseException) -> Exception:
    """Return a failure of a call as one of agentmesh's own errors."""
    if isinstance(error, RayTaskError):
        return FabricError(
            f"A call to another host failed there: {error}.", fix="Please report it with the text."
        )
    if isinstance(error, ActorUnavailableError):
        return UnavailableError(f"A host can't be reached at the moment: {error}.")
    if isinstance(error, RayActorError):
        return GoneError(f"A host of the run has died: {first_line(error)}.")
    if isinstance(error, RayError):
        return UnavailableError(f"A call to another host was lost: {first_line(error)}.")
    return FabricError(f"A call to another host failed: {type(error).__name__}: {error}.")


def first_line(error: BaseException) -> str:
    """Return what Ray says in short; its texts run over many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]).rstrip(".") or type(error).__name__


def call_of(handle: Any, loop: asyncio.AbstractEventLoop) -> Call:
    """Return how to send frames to an actor."""
    deliver = handle.deliver.remote

    def call(frame: bytes, then: Callable[[Result], None]) -> None:
        when_done(deliver(frame), loop, then)

    return call


class RayCalls:
    """How a host reaches the supervisor and other hosts (`process.Calls`).

    Args:
        name: Name of this host.
        supervisor: The supervisor's handle.
        loop: This host's loop.
    """

    def __init__(self, name: str, supervisor: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._supervisor = supervisor
        self._loop = loop

    def locate(
        self, wanted: dict[str, Placement | None], then: Callable[[Located | Exception], None]
    ) -> None:
        """Ask the supervisor where agents live."""
        self._ask(lambda: self._supervisor.locate.remote(wanted), then)

    def contact(
        self, host: str, after: int, then: Callable[[tuple[int, object] | Exception], None]
    ) -> None:
        """Ask the supervisor which life a host is in, later than one, and what it is called by."""
        self._ask(lambda: self._supervisor.contact.remote(host, after), then)

    def gone(self, host: str, incarnation: int, reason: str) -> None:
        """Tell the supervisor that a host is dead."""
        self._supervisor.gone.remote(host, incarnation, reason)

    def call_of(self, contact: object) -> Call:
        """Return how to send frames to a host, given its handle."""
        return call_of(contact, self._loop)

    def _ask(
        self, call: Callable[[], "ray.ObjectRef[Any]"], then: Then, pause: float = PAUSE_SECONDS
    ) -> None:
        """Ask until there is an answer: asking twice does no harm."""

        def take(result: Any) -> None:
            if isinstance(result, UnavailableError):
                longer = min(2 * pause, PAUSE_SECONDS_MOST)
                self._loop.call_later(pause, self._ask, call, then, longer)
            else:
                then(_opened(result))

        when_done(call(), self._loop, take)


def _opened(result: Any) -> Any:
    """Return what the supervisor answered: a value, or an error as data."""
    return rebuild(result) if isinstance(result, bytes) else result
