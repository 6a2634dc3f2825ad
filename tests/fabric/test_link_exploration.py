"""The protocol under everything a network and dying hosts can do to it.

Further by hand, many minutes long: `pytest --explore=large tests/fabric/test_link_exploration.py`.
"""

import random
from collections.abc import Callable

import pytest

from agentmesh.fabric.halves import Limits
from agentmesh.fabric.link import Link
from tests.fabric.broken_links import (
    AnswersRepetitionsAtOnce,
    FencesLate,
    Forgiving,
    GrantsAgain,
    Hasty,
    HastyAboutRepetitions,
    Impatient,
    KeepsNumbers,
    LosesUnacknowledged,
    RemembersNothing,
    SendsNothingAgain,
    SendsOldAfterNew,
    SkipsGaps,
    Unfenced,
)
from tests.fabric.link_explorers import Faults, FoundError, explore, walk
from tests.fabric.link_lives import Rules
from tests.fabric.link_world import World

LARGE_SETTLED_ONE_IN = 64
WALKED_STEPS = {"small": 50_000, "large": 1_500_000}
"""Steps of random ways, for each of four seeds."""
CAUGHT_STEPS = 200_000
"""In how many random steps a broken protocol must be found."""
PROMPT = Limits(window=2, frame_messages=1, ack_delay_ns=0, resend_ns=1, resend_most_ns=1)
"""An acknowledgement may go at once, or later; so may what is sent again once time has passed."""
TIGHT = Limits(window=1, frame_messages=1, ack_delay_ns=0, resend_ns=1, resend_most_ns=1)
TWO = ("left", "right")
RING = ("left", "right", "third")

Small = tuple[tuple[int, ...], int, Limits, Faults]
"""Messages that each host sends to the next; calls at a time; limits; trouble."""
PLAIN: Small = ((2, 2), 2, PROMPT, Faults())
LOSING: Small = ((2, 2), 1, TIGHT, Faults(lose=1))
LOSING_SILENTLY: Small = ((1, 1), 1, PROMPT, Faults(vanish=1, time=1))
CRASHING: Small = ((2, 0), 2, PROMPT, Faults(crash=1))
DYING_ALIVE: Small = ((1, 1), 1, PROMPT, Faults(zombie=1))
SMALL = [
    PLAIN,
    LOSING,
    LOSING_SILENTLY,
    CRASHING,
    DYING_ALIVE,
    ((2, 0), 2, PROMPT, Faults(lose=1, repeat=1)),
    ((1, 1), 1, PROMPT, Faults(repeat=1, echo=1)),
    ((1, 0), 1, PROMPT, Faults(crash=1, zombie=1, tell=1)),
    ((1, 1, 0), 1, PROMPT, Faults(lose=1)),
]
LARGE = [
    ((2, 2), 2, PROMPT, Faults(lose=1)),
    ((2, 2), 1, PROMPT, Faults(lose=1, repeat=1)),
    ((2, 1), 1, PROMPT, Faults(crash=1)),
    ((1, 1), 1, PROMPT, Faults(lose=1, crash=1)),
    ((1, 1), 1, PROMPT, Faults(lose=1, zombie=1)),
    ((1, 1), 2, PROMPT, Faults(zombie=1)),
    ((1, 1), 1, PROMPT, Faults(crash=1, zombie=1)),
]
WRONG_LINKS = {
    Hasty: PLAIN,
    HastyAboutRepetitions: PLAIN,
    GrantsAgain: PLAIN,
    SkipsGaps: PLAIN,
    Impatient: LOSING_SILENTLY,
    Forgiving: CRASHING,
    KeepsNumbers: CRASHING,
    LosesUnacknowledged: CRASHING,
    SendsOldAfterNew: CRASHING,
}
WRONG_WORLDS = {
    Unfenced: DYING_ALIVE,
    FencesLate: DYING_ALIVE,
    RemembersNothing: CRASHING,
    SendsNothingAgain: DYING_ALIVE,
    AnswersRepetitionsAtOnce: DYING_ALIVE,
}
"""What is wrong on purpose, and in which small world it must show."""


def world_of(
    small: Small, make: Callable[[Rules], World] = World, link: type[Link] = Link
) -> World:
    """A world in which every host has its messages to send, and nothing has happened yet."""
    messages, calls, limits, _ = small
    hosts = RING if len(messages) > len(TWO) else TWO
    world = make(Rules(hosts=hosts, limits=limits, calls=calls, link=link))
    for place, (host, count) in enumerate(zip(hosts, messages, strict=True)):
        to = hosts[(place + 1) % len(hosts)]
        for _ in range(count):
            world.apply(("issue", (host, 1), f"{host}/a", f"{to}/a"))
        world.apply(("release", (host, 1)))
    return world


def named(small: Small) -> str:
    """Return how a world is called in the output."""
    messages, calls, limits, faults = small
    troubles = [f"{kind}{count}" for kind, count in vars(faults).items() if count]
    return "-".join(["+".join(map(str, messages)), f"c{calls}w{limits.window}", *troubles])


@pytest.mark.parametrize("small", SMALL, ids=named)
def test_every_way_through_a_small_world_keeps_what_must_hold(small, record_property) -> None:
    """All interleavings, and trouble at every step."""
    record_property("explored", str(explore(world_of(small), small[3])))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("small", LARGE, ids=named)
def test_every_way_through_a_larger_world_keeps_what_must_hold(
    small, record_property, request
) -> None:
    """The same with more trouble on one way: as far as one has the patience for."""
    if request.config.getoption("explore") == "large":
        explored = explore(world_of(small), small[3], settle_one_in=LARGE_SETTLED_ONE_IN)
    else:  # begun, so that it keeps working
        explored = explore(world_of(small), small[3], states_max=500)
    record_property("explored", str(explored))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("turn", range(4))
def test_random_ways_through_larger_worlds_keep_what_must_hold(
    turn, record_property, request
) -> None:
    """Two or three hosts, limits of all sizes, many lives; other ways each time."""
    steps = WALKED_STEPS[request.config.getoption("explore")]
    record_property("explored", str(walk(random.getrandbits(32), steps)))


@pytest.mark.parametrize("link", WRONG_LINKS)
def test_random_ways_find_what_is_wrong_with_a_protocol(link) -> None:
    """What never fails proves nothing: each of these is wrong in one way."""
    with pytest.raises(FoundError, match="shortened"):
        walk(3, CAUGHT_STEPS, link=link)


@pytest.mark.parametrize("world", WRONG_WORLDS)
def test_random_ways_find_what_is_wrong_with_a_host(world) -> None:
    """The protocol relies on what hosts do around it."""
    with pytest.raises(FoundError, match="shortened"):
        walk(3, CAUGHT_STEPS, make=world)


@pytest.mark.parametrize("link", WRONG_LINKS)
def test_every_way_finds_what_is_wrong_with_a_protocol(link) -> None:
    """The world is small, and it is enough."""
    small = WRONG_LINKS[link]
    with pytest.raises(FoundError, match="steps in Rules"):
        explore(world_of(small, link=link), small[3])


@pytest.mark.parametrize("world", WRONG_WORLDS)
def test_every_way_finds_what_is_wrong_with_a_host(world) -> None:
    """The world is small, and it is enough."""
    small = WRONG_WORLDS[world]
    with pytest.raises(FoundError, match="steps in Rules"):
        explore(world_of(small, make=world), small[3])
