"""Worker threads that libraries keep: what they would run there runs at once, in the handler.

`asyncio.to_thread` and `run_in_executor` lead to the agent's loop, which runs short
synchronous functions in place. anyio starts threads of its own; Pydantic AI hands
them the synchronous tools of its agents, for one. They are treated alike here, so
that it does not matter through which library a function comes.

LangChain has the opposite problem: synchronous code that must tell asynchronous
callbacks, as in LangGraph's `astream_events`. It gives them to a loop in a thread
and waits. Such callbacks seldom wait for anything; here they are run to their end
in place, and refused if they do wait.

A function that does I/O meets the refusal of that I/O, which names its line; one that
computes for long holds up its host, as it would anywhere in a handler.
"""

import functools
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from types import ModuleType
from typing import Any

from agentmesh.ambient.guest import current
from agentmesh.ambient.references import Undo, set_attribute
from agentmesh.ambient.refusal import LOOP, refuse, shown
from agentmesh.errors import EscapeError

_log = logging.getLogger(__name__)


def patch_anyio(module: ModuleType) -> list[Undo]:
    """Let anyio start no thread inside a handler; return what takes that back."""
    backend: Any = module.AsyncIOBackend
    real = backend.run_sync_in_worker_thread.__func__

    @functools.wraps(real)
    async def run_sync_in_worker_thread(
        cls: Any, func: Callable[..., Any], args: tuple[Any, ...], *rest: Any, **options: Any
    ) -> Any:
        if current() is None:
            return await real(cls, func, args, *rest, **options)
        await cls.checkpoint()  # as anyio does: a place where the caller can be cancelled
        return copy_context().run(func, *args)

    return [set_attribute(backend, real.__name__, classmethod(run_sync_in_worker_thread))]


def patch_langchain(module: ModuleType) -> list[Undo]:
    """Let LangChain tell its asynchronous callbacks in place inside a handler; return likewise."""
    executor, run_coros = (vars(module).get(name) for name in ("_executor", "_run_coros"))
    if executor is None or run_coros is None:
        return []  # a version that does otherwise

    @functools.wraps(executor)
    def _executor() -> Any:
        return executor() if current() is None else _InPlace

    @functools.wraps(run_coros)
    def _run_coros(coros: list[Coroutine[Any, Any, Any]]) -> None:
        if current() is None:
            run_coros(coros)
            return
        for coro in coros:
            try:
                _run_to_its_end(coro)
            except EscapeError:
                for each in coros:
                    each.close()  # Python would complain of those that nobody awaited
                raise
            except Exception as error:  # noqa: BLE001 - LangChain's own version does the same
                _log.warning("Error in callback coroutine: %r", error)

    ours = {"_executor": _executor, "_run_coros": _run_coros}
    return [set_attribute(module, name, function) for name, function in ours.items()]


class _InPlace:
    """An executor, and the future of what it has already done."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @classmethod
    def submit(cls, function: Callable[..., Any], *args: Any) -> "_InPlace":
        return cls(function(*args))

    def result(self) -> Any:
        return self._answer


def _run_to_its_end(coro: Coroutine[Any, Any, Any]) -> None:
    try:
        coro.send(None)
    except StopIteration:
        return
    refuse(LOOP, f"waiting in the callback {shown(coro)}, which synchronous code called,")


PATCHES: dict[str, Callable[[ModuleType], list[Undo]]] = {
    "anyio._backends._asyncio": patch_anyio,
    "langchain_core.callbacks.manager": patch_langchain,
}
"""Modules that may never be imported, and what to do with them when they are."""
