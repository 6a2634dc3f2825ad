"""Ways through a world: every one of a small world, and very many random ones of larger worlds."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec
import xxhash

from agentmesh.errors import AgentMeshError
from agentmesh.fabric.halves import NEVER, Limits
from agentmesh.fabric.link import Link
from tests.fabric.link_lives import ANSWERED, ASKED, FAILED, HELD, Call, Life, Rules, Step
from tests.fabric.link_world import World

FAILURES = (AssertionError, AgentMeshError, IndexError, KeyError)
"""What a broken protocol ends with."""
SETTLED_ONE_IN = 16
"""Of which share of all states of a small world it is tried that everything arrives in the end."""


class FoundError(AssertionError):
    """A schedule that breaks what must hold."""


# --- every way through a small world --------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often each kind of trouble may happen on one way."""

    lose: int = 0
    vanish: int = 0
    repeat: int = 0
    echo: int = 0
    crash: int = 0
    zombie: int = 0
    """Successors that start while the life before goes on."""
    time: int = 0
    """Times that a clock passes an alarm."""
    tell: int = 0


@dataclass
class Explored:
    """How much of a small world was seen."""

    states: int = 0
    steps: int = 0
    ends: int = 0
    """States in which nothing more happens without trouble."""
    settled: int = 0
    """States from which everything was seen to arrive."""

    def __str__(self) -> str:
        return (
            f"{self.states:,} distinct states, {self.steps:,} steps, {self.ends:,} ends, "
            f"everything arrived from {self.settled:,}"
        )


def explore(
    world: World, faults: Faults, *, states_max: int = 0, settle_one_in: int = SETTLED_ONE_IN
) -> Explored:
    """Take every way through a world, depth first, each state once.

    Args:
        world: Where it begins.
        faults: How much trouble there may be on one way.
        states_max: Stop after so many; 0 for all.
        settle_one_in: From which share of the states all must be seen to arrive.

    Raises:
        FoundError: Something does not hold that must; tells the schedule.
    """
    explored = Explored()
    budget = dict(vars(faults))
    seen = {_digest(world, budget)}
    stack = [(world, budget, _steps(world, budget))]
    path: list[Step] = []
    while stack and not (states_max and len(seen) >= states_max):
        here, budget, steps = stack[-1]
        step, cost = next(steps, ((), ""))
        if not step:
            stack.pop()
            if path:
                path.pop()
            continue
        there = here.clone()
        path.append(step)
        with _told(path, world.rules):
            possible = there.apply(step)
        explored.steps += possible
        left = {**budget, cost: budget[cost] - 1} if cost else budget
        digest = _digest(there, left) if possible else 0
        if not possible or digest in seen:
            path.pop()
            continue
        seen.add(digest)
        further = list(_steps(there, left))
        if digest % settle_one_in == 0 or all(cost for _, cost in further):
            explored.ends += all(cost for _, cost in further)
            explored.settled += 1
            with _told([*path, ("settle",)], world.rules):
                there.clone().settle()
        stack.append((there, left, iter(further)))
    explored.states = len(seen)
    return explored


class _told:  # noqa: N801 - reads as part of a `with`
    """Tells the way that led to whatever fails inside."""

    def __init__(self, path: list[Step], rules: Rules) -> None:
        self._path, self._rules = path, rules

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FAILURES):
            raise FoundError(_story(error, self._path, self._rules)) from error


def _story(error: BaseException, path: list[Step], rules: Rules) -> str:
    steps = "\n".join(f"  {step}," for step in path)
    return f"{type(error).__name__}: {error}\nafter {len(path)} steps in {rules}:\n{steps}"


def _steps(world: World, left: dict[str, int]) -> Iterator[tuple[Step, str]]:
    """All that may happen next, each with the trouble it counts as."""
    for step, cost in _all_steps(world, left):
        if not cost or left[cost]:
            yield step, cost


def _all_steps(world: World, left: dict[str, int]) -> Iterator[tuple[Step, str]]:
    for number, call in list(world.calls.items()):
        yield from _steps_of_call(world, number, call)
    for key, life in list(world.lives.items()):
        yield from _steps_of_life(world, key, life, split=bool(left["crash"] or left["zombie"]))
    for host in world.rules.hosts:
        journal, incarnation = world.journals[host], world.incarnations[host]
        if journal.closed != incarnation:
            yield ("restore", host), ""
        elif (host, incarnation) not in world.lives:
            yield ("fence", host), ""
        else:
            yield ("fence", host), "zombie"


