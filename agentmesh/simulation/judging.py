"""What must hold in a world: always, or at some time; and what became of the workflow.

    always("no money is lost", lambda world: world.agent(Account).balance >= 0)
    eventually("the order is paid", lambda world: "paid" in world.agent(Shop).log)

A predicate that fails because the agent it asks for does not live yet counts as holding if it
must always hold, and as not holding yet if it must eventually.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentmesh.errors import UsageError
from agentmesh.simulation.world import World

Predicate = Callable[[World], object]


@dataclass(frozen=True)
class Invariant:
    """Something that must hold."""

    name: str
    predicate: Predicate
    always: bool

    def holds(self, world: World) -> bool:
        """Tell whether it holds now."""
        try:
            return bool(self.predicate(world))
        except UsageError:
            return self.always


def always(name: str, predicate: Predicate) -> Invariant:
    """Say what must hold after each event.

    Args:
        name: What it is called when it does not.
        predicate: Given the world; false or an `AssertionError` if it does not hold.
    """
    return Invariant(name, predicate, always=True)


def eventually(name: str, predicate: Predicate) -> Invariant:
    """Say what must have held after some event when the world ends.

    Args:
        name: What it is called when it never did.
        predicate: Given the world.
    """
    return Invariant(name, predicate, always=False)


class BrokenError(AssertionError):
    """An invariant does not hold."""


class Judged:
    """Runs worlds, and names what is wrong with each.

    Args:
        invariants: What must hold.
        check: Called with a world that has ended; raises if something is wrong.
    """

    def __init__(
        self,
        invariants: Sequence[Invariant] = (),
        check: Callable[[World], object] = lambda _world: None,
    ) -> None:
        self._always = [each for each in invariants if each.always]
        self._eventually = [each for each in invariants if not each.always]
        self._check = check
        self._world: World | None = None
        self._open: list[Invariant] = []
        self.error: BaseException | None = None
        """Of the last world: what was raised."""

    def attach(self, world: World) -> World:
        """Watch a world that has not begun; it stops where an invariant is broken."""
        self._world, self._open, self.error = world, list(self._eventually), None
        if self._always or self._eventually:
            world.on_step.append(self._look)
        return world

    def __call__(self, world: World) -> str:
        """Run a world to its end, and name its failure; empty if it has none."""
        if self._world is not world:
            self.attach(world)
        try:
            world.run()
            self._refuse(world)
            self._check(world)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            self.error = error
            return name_of(error)
        return ""

    def _look(self, world: World) -> None:
        for each in self._always:
            if not each.holds(world):
                world.broken = f"It does not always hold that {each.name}."
                return
        if self._open:
            self._open = [each for each in self._open if not each.holds(world)]

    def _refuse(self, world: World) -> None:
        if world.broken:
            raise BrokenError(world.broken)
        if world.possible():
            raise BrokenError(f"The world did not end within {world.steps_max:,} events.")
        if self._open:
            raise BrokenError(f"It never came to hold that {self._open[0].name}.")


def name_of(error: BaseException) -> str:
    """Return what a failure is called: two are the same if they are called the same."""
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text[:_NAME_MAX]}".rstrip(": ")


_NAME_MAX = 80
