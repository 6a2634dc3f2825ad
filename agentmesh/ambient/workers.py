"""Worker threads that libraries keep: what they would run there runs at once, in the handler.

`asyncio.to_thread` and `run_in_executor` lead to the agent's loop, which runs short
synchronous functions in place. anyio starts threads of its own; Pydantic AI hands
them the synchronous tools of its agents, for one. They are treated alike here, so
that it does not matter through which library a function comes.

A function that does I/O meets the refusal of that I/O, which names its line; one that
computes for long holds up its host, as it would anywhere in a handler.
"""

import functools
from collections.abc import Callable
from contextvars import copy_context
from types import ModuleType
from typing import Any

from agentmesh.ambient.guest import current
from agentmesh.ambient.references import Undo, set_attribute

ANYIO = "anyio._backends._asyncio"
"""The module that has anyio's threads."""


def patch_anyio(module: ModuleType) -> Undo:
    """Let anyio start no thread inside a handler; return what takes that back.

    Args:
        module: The one that `ANYIO` names.
    """
    backend = module.AsyncIOBackend
    real = backend.run_sync_in_worker_thread.__func__

    @functools.wraps(real)
    async def run_sync_in_worker_thread(
        cls: Any, func: Callable[..., Any], args: tuple[Any, ...], *rest: Any, **options: Any
    ) -> Any:
        if current() is None:
            return await real(cls, func, args, *rest, **options)
        await cls.checkpoint()  # as anyio does: a place where the caller can be cancelled
        return copy_context().run(func, *args)

    return set_attribute(backend, real.__name__, classmethod(run_sync_in_worker_thread))
