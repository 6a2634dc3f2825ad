"""Timeouts and retries of one call: exponential backoff with jitter, by stamina.

Each failed attempt but the last is emitted as a piece of the effect, so that the
journal tells how often a tool was tried, and why.
"""

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from agentmesh.effects import tool_scope
from agentmesh.effects.failures import failed
from agentmesh.effects.limits import Limit
from agentmesh.effects.threads import in_thread, place
from agentmesh.effects.tool_scope import Scope, ToolContext
from agentmesh.errors import AgentMeshError, type_name

WAIT_FIRST_SECONDS = 0.1
WAIT_MAX_SECONDS = 10.0
WAIT_JITTER_SECONDS = 0.1

Emit = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long and how often a call is tried."""

    timeout_seconds: float | None = None
    """For each attempt; None: only the turn's deadline ends it."""
    retries: int = 0
    """Attempts after the first."""


@dataclass(slots=True, kw_only=True)  # not frozen: that makes it three times as slow to make
class Call:
    """A function with its arguments, as a performer runs it."""

    what: Callable[[], str]
    """Says how errors call it: `Tool search(query='x')`; most calls have none."""
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    asynchronous: bool | None = None
    """Whether calling the function makes a coroutine; None if nobody has looked yet."""

    async def run(self) -> object:
        """Run it: coroutines here, anything else in a thread."""
        known = self.asynchronous
        if is_async(self.function) if known is None else known:
            return await self.function(*self.args, **self.kwargs)
        async with place():
            result = await in_thread(self._blocking, getattr(self.function, "__name__", "call"))
        return await result if inspect.isawaitable(result) else result

    def _blocking(self) -> object:
        return self.function(*self.args, **self.kwargs)


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling a function makes a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(function, "__call__", None)  # noqa: B004 - an object that can be called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


async def perform(
    call: Call, policy: Policy, gather: Callable[[], ToolContext], emit: Emit
) -> object:
    """Try a call until it succeeds or its retries are used up.

    Args:
        call: What to try.
        policy: How long, and how often.
        gather: Returns what the function may know of the call, in its first attempt.
        emit: Takes a piece for each attempt that failed and is followed by another.

    Raises:
        Exception: What the last attempt raised, with call and attempts in its text.
    """
    done = 0

    async def attempt() -> object:
        nonlocal done
        done += 1
        try:
            return await _attempt(call, policy, Scope(gather, done))
        except Exception as error:
            if done <= policy.retries and worth_repeating(error):
                emit(_failed_attempt(done, error))
            raise

    try:
        if policy.retries:
            return await _retried(attempt, policy.retries)
        done = 1
        return await _attempt(call, policy, Scope(gather))
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        raise failed(call.what(), done, error) from error


async def _attempt(call: Call, policy: Policy, scope: Scope) -> object:
    token = tool_scope.enter(scope)
    try:
        if policy.timeout_seconds is None:
            return await call.run()
        return await _limited(call, policy.timeout_seconds)
    finally:
        tool_scope.leave(token)


async def _limited(call: Call, seconds: float) -> object:
    end = asyncio.get_running_loop().time() + seconds
    limit = Limit(lambda: end - asyncio.get_running_loop().time())
    try:
        return await limit.hold(call.run())
    except TimeoutError as error:
        if not limit.expired:
            raise  # the function's own
        message = f"an attempt took longer than the timeout of {seconds:g} s"
        raise TimeoutError(message) from error


def worth_repeating(error: BaseException) -> bool:
    """Tell whether another attempt could end differently: not after errors of usage."""
    return isinstance(error, Exception) and not isinstance(error, AgentMeshError)


def _failed_attempt(number: int, error: BaseException) -> bytes:
    shown = {"attempt": number, "error": {"type": type_name(error), "what": str(error)}}
    return json.dumps(shown).encode()


async def _retried(attempt: Callable[[], Awaitable[object]], retries: int) -> object:
    import stamina

    _quiet_stamina()
    token = _OURS.set(True)
    try:
        async for each in stamina.retry_context(
            on=worth_repeating,
            attempts=retries + 1,
            timeout=None,
            wait_initial=WAIT_FIRST_SECONDS,
            wait_max=WAIT_MAX_SECONDS,
            wait_jitter=WAIT_JITTER_SECONDS,
        ):
            with each:
                return await attempt()
    finally:
        _OURS.reset(token)
    raise AssertionError  # the last attempt returned or raised


_OURS: ContextVar[bool] = ContextVar("agentmesh_retrying", default=False)
_PRINTING = ("stamina.instrumentation._structlog", "stamina.instrumentation._logging")


def _quiet_stamina() -> None:
    """Keep stamina's default hooks from printing a tool's retries: the journal has them.

    Hooks that somebody set on purpose are left alone, and so are other people's retries.
    """
    from stamina import instrumentation

    hooks = instrumentation.get_on_retry_hooks()
    if not any(getattr(hook, "__module__", "") in _PRINTING for hook in hooks):
        return
    instrumentation.set_on_retry_hooks([_unless_ours(hook) for hook in hooks])


def _unless_ours(hook: Any) -> Any:
    if getattr(hook, "__module__", "") not in _PRINTING:
        return hook

    def quiet(details: object) -> object:
        return None if _OURS.get() else hook(details)

    return cast("Any", quiet)
