"""Who chooses what happens next: the order things came in, chance, a list, or exceptions.

A scheduler is given what may happen, in the default order (see `pool`): the first is
what a plain first-in-first-out world would do. It may keep state: use a new one for each world.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from xxhash import xxh3_64_intdigest

from agentmesh.simulation.pool import EFFECT, MESSAGE, NEVER, Item


class Scheduler(Protocol):
    """Chooses among what may happen."""

    def begin(self, seed: str) -> None:
        """Take in the world's seed, before anything happens."""
        ...

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return one of the items; there is at least one."""
        ...


class Fifo:
    """The default order: by time, then as it came."""

    def begin(self, seed: str) -> None:
        """Need no chance."""

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return the first."""
        return possible[0]


class Random:
    """Each possibility alike.

    Args:
        seed: The world's own, if none is given.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._generator = random.Random(seed)

    def begin(self, seed: str) -> None:
        """Start the stream of choices."""
        self._generator = random.Random(f"{self._seed or seed}\x1fschedule")

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return any."""
        if len(possible) == 1:
            return possible[0]
        return possible[int(self._generator.random() * len(possible))]


class Recorded:
    """What was recorded, as far as it can happen; the default order for what is new.

    Of what can happen, the earliest on record does; what is not on record waits for what is.
    Records may lack what happens here, and have what does not: an edited run, another program.

    Args:
        order: Keys in the order in which they happened.
    """

    def __init__(self, order: Iterable[str]) -> None:
        self._place: dict[str, int] = {}
        for key in order:
            self._place.setdefault(key, len(self._place))

    def begin(self, seed: str) -> None:
        """Need no chance."""

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return the earliest recorded; what is not on record waits for what is."""
        unknown = len(self._place)
        return min(possible, key=lambda item: self._place.get(item.key, unknown))


class Held:
    """The default order, but for what is held back until nothing else can happen.

    This is how a schedule is written down briefly: its *deviations* are the keys that are held,
    and of those the one that is named first goes first. Every schedule can be written so.

    Args:
        keys: What is held back.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._levels: Mapping[str, int] = {key: place for place, key in enumerate(keys, 1)}

    def begin(self, seed: str) -> None:
        """Need no chance."""

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return the first that is not held, or that has been held for longest."""
        levels = self._levels
        return min(possible, key=lambda item: levels.get(item.key, 0))


class Drawn:
    """Each message and effect takes as long as chance says, which belongs to what it is.

    The chance belongs to the key of what is under way and not to the moment of the choice: two
    worlds of one seed share it wherever they do the same, whatever else they do. The world's time
    goes on accordingly.

    Args:
        seed: The world's own, if none is given.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._drawn: dict[tuple[str, int], float] = {}

    def begin(self, seed: str) -> None:
        """Take in the seed."""
        self._seed = f"{self._seed or seed}\x1flatency\x1f"

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return what comes first."""
        chosen = min(possible, key=self._when)
        chosen.earliest = int(self._when(chosen))
        return chosen

    def _when(self, item: Item) -> float:
        key = (item.key, item.part)
        share = self._drawn.get(key)
        if share is None:
            number = xxh3_64_intdigest(f"{self._seed}{item.key}\x1f{item.part}".encode())
            share = self._drawn[key] = number / 2**64
        if item.kind not in (MESSAGE, EFFECT):
            return item.earliest
        least = item.earliest
        most = item.latest if item.latest < NEVER else least + _FREE_NS
        return least + share * max(most - least, 0)


_FREE_NS = 1_000_000_000
"""How long something takes at most that may take as long as it likes."""
