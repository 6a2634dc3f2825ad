"""What goes wrong in a world, decided by identity: which message, which effect, which event.

A fault belongs to the key of what it strikes and not to a moment, so that it stays when the
schedule changes, and a failing world is made smaller by taking faults away. `Faults` draws
them from a seed; `Planned` has exactly those it was given.

Messages: `drop`, `duplicate`, `delay` (held back as long as it may be and `delay_seconds` more),
`reorder` (may overtake what the same sender sent before). The fabric does none of the first and
last two: they tell what a program relies on. Agents: `crash`, after which the agent is restored
from its events as a host does it. Effects: `slow`, `fail`, `429`, `truncate`, `malformed`, `stale`.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agentmesh.errors import UsageError

DROP, DUPLICATE, DELAY, REORDER, CRASH = "drop", "duplicate", "delay", "reorder", "crash"
SLOW, FAIL, LIMITED, TRUNCATE = "slow", "fail", "429", "truncate"
MALFORMED, STALE = "malformed", "stale"

OF_MESSAGES = (DROP, DUPLICATE, DELAY, REORDER)
OF_EFFECTS = (SLOW, FAIL, LIMITED, TRUNCATE, MALFORMED, STALE)
EVERY = (*OF_MESSAGES, CRASH, *OF_EFFECTS)

DELAY_SECONDS = 5.0
"""How much longer than it should something delayed or slow takes."""


class FaultPlan(Protocol):
    """Decides what goes wrong."""

    def of_message(self, key: str) -> str:
        """Return what happens to a message; empty for nothing."""
        ...

    def of_effect(self, key: str) -> str:
        """Return what happens to an effect; empty for nothing."""
        ...

    def of_event(self, key: str) -> str:
        """Return what happens to an agent after an event (`Agent/key@step`); empty for nothing."""
        ...


@dataclass(kw_only=True)
class Faults:
    """Faults drawn from a seed, each with its own probability.

    Raises:
        UsageError: A probability is none.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    crash: float = 0.0
    effects: Mapping[str, float] = field(default_factory=dict)
    """Probabilities of what happens to effects: `{"429": 0.1, "slow": 0.2}`."""
    most: int = 3
    """At most so many in one world."""
    seed: str = ""
    """The world's, if it has none of its own."""

    def __post_init__(self) -> None:
        """Refuse what is no probability, and unknown faults."""
        for name, value in {**self.of_messages(), CRASH: self.crash, **self.effects}.items():
            if name not in EVERY or not 0 <= value <= 1:
                raise UsageError(
                    f"Faults has {name}={value!r}.",
                    fix=f"Give a probability from 0 to 1 to one of {', '.join(EVERY)}.",
                )

    def of_messages(self) -> dict[str, float]:
        """Return the probabilities of what happens to messages."""
        named = (self.drop, self.duplicate, self.delay, self.reorder)
        return dict(zip(OF_MESSAGES, named, strict=True))

    def for_world(self, seed: str) -> "FaultPlan":
        """Return the faults of one world."""
        return _Drawn(self, self.seed or seed)


class _Drawn:
    """Faults of one world."""

    def __init__(self, faults: Faults, seed: str) -> None:
        self._seed = seed
        self._left = faults.most
        self._messages = list(faults.of_messages().items())
        self._events = [(CRASH, faults.crash)]
        self._effects = list(faults.effects.items())

    def of_message(self, key: str) -> str:
        return self._draw(key, self._messages)

    def of_effect(self, key: str) -> str:
        return self._draw(key, self._effects)

    def of_event(self, key: str) -> str:
        return self._draw(key, self._events)

    def _draw(self, key: str, chances: list[tuple[str, float]]) -> str:
        if not self._left or not any(chance for _, chance in chances):
            return ""
        drawn = random.Random(f"{self._seed}\x1ffault\x1f{key}").random()
        for name, chance in chances:
            if drawn < chance:
                self._left -= 1
                return name
            drawn -= chance
        return ""


class Planned:
    """Exactly these faults.

    Args:
        plan: By key of a message, effect or event: what happens to it.

    Raises:
        UsageError: One is not known.
    """

    def __init__(self, plan: Mapping[str, str]) -> None:
        for key, name in plan.items():
            if name not in EVERY:
                raise UsageError(
                    f"{name!r}, planned for {key}, is no fault.", fix=f"Use: {', '.join(EVERY)}."
                )
        self._plan = dict(plan)

    def of_message(self, key: str) -> str:
        """Look it up."""
        found = self._plan.get(key, "")
        return found if found in OF_MESSAGES else ""

    def of_effect(self, key: str) -> str:
        """Look it up."""
        found = self._plan.get(key, "")
        return found if found in OF_EFFECTS else ""

    def of_event(self, key: str) -> str:
        """Look it up."""
        return CRASH if self._plan.get(key) == CRASH else ""


NONE = Planned({})
