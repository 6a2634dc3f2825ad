"""Synthetic worlds with a known causal graph: agents whose values follow from their parents'.

Each node is an agent. It asks a tool for its value, which follows from the values of its parents
and from noise of its own; what a tool is asked for is all it depends on. So what an intervention
changes is known exactly: by the graph, and by summing over all noise.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import agentmesh as am

Mechanism = Callable[[Mapping[str, int]], float]
"""Given the values of the parents, returns the probability of 1."""


@dataclass(frozen=True)
class Node:
    """A value, and what it follows from."""

    parents: tuple[str, ...]
    chance: Mechanism


Graph = dict[str, Node]

GRAPHS: dict[str, Graph] = {
    "and": {
        "a": Node((), lambda _: 0.5),
        "b": Node((), lambda _: 0.7),
        "both": Node(("a", "b"), lambda v: float(v["a"] and v["b"])),
        "y": Node(("both",), lambda v: 0.9 if v["both"] else 0.2),
    },
    "or": {
        "a": Node((), lambda _: 0.4),
        "b": Node((), lambda _: 0.5),
        "any": Node(("a", "b"), lambda v: float(v["a"] or v["b"])),
        "y": Node(("any",), lambda v: 0.8 if v["any"] else 0.1),
    },
    "chain": {
        "a": Node((), lambda _: 0.5),
        "b": Node(("a",), lambda v: 0.9 if v["a"] else 0.1),
        "c": Node(("b",), lambda v: 0.9 if v["b"] else 0.1),
        "y": Node(("c",), lambda v: 0.9 if v["c"] else 0.1),
    },
    "mediator": {
        "a": Node((), lambda _: 0.5),
        "m": Node(("a",), lambda v: 0.8 if v["a"] else 0.3),
        "y": Node(("a", "m"), lambda v: 0.1 + 0.3 * v["a"] + 0.5 * v["m"]),
    },
    "confounder": {
        "c": Node((), lambda _: 0.5),
        "a": Node(("c",), lambda v: 0.9 if v["c"] else 0.1),
        "y": Node(("a", "c"), lambda v: 0.2 + 0.1 * v["a"] + 0.6 * v["c"]),
    },
}
"""In each, what `a` does to `y` is asked; where there is a confounder, both follow from `c`."""


class Case(am.Message):
    """A graph, and the noise of each of its nodes; drawn if it is not given."""

    graph: str
    noise: dict[str, float] = {}  # noqa: RUF012 - a message's field, copied for each


class Known(am.Message):
    """What a node is told."""

    graph: str
    node: str
    parents: dict[str, int]
    noise: float


@am.tool
async def mechanism(graph: str, node: str, parents: dict[str, int], noise: float) -> int:
    """Return the value of a node."""
    return value_of(graph, node, parents, noise)


def value_of(graph: str, node: str, parents: Mapping[str, int], noise: float) -> int:
    """Return the value of a node: 1 if its noise lies below the probability."""
    return int(noise < GRAPHS[graph][node].chance(parents))


@am.agent
class Variable:
    """A node."""

    value: int = 0

    @am.handler
    async def find(self, known: Known) -> int:
        """Ask for its value."""
        self.value = await mechanism(known.graph, known.node, known.parents, known.noise)
        return self.value


@am.workflow(deadline="1m")
async def causal(case: Case) -> dict[str, int]:
    """Find the values of all nodes, parents first."""
    values: dict[str, int] = {}
    chance = am.random()
    for name, node in GRAPHS[case.graph].items():
        drawn = chance.random()
        known = Known(
            graph=case.graph,
            node=name,
            parents={parent: values[parent] for parent in node.parents},
            noise=case.noise.get(name, drawn),
        )
        values[name] = await am.ref(Variable, name).find(known)
    return values


def answers(done: Mapping[str, int]) -> dict[str, Callable[..., int]]:
    """Return what the tool says in a world where some nodes are set by force."""

    def say(graph: str, node: str, parents: dict[str, int], noise: float) -> int:
        return done[node] if node in done else value_of(graph, node, parents, noise)

    return {"mechanism": say}


def expected(graph: str, done: Mapping[str, int]) -> float:
    """Return the probability that `y` is 1 if some nodes are set by force: over all values."""
    nodes, total = GRAPHS[graph], 0.0
    for values in itertools.product((0, 1), repeat=len(nodes)):
        named = dict(zip(nodes, values, strict=True))
        if named["y"]:
            total += _probability(nodes, named, done)
    return total


def observed(graph: str) -> float:
    """Return how much more often `y` is 1 where `a` is 1 than where it is 0, if one only looks."""
    nodes = GRAPHS[graph]
    sums = {(a, y): 0.0 for a in (0, 1) for y in (0, 1)}
    for values in itertools.product((0, 1), repeat=len(nodes)):
        named = dict(zip(nodes, values, strict=True))
        sums[named["a"], named["y"]] += _probability(nodes, named, {})
    return sums[1, 1] / (sums[1, 0] + sums[1, 1]) - sums[0, 1] / (sums[0, 0] + sums[0, 1])


def _probability(nodes: Graph, named: Mapping[str, int], done: Mapping[str, int]) -> float:
    probability = 1.0
    for name, node in nodes.items():
        one = float(done[name]) if name in done else node.chance(named)
        probability *= one if named[name] else 1 - one
    return probability


def affected(graph: str, noise: Mapping[str, float], node: str, value: int) -> set[str]:
    """Return the nodes that have to be asked for again if one is given another value."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    again = set()
    for name, one in GRAPHS[graph].items():
        old = {parent: before[parent] for parent in one.parents}
        new = {parent: after[parent] for parent in one.parents}
        before[name] = value_of(graph, name, old, noise[name])
        after[name] = value if name == node else value_of(graph, name, new, noise[name])
        if old != new:
            again.add(name)
    return again
