"""How a handler's loop learns of asynchronous generators that begin and that are dropped.

The interpreter has one pair of hooks per thread. Setting it for every event and back again
is a tenth of a replay, since each setting is an audit event; so the pair stays where it was
put, and asks who runs. Generators of anybody else go to the hooks that were there before.

Must not know: whose turn a generator belongs to, or what becomes of it (`agens`).
"""

import sys
from asyncio import events
from collections.abc import Callable
from typing import Protocol, cast
from weakref import ref

from agentmesh.kernel.tasks import AsyncGen

Hook = Callable[[AsyncGen], object]

_PRUNE_AT = 64


class AgenLoop(Protocol):
    """What is needed of a handler's loop."""

    is_agent_loop: bool

    def agen_begins(self, agen: AsyncGen) -> None:
        """Take in a generator that begins in a handler."""

    def agen_is_dropped(self, agen: AsyncGen) -> None:
        """Take in one of its generators to which nobody refers any more."""


def listen() -> None:
    """Put the hooks of this thread in place, if they aren't."""
    outer = sys.get_asyncgen_hooks()
    if type(outer[0]) is not _Begins:
        sys.set_asyncgen_hooks(_Begins(outer[0]), _IsDropped(outer[1]))


# By address, which is used again: an entry counts for the latest generator there. A loop that
# is gone took its cell along: what is left of its generators ends without a trace.
_known: dict[int, tuple[ref[AgenLoop], ref[AsyncGen]]] = {}


class _Begins:
    __slots__ = ("_outer",)

    def __init__(self, outer: Hook | None) -> None:
        self._outer = outer

    def __call__(self, agen: AsyncGen) -> None:
        running = events._get_running_loop()
        if getattr(running, "is_agent_loop", False):
            loop = cast("AgenLoop", running)
            _prune()
            _known[id(agen)] = (ref(loop), ref(agen))  # tidy: looked up, never ordered
            loop.agen_begins(agen)
            return
        _known.pop(id(agen), None)  # tidy: looked up, never ordered
        if self._outer is not None:
            self._outer(agen)


class _IsDropped:
    __slots__ = ("_outer",)

    def __init__(self, outer: Hook | None) -> None:
        self._outer = outer

    def __call__(self, agen: AsyncGen) -> None:
        entry = _known.pop(id(agen), None)  # tidy: looked up, never ordered
        if entry is not None:
            loop = entry[0]()
            if loop is not None:
                loop.agen_is_dropped(agen)
        elif self._outer is not None:
            self._outer(agen)


def _prune() -> None:
    size = len(_known)
    if size >= _PRUNE_AT and size & (size - 1) == 0:
        gone = [number for number, each in list(_known.items()) if each[1]() is None]
        for number in gone:
            _known.pop(number, None)
