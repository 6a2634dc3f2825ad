"""The order in which asyncio starts coroutines that it was given together, and lists tasks.

`asyncio.as_completed` makes a set of what it is given before it starts it. Tasks of
an agent's loop hash alike in every process, but coroutines hash by address: which
one starts first would be anybody's guess. Inside a handler they start in the order
in which they were written.

`asyncio.all_tasks` picks a loop's tasks from those of the whole process. Where hashes
collide in the set that it returns, their order would tell what else the process does.

Only the name `set` as `asyncio.tasks` sees it is replaced, so that it does not matter
how a program imported `as_completed`; `all_tasks` is replaced in asyncio, and a
library that imported it by name before has the original.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from agentmesh.ambient import guest
from agentmesh.ambient.references import Undo, set_attribute


def _set(items: Iterable[Any] = ()) -> set[Any] | dict[Any, None]:
    """Make a set; inside a handler and with coroutines in it, one that keeps their order."""
    if guest.current() is None:
        return set(items)
    listed = list(items)
    if any(asyncio.iscoroutine(item) for item in listed):
        return dict.fromkeys(listed)
    return set(listed)


_real_all_tasks = asyncio.all_tasks


def _all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    """Return a loop's tasks that are not done; inside a handler, in a repeatable order."""
    found = _real_all_tasks(loop)
    if guest.current() is None:
        return found
    return set(sorted(found, key=hash))  # noqa: C414 - in which order they are put in matters


def patch() -> Undo:
    """Replace the names; returns what takes them away again."""
    asyncio.tasks.set = _set  # type: ignore[attr-defined]
    undo_all_tasks = [
        set_attribute(module, "all_tasks", _all_tasks) for module in (asyncio, asyncio.tasks)
    ]

    def undo() -> None:
        vars(asyncio.tasks).pop("set", None)
        for each in undo_all_tasks:
            each()

    return undo