def _steps_of_call(world: World, number: object, call: Call) -> Iterator[tuple[Step, str]]:
    if call.state == ASKED:
        for key in world.lives_of(call.dst):
            yield ("deliver", number, key), ""
        yield ("repeat", number), "repeat"
    elif call.state == ANSWERED:
        yield ("back", number), ""
        yield ("echo", number), "echo"
    elif call.state == FAILED:
        yield ("lose", number), ""
    if call.state in (ASKED, ANSWERED):
        yield ("lose", number), "lose"
        yield ("vanish", number), "vanish"


def _steps_of_life(
    world: World, key: tuple[str, int], life: Life, *, split: bool
) -> Iterator[tuple[Step, str]]:
    unwritten = life.written < len(life.pending)
    if not split and len(world.lives_of(key[0])) == 1:
        if unwritten or life.written or life.unreleased:
            yield ("commit", key), ""
    else:
        if unwritten:
            yield ("write", key), ""
        if life.written or life.unreleased:
            yield ("release", key), ""
    for peer, link in life.links.items():
        if link.outgoing.can_transmit or link.wake_at <= life.now or link._ask_again or link._greet:
            yield ("transmit", key, peer), ""
        yield ("tell", key, peer), "tell"
    yield ("crash", key), "crash"
    yield ("time", key), "time"


_ENCODER = msgspec.msgpack.Encoder()


def _digest(world: World, left: dict[str, int]) -> int:
    """Return a number that two worlds share exactly if they can't be told apart from now on."""
    places = {
        pending.call: place
        for life in world.lives.values()
        for place, pending in enumerate(life.pending)
        if pending.call is not None
    }
    calls = sorted(
        (*call[:4], call.holder or (), call.watched, places.get(number, -1))
        for number, call in world.calls.items()
    )
    journals = [
        (journal.fence, journal.closed, journal.sent, sorted(journal.received.items()))
        for journal in world.journals.values()
    ]
    lives = [_life_state(world.lives[key]) for key in sorted(world.lives)]
    state = (list(left.values()), calls, journals, list(world.incarnations.values()), lives)
    return xxhash.xxh3_64_intdigest(_ENCODER.encode(state))


def _life_state(life: Life) -> object:
    pending = [(item.peer, item.mark, item.fresh) for item in life.pending]
    links = [_link_state(link, life.now) for link in life.links.values()]
    given = [(len(given), life.base[peer]) for peer, given in life.given.items()]
    seen = sorted(life.seen.items())
    return (life.key, pending, life.written, life.unreleased, links, given, seen)


def _link_state(link: Link, now: int) -> object:
    outgoing, incoming = link.outgoing, link.incoming
    return (
        link.peer_incarnation,
        [envelope.id for envelope in outgoing._unsent],
        [envelope.id for envelope, _ in outgoing._unacked],
        (outgoing.acked, outgoing.credit, outgoing._highest, _until(outgoing.resend_at, now)),
        outgoing._patience_ns,
        (incoming.handed, incoming.committed, sorted(incoming._early)),
        (link.superseded, _until(link._ack_at, now), link._told_ack, link._bytes_untold),
        (link._ask_again, link._greet, link._refused),
    )


def _until(alarm: int, now: int) -> int:
    return -1 if alarm == NEVER else max(0, alarm - now)


# --- random ways through larger worlds ------------------------------------------------------------

COMMON = {
    "issue": 4,
    "transmit": 8,
    "network": 16,
    "commit": 6,
    "write": 2,
    "release": 2,
    "note": 1,
}
TROUBLE = ("lose", "vanish", "repeat", "echo", "crash", "fence", "restore", "tell", "time")
DURATIONS = (0, 1_000_000, 60_000_000, 6_000_000_000)
"""Until the next alarm; nothing; past an acknowledgement; past a resending, in nanoseconds."""


@dataclass
class Walked:
    """How far random ways went."""

    ways: int = 0
    steps: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.kinds.items()))
        return f"{self.steps:,} steps on {self.ways:,} ways: {kinds}"


