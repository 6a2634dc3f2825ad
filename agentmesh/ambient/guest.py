"""Whether this thread is inside a handler, and what the loop that runs it must answer.

A thread is inside a handler while its running loop is an agent's loop. asyncio
keeps the running loop per thread, in C, so a tool in another thread, Ray's own
threads and the host's loop are outside by construction, and the question costs a
few dozen nanoseconds. An agent's loop is known by a class attribute, so that this
module need not know the class.

Three stretches of a handler count as outside, because how often and when they run
is a fact of the process and not of the turn: `outside()` itself, the import of a
module (`agentmesh.ambient.imports`), and finalizers that the cyclic garbage
collector runs. A reading taken there must not move the turn's clock or stream.
"""

import gc
import random
from _thread import get_ident
from asyncio import _get_running_loop
from types import TracebackType
from typing import ClassVar, Protocol, cast


class Guest(Protocol):
    """What the standard library is answered from inside a handler."""

    is_agent_loop: ClassVar[bool]
    """True; how the loop is recognised."""

    def read_wall_ns(self) -> int:
        """Return logical nanoseconds since the epoch; reading on and on advances them."""

    def read_monotonic_ns(self) -> int:
        """Return logical nanoseconds since some start; reading on and on advances them."""

    def generator(self) -> random.Random:
        """Return the generator of the turn that runs."""


_EVERYONE = 0  # no thread has this identity
_stretches: dict[int, int] = {_EVERYONE: 1}
"""How many `outside` stretches each thread is in; nobody is inside until `enable`."""


def current() -> Guest | None:
    """Return the loop whose handler this thread is inside, or None outside."""
    loop = _get_running_loop()
    if loop is None or not getattr(loop, "is_agent_loop", False):
        return None
    if _stretches and (get_ident() in _stretches or _EVERYONE in _stretches):
        return None
    return cast("Guest", loop)


class Outside:
    """A stretch of this thread that sees the real world; see `outside`."""

    __slots__ = ()

    def __enter__(self) -> None:
        thread = get_ident()
        _stretches[thread] = _stretches.get(thread, 0) + 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        thread = get_ident()
        depth = _stretches[thread] - 1
        if depth:
            _stretches[thread] = depth
        else:
            del _stretches[thread]


_OUTSIDE = Outside()


def outside() -> Outside:
    """Return a context in which framework code sees the real world inside a handler.

    For trusted code whose result is the same in a replay, such as warming a
    process-wide cache. It counts per thread and nests. Never `await` in it: what
    else is ready would run in the same stretch.
    """
    return _OUTSIDE


def inside() -> bool:
    """Tell whether the standard library answers logically here and now."""
    return current() is not None


def enable() -> None:
    """Let handlers be recognised. `agentmesh.ambient.install` calls it, last."""
    _surround_collections()
    _stretches.pop(_EVERYONE, None)


def disable() -> None:
    """Let nobody be inside, whatever stand-ins are still referenced somewhere."""
    _stretches[_EVERYONE] = 1
    for callback in (_collection_starts, _collection_stops):
        if callback in gc.callbacks:
            gc.callbacks.remove(callback)


# When the cyclic collector runs depends on every allocation of the process, so what its
# finalizers and other people's callbacks read belongs to the process: the stretch is
# opened by the first callback and closed by the last. Collections never nest or overlap.

_collecting: list[Outside] = []


def _surround_collections() -> None:
    """Be the first and the last to be told, whoever else has asked to be told since."""
    told = gc.callbacks
    if told and told[0] is _collection_starts and told[-1] is _collection_stops:
        return
    for callback in (_collection_starts, _collection_stops):
        if callback in told:
            told.remove(callback)
    told.insert(0, _collection_starts)
    told.append(_collection_stops)


def _collection_starts(phase: str, info: dict[str, int]) -> None:
    del info
    if phase != "start" or current() is None:
        return
    _surround_collections()
    _OUTSIDE.__enter__()
    _collecting.append(_OUTSIDE)


def _collection_stops(phase: str, info: dict[str, int]) -> None:
    del info
    if phase == "stop" and _collecting:
        _collecting.pop().__exit__(None, None, None)
