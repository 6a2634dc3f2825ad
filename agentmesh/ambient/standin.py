"""Stand-ins for functions written in C, such as `time.monotonic`.

A stand-in is put where the function was. It must behave like one: not bind when it
is an attribute of a class (a Python function would), cost little, and travel by
name when a library pickles code that refers to it (Ray does). A bound method of a
small object has all three properties.

The rule every stand-in keeps: outside a handler it calls the real function with
the very arguments it got.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Self

from agentmesh.ambient.references import Swap

_known: dict[tuple[str, str], "StandIn"] = {}


class StandIn:
    """What answers instead of one function.

    Args:
        real: The function that is replaced.
        home: Name of the module where people find it.
        name: Its name there.
    """

    __slots__ = ("home", "name", "real")

    def __init__(self, real: Callable[..., Any], home: str, name: str) -> None:
        self.real = real
        self.home = home
        self.name = name

    @classmethod
    def over(cls, home: str, name: str) -> Self | None:
        """Make one for a function, or None where this Python or library has no such function."""
        real = getattr(import_module(home), name, None)
        if real is None:
            return None
        before = getattr(real, "__self__", None)
        made = cls(before.real if isinstance(before, StandIn) else real, home, name)
        _known[home, name] = made
        return made

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Answer a call; inside a handler, without asking the world."""
        return self.real(*args, **kwargs)

    def swap(self) -> Swap:
        """Return the pair that puts this stand-in where the function is."""
        return (self.real, self.answer)

    def __repr__(self) -> str:
        return f"<agentmesh's stand-in for {self.home}.{self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel by name: every process has its own."""
        return (_find, (type(self), self.home, self.name))


def find(home: str, name: str) -> StandIn:
    """Return this process's stand-in for a function, once made."""
    return _known[home, name]


def _find(kind: type[StandIn], home: str, name: str) -> StandIn:
    # Where nothing is installed, one that nothing refers to else does the same.
    known = _known.get((home, name))
    return known if known is not None else kind(getattr(import_module(home), name), home, name)
