"""Brute force: every schedule of a world, one after the other, and what tells them apart."""

from collections.abc import Callable, Iterator

from agentmesh.simulation.world import World

Trace = tuple[tuple[str, tuple[str, ...]], ...]


def trace_of(world: World) -> Trace:
    """Return each agent's events in its own order: schedules with equal ones are equivalent."""
    found: dict[str, list[str]] = {}
    for each in world.happened:
        found.setdefault(each.item.address, []).append(each.item.key)
    return tuple(sorted((where, tuple(keys)) for where, keys in found.items()))


def every_schedule(make: Callable[[], World]) -> Iterator[World]:
    """Run a world under every schedule there is; each is closed when the next begins."""
    path: list[tuple[int, int]] = []  # which choice, of how many
    while True:
        with make() as world:
            depth = 0
            while possible := world.possible():
                if depth == len(path):
                    path.append((0, len(possible)))
                world.take(possible[path[depth][0]])
                depth += 1
            yield world
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return
        path[-1] = (path[-1][0] + 1, path[-1][1])
