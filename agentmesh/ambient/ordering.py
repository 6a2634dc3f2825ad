"""The order in which asyncio starts coroutines that it was given together.

`asyncio.as_completed` makes a set of what it is given before it starts it. Tasks of
an agent's loop hash alike in every process, but coroutines hash by address: which
one starts first would be anybody's guess. Inside a handler they start in the order
in which they were written.

Only the name `set` as `asyncio.tasks` sees it is replaced, so that it does not matter
how a program imported `as_completed`.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from agentmesh.ambient import guest
from agentmesh.ambient.references import Undo


def _set(items: Iterable[Any] = ()) -> set[Any] | dict[Any, None]:
    """Make a set; inside a handler and with coroutines in it, one that keeps their order."""
    if guest.current() is None:
        return set(items)
    listed = list(items)
    if any(asyncio.iscoroutine(item) for item in listed):
        return dict.fromkeys(listed)
    return set(listed)


def patch() -> Undo:
    """Replace the name; returns what takes it away again."""
    asyncio.tasks.set = _set  # type: ignore[attr-defined]

    def undo() -> None:
        vars(asyncio.tasks).pop("set", None)

    return undo
