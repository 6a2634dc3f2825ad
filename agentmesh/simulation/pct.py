"""Probabilistic concurrency testing: few, well placed changes of priority find most bugs.

Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"
(ASPLOS 2010). A bug of depth d needs d ordering constraints. With n chains of
events and at most k choices, each run finds it with probability at least 1 / (n * k**(d-1)).

A chain is a lane of the world's pool: messages of one sender to one receiver, one effect,
the timers of one agent. Each gets a random priority when it first appears; the possible event
of the highest priority happens. At d-1 random steps the chain that is about to run falls behind
all others. Steps are counted only where there is a choice.
"""

import random
from collections.abc import Sequence

from agentmesh.errors import UsageError
from agentmesh.simulation.pool import Item, Lane


class Pct:
    """Priorities at random, and `depth - 1` changes of them.

    Args:
        depth: How many ordering constraints the wanted bugs need; 1 needs no change.
        steps: How many choices there are in a run, at most; runs longer than that have all
            their changes before. `Pct.choices` of an earlier run tells.
        seed: The world's own, if none is given.

    Raises:
        UsageError: Depth or steps are below 1.
    """

    def __init__(self, depth: int = 3, steps: int = 100, seed: str = "") -> None:
        if depth < 1 or steps < 1:
            raise UsageError(
                f"Pct got depth={depth} and steps={steps}.",
                fix="A bug's depth, and the length of a run, are at least 1.",
            )
        self.depth = depth
        self.steps = steps
        self.choices = 0
        """How often there was something to choose."""
        self._seed = seed
        self.begin(seed)

    def begin(self, seed: str) -> None:
        """Draw where priorities change."""
        self._generator = random.Random(f"{self._seed or seed}\x1fpct")
        self._priorities: dict[Lane, float] = {}
        self._changes = sorted(
            self._generator.randint(1, self.steps) for _ in range(self.depth - 1)
        )
        self._lowest = 0.0
        self.choices = 0

    def choose(self, possible: Sequence[Item]) -> Item:
        """Return the possibility of the highest priority."""
        if len(possible) == 1:
            self._priority(possible[0])
            return possible[0]
        self.choices += 1
        chosen = max(possible, key=self._priority)
        while self._changes and self._changes[0] <= self.choices:
            self._changes.pop(0)
            self._lowest -= 1.0
            self._priorities[chosen.lane] = self._lowest
            chosen = max(possible, key=self._priority)
        return chosen

    def _priority(self, item: Item) -> float:
        found = self._priorities.get(item.lane)
        if found is None:
            found = self._priorities[item.lane] = self._generator.random()
        return found