def walk(
    seed: int, steps: int, make: Callable[[Rules], World] = World, link: type[Link] = Link
) -> Walked:
    """Take random ways through random worlds until so many steps were done.

    Raises:
        FoundError: Something does not hold that must; tells the seed, and the shortest
            schedule that was found to break it.
    """
    walked = Walked()
    while walked.steps < steps:
        rng = random.Random(seed * 1_000_003 + walked.ways)
        rules = _random_rules(rng, link)
        schedule: list[Step] = []
        try:
            walked.steps += _walk_once(make(rules), rng, schedule, walked.kinds)
        except FAILURES as error:
            shortest = shorten(schedule, partial(make, rules))
            story = _story(error, shortest, rules)
            message = f"seed {seed}, way {walked.ways}, {len(schedule)} steps, shortened: {story}"
            raise FoundError(message) from error
        walked.ways += 1
    return walked


def _random_rules(rng: random.Random, link: type[Link]) -> Rules:
    window = rng.choice([1, 2, 4, 12])
    limits = Limits(
        window=window,
        frame_messages=rng.randint(1, window),
        frame_bytes=rng.choice([1, 400, 1 << 20]),
        unacked_bytes=rng.choice([1, 1000, 1 << 20]),
    )
    hosts = ("left", "right", "third")[: rng.choice([2, 2, 3])]
    return Rules(hosts=hosts, limits=limits, calls=rng.randint(1, 3), link=link)


def _walk_once(
    world: World, rng: random.Random, schedule: list[Step], kinds: dict[str, int]
) -> int:
    # Each way has its own mix: slow hosts, slow networks, and some troubles not at all.
    weights = {kind: share * rng.choice([1, 4, 16]) for kind, share in COMMON.items()}
    weights |= {kind: rng.choice([0, 0, 1, 4, 16]) for kind in TROUBLE} | {"restore": 16}
    names, shares = list(weights), list(weights.values())
    done = 0
    for kind in rng.choices(names, shares, k=rng.choice([50, 200, 600])):
        step = _random_step(world, rng, kind)
        if step is None:
            continue
        schedule.append(step)
        if world.apply(step):
            done += 1
            kinds[step[0]] = kinds.get(step[0], 0) + 1
        else:
            schedule.pop()
    schedule.append(("settle",))
    return done + world.settle()


def _random_step(world: World, rng: random.Random, kind: str) -> Step | None:
    if kind in ("network", "lose", "vanish", "repeat", "echo"):
        return _random_step_of_call(world, rng, kind)
    if kind in ("fence", "restore"):
        return kind, rng.choice(world.rules.hosts)
    if not world.lives:
        return None
    key = rng.choice(list(world.lives))
    peer = rng.choice([host for host in world.rules.hosts if host != key[0]])
    if kind == "issue":
        src, dst = f"{key[0]}/{rng.choice('ab')}", f"{peer}/{rng.choice('ab')}"
        return kind, key, src, dst, rng.choice([0, 0, 300])
    if kind in ("transmit", "note", "tell"):
        return kind, key, peer
    return (kind, key, rng.choice(DURATIONS)) if kind == "time" else (kind, key)


def _random_step_of_call(world: World, rng: random.Random, kind: str) -> Step | None:
    if not world.calls:
        return None
    number = rng.choice(list(world.calls))
    call = world.calls[number]
    if kind != "network":
        return kind, number
    if call.state == ASKED:
        lives = world.lives_of(call.dst)
        return ("deliver", number, rng.choice(lives)) if lives else ("lose", number)
    if call.state == HELD:
        return None
    return ("back" if call.state == ANSWERED else "lose"), number


def fails(schedule: list[Step], make: Callable[[], World]) -> bool:
    """Tell whether a schedule breaks what must hold; impossible steps are left out."""
    world = make()
    try:
        for step in schedule:
            if step == ("settle",):
                world.settle()
            else:
                world.apply(step)
    except FAILURES:
        return True
    return False


def shorten(schedule: list[Step], make: Callable[[], World]) -> list[Step]:
    """Leave out of a schedule that fails whatever it also fails without."""
    size, before = len(schedule) // 2, len(schedule)
    while size:
        start = 0
        while start < len(schedule):
            shorter = schedule[:start] + schedule[start + size :]
            if fails(shorter, make):
                schedule = shorter
            else:
                start += size
        size //= 2
    return schedule if len(schedule) == before else shorten(schedule, make)
