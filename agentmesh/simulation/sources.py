"""What effects come to in a world: recorded, live, a function, drawn from runs.

A source is asked when the effect ends in the world's time, not when it begins: what a fake
outside does, it does in the order of the schedule. A source that does not know an effect
says so with None, and the next one is asked. What has no answer stops the world.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from agentmesh.errors import UsageError, describe
from agentmesh.journal.records import Step
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished, EffectStreamed
from agentmesh.kernel.pending import Performer

SECONDS = (0.0, 1.0)
"""How long an effect takes unless somebody knows better: at least, and at most."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An effect that is to end."""

    address: str
    """The agent."""
    command: StartEffect
    at: int
    """Logical time, nanoseconds since the epoch."""
    seed: str
    """The world's seed."""
    performer: Callable[[], Performer]
    """Returns, once, what would perform it for real."""

    @property
    def name(self) -> str:
        """The tool's or function's name; of HTTP, method and path."""
        return self.command.name

    @property
    def request(self) -> Any:
        """What is asked, as a JSON value."""
        return msgspec.json.decode(self.command.request)

    def generator(self) -> random.Random:
        """Return randomness that belongs to this effect: the same in every schedule."""
        return random.Random(f"{self.seed}\x1f{self.command.key}")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an effect ends."""

    result: bytes = b"null"
    """JSON."""
    error: bytes = b""
    """As `errors.describe` writes it; empty if it ends well."""
    note: str = ""
    """The traceback, for people."""
    pieces: tuple[bytes, ...] = ()
    """What came before the end."""


class Source(Protocol):
    """Answers effects."""

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return how long the effect takes, at least and at most; None if that is not known."""
        ...

    def answer(self, asked: Asked) -> Outcome | None:
        """Return how the effect ends; None if somebody else has to know."""
        ...


class Function:
    """Answers by a function.

    Args:
        function: Given what is asked; returns an outcome, or None.
        seconds: How long each effect takes, at least and at most.
    """

    def __init__(
        self,
        function: Callable[[Asked], Outcome | None],
        seconds: tuple[float, float] | None = None,
    ) -> None:
        self._function = function
        self._seconds = seconds

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return what was said when it was made."""
        del asked
        return self._seconds

    def answer(self, asked: Asked) -> Outcome | None:
        """Ask the function."""
        return self._function(asked)


class Live:
    """Performs effects for real, one after the other, on a loop of its own.

    Only the world's time is virtual then: what happens outside depends on more than the seed.
    """

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def seconds(self, asked: Asked) -> None:
        """Leave it to the default: real time is no part of a world."""
        del asked

    def answer(self, asked: Asked) -> Outcome:
        """Perform the effect."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        pieces: list[bytes] = []
        perform = asked.performer()

        async def work() -> bytes:
            return await perform(pieces.append)

        try:
            result = self._runner.run(work())
        except Exception as error:  # noqa: BLE001 - becomes the effect's end
            return Outcome(error=describe(error), pieces=tuple(pieces))
        return Outcome(result=result, pieces=tuple(pieces))

    def close(self) -> None:
        """End the loop."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None


@dataclass
class _Known:
    outcome: Outcome
    seconds: float


class Recorded:
    """Answers as recorded runs did, by the effects' keys, which survive changes elsewhere.

    Args:
        steps: By address, the steps of each agent, payloads resolved.
    """

    def __init__(self, steps: Iterable[tuple[str, Iterable[Step]]]) -> None:
        self._known: dict[str, _Known] = {}
        for _, of_agent in steps:
            for command, known in ends(of_agent):
                self._known[command.key] = known

    def __contains__(self, key: str) -> bool:
        """Tell whether an effect of this key is on record."""
        return key in self._known

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return how long it took."""
        known = self._known.get(asked.command.key)
        return None if known is None else (known.seconds, known.seconds)

    def answer(self, asked: Asked) -> Outcome | None:
        """Return how it ended."""
        known = self._known.get(asked.command.key)
        return None if known is None else known.outcome


class Fitted:
    """Draws from how effects of the same kind and name ended in recorded runs.

    The draw belongs to the effect's key, so that two worlds of one seed share it wherever they
    ask the same.

    Args:
        steps: By address, the steps of each agent of one or more runs, payloads resolved.
    """

    def __init__(self, steps: Iterable[tuple[str, Iterable[Step]]]) -> None:
        self._known: dict[tuple[str, str], list[_Known]] = {}
        for _, of_agent in steps:
            for command, known in ends(of_agent):
                self._known.setdefault((command.kind, command.name), []).append(known)

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Draw how long it takes."""
        known = self._draw(asked)
        return None if known is None else (known.seconds, known.seconds)

    def answer(self, asked: Asked) -> Outcome | None:
        """Draw how it ends: the end that goes with that time."""
        known = self._draw(asked)
        return None if known is None else known.outcome

    def _draw(self, asked: Asked) -> _Known | None:
        among = self._known.get((asked.command.kind, asked.command.name))
        return asked.generator().choice(among) if among else None


def ends(steps: Iterable[Step]) -> list[tuple[StartEffect, _Known]]:
    """Return the effects of one agent that ended, each with how and after how long."""
    begun: dict[tuple[int, int], tuple[StartEffect, int]] = {}
    pieces: dict[tuple[int, int], list[bytes]] = {}
    found = []
    for step in steps:
        event = step.event
        if isinstance(event, EffectStreamed):
            pieces.setdefault((event.turn, event.n), []).append(event.chunk)
        elif isinstance(event, EffectFinished | EffectFailed):
            effect = (event.turn, event.n)
            if effect in begun:
                command, at = begun.pop(effect)
                outcome = _outcome(event, tuple(pieces.pop(effect, ())))
                found.append((command, _Known(outcome, (event.at - at) / 1e9)))
        for issued in step.commands:
            if isinstance(issued, StartEffect):
                begun[issued.turn, issued.n] = (issued, event.at)
    return found


def _outcome(event: EffectFinished | EffectFailed, pieces: tuple[bytes, ...]) -> Outcome:
    if isinstance(event, EffectFinished):
        return Outcome(result=event.result, pieces=pieces)
    return Outcome(error=event.error, note=event.note, pieces=pieces)


@dataclass
class Sources:
    """Several sources, asked in turn."""

    every: Sequence[Source] = field(default_factory=list)

    def seconds(self, asked: Asked) -> tuple[float, float]:
        """Return how long an effect takes, as the first says who knows."""
        for source in self.every:
            known = source.seconds(asked)
            if known is not None:
                return known
        return SECONDS

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends.

        Raises:
            UsageError: Nobody knows.
        """
        for source in self.every:
            outcome = source.answer(asked)
            if outcome is not None:
                return outcome
        raise UsageError(
            f"{asked.address} asks for {asked.command.kind} {asked.name}, and this world has no "
            "answer.",
            cause="In a world nothing outside is real unless it is asked to be.",
            fix=f'Give it one, World(..., effects={{"{asked.name}": answer}}), or perform effects '
            "for real with effects=Live().",
        )

    def close(self) -> None:
        """Let go of what sources hold."""
        for source in self.every:
            if isinstance(source, Live):
                source.close()
