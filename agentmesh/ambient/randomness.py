"""Randomness inside a handler: every source of the standard library draws from the turn.

Two streams, as in plain Python. Functions of `random` draw from the *module's stream*;
`os.urandom`, and so `secrets`, `random.SystemRandom` and `uuid.uuid4`, from the
*system's stream*. Both are the turn's generator, until the handler says `random.seed(x)`:

- `random.seed(x)` makes the module's stream the standard library's own sequence for `x`,
  for the rest of the turn. Code that seeds to repeat itself repeats itself. The system's
  stream goes on: ids and secrets of two turns stay different, though both seed alike.
- `random.seed()` gives the module's stream a fresh start, drawn from the system's.
- `random.Random()` and `.seed()` without a value are seeded from the system's stream.

Outside, nothing changes, and inside, nothing reaches the process's own generator.

Early-bound names: `random.randint` and its like are methods of one hidden instance and look
up `random` and `getrandbits` on it, so giving the instance these two reaches all of
them. `random`, `getrandbits`, `gauss` (which keeps a value for the next call), `seed`,
`getstate` and `setstate` themselves are replaced wherever they are referenced.
"""

import functools
import random
from typing import Any

from agentmesh.ambient.guest import Guest, current
from agentmesh.ambient.references import Swap, Undo, set_attribute
from agentmesh.ambient.standin import StandIn, find

SEED_BITS = 256
_SEEDED = "_ambient_seeded"

_hidden: random.Random = random._inst  # noqa: SLF001 - there is no other name for it


def module_stream(loop: Guest) -> random.Random:
    """Return what the functions of `random` draw from in the turn that runs."""
    generator = loop.generator()
    seeded = vars(generator).get(_SEEDED)
    return generator if seeded is None else seeded


class Draw(StandIn):
    """A function of `random`, such as `random.getrandbits`."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Draw from the turn, or from the process's generator outside."""
        loop = current()
        if loop is None:
            return self.real(*args, **kwargs)
        return getattr(module_stream(loop), self.name)(*args, **kwargs)


class DrawFloat(StandIn):
    """`random.random`, which is drawn often."""

    __slots__ = ()

    def answer(self) -> float:
        """Draw a float in [0, 1)."""
        loop = current()
        return self.real() if loop is None else module_stream(loop).random()


class Reseed(StandIn):
    """`random.seed` and `random.setstate`: inside, they start a stream of the turn's own."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> None:
        """Choose what the module's stream yields next."""
        loop = current()
        if loop is None:
            self.real(*args, **kwargs)
            return
        stream = random.Random(0)
        getattr(stream, self.name)(*args, **kwargs)  # raises for what is not a seed or state
        vars(loop.generator())[_SEEDED] = stream


class State(StandIn):
    """`random.getstate`."""

    __slots__ = ()

    def answer(self) -> Any:
        """Return the state of the module's stream, for `random.setstate` in the same turn."""
        loop = current()
        if loop is None:
            return self.real()
        generator = loop.generator()
        stream = vars(generator).get(_SEEDED)
        if stream is None:
            # A state of the turn's own generator would mean nothing to setstate: from here
            # on, the module's stream is a sequence whose state can be taken and given back.
            stream = random.Random(generator.getrandbits(SEED_BITS))
            vars(generator)[_SEEDED] = stream
        return stream.getstate()


class SystemBytes(StandIn):
    """`os.urandom`, `os.getrandom` and `ssl.RAND_bytes`."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> bytes:
        """Return as many bytes as asked for."""
        loop = current()
        size = args[0] if args else kwargs.get("size")
        if loop is None or not isinstance(size, int) or size < 0:
            return self.real(*args, **kwargs)  # type: ignore[no-any-return]
        return loop.generator().randbytes(size)


def swaps() -> list[Swap]:
    """Return stand-ins for what people may have imported by name."""
    wanted = [
        DrawFloat.over("random", "random"),
        Draw.over("random", "getrandbits"),
        Draw.over("random", "gauss"),
        Reseed.over("random", "seed"),
        Reseed.over("random", "setstate"),
        State.over("random", "getstate"),
        SystemBytes.over("os", "urandom"),
        SystemBytes.over("os", "getrandom"),
    ]
    return [each.swap() for each in wanted if each is not None]


def patch_instances() -> list[Undo]:
    """Reach what no reference reaches: `random`'s hidden instance, and unseeded new ones."""
    undo = [
        set_attribute(_hidden, name, find("random", name).answer)
        for name in ("random", "getrandbits")
    ]
    undo.append(set_attribute(random.Random, "seed", _seeding(random.Random.seed)))
    return undo


def _seeding(seed: Any) -> Any:
    @functools.wraps(seed)
    def guarded(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            loop = current()
            if loop is not None:
                a = loop.generator().getrandbits(SEED_BITS)
        seed(self, a, version)

    return guarded


def ssl_swaps() -> list[Swap]:
    """Return the stand-in for the generator of `ssl`, which must be loaded."""
    stand_in = SystemBytes.over("ssl", "RAND_bytes")
    return [] if stand_in is None else [stand_in.swap()]
