"""What each player contributes: Shapley values by sampled orders, players of a group together.

Orders are drawn in pairs, each with its reverse (antithetic), and keep the players of a group
next to each other: then the values of a group add up to what the group contributes (Owen).
Failures of which each of two faults is necessary, or each sufficient, are shared half and half.
"""

import math
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Player = TypeVar("Player", bound=Hashable)
_Z = 1.96


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one player contributes."""

    value: float
    low: float
    """The lower end of a normal 95 % interval over the orders that were drawn."""
    high: float


def shares(
    groups: Mapping[str, Sequence[Player]],
    worth: Callable[[frozenset[Player], int], float],
    *,
    pairs: int,
    seed: str = "",
) -> dict[Player, Share]:
    """Return what each player contributes.

    Args:
        groups: The players, by group.
        worth: What a set of players comes to, in one draw.
        pairs: How many orders are drawn, each with its reverse; the draw is the pair's number.
        seed: Of the orders.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable
    gained: dict[Player, list[float]] = {each: [] for every in groups.values() for each in every}
    for draw in range(pairs):
        order = _order(groups, chance)
        both = [_gains(way, worth, draw) for way in (order, order[::-1])]
        for player, values in gained.items():
            values.append((both[0][player] + both[1][player]) / 2)
    return {player: _share(values) for player, values in gained.items()}


def _order(groups: Mapping[str, Sequence[Player]], chance: random.Random) -> list[Player]:
    names = list(groups)
    chance.shuffle(names)
    found: list[Player] = []
    for name in names:
        members = list(groups[name])
        chance.shuffle(members)
        found += members
    return found


def _gains(
    order: Sequence[Player], worth: Callable[[frozenset[Player], int], float], draw: int
) -> dict[Player, float]:
    before, inside = worth(frozenset(), draw), frozenset[Player]()
    gained = {}
    for player in order:
        inside |= {player}
        after = worth(inside, draw)
        gained[player] = after - before
        before = after
    return gained


def _share(values: Sequence[float]) -> Share:
    mean = sum(values) / len(values) if values else 0.0
    if len(values) < 2:  # noqa: PLR2004 - one value says nothing of its spread
        return Share(value=mean, low=-1.0, high=1.0)
    variance = sum((each - mean) ** 2 for each in values) / (len(values) - 1)
    half = _Z * math.sqrt(variance / len(values))
    return Share(value=mean, low=max(-1.0, mean - half), high=min(1.0, mean + half))
