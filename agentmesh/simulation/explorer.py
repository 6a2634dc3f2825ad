"""Every schedule that makes a difference, once: source-DPOR with sleep sets over deliveries.

Abdulla, Aronis, Jonsson and Sagonas, "Optimal Dynamic Partial Order Reduction" (POPL 2014),
algorithm 1, for agents: what happens to different agents commutes, so that two schedules in
which each agent has the same events in the same order are one *trace*. Each complete
schedule that is explored is another trace. A schedule that turns out to repeat one is given
up in the middle (`Search.blocked`).

Theory of operation. Worlds can't be copied, so every schedule is run from the beginning. In one
run, two neighbouring events of an agent race if the later one was neither caused by the earlier
nor held behind it in its lane; then the state before the earlier one must be left
another way, too. A timer that an event cancels, or puts another one before, races with it, although
it never happens then. Vector clocks say what was caused by what.

The world must be free (see `pool`): without that, time orders what is independent. Effects that
touch something shared outside must say so: `shared` makes all their ends dependent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentmesh.errors import UsageError
from agentmesh.simulation.pool import DEADLINE, EFFECT, Item
from agentmesh.simulation.world import World

SCHEDULES_MAX = 10_000

_OUTSIDE = "outside"


@dataclass(kw_only=True)
class Search:
    """How much was explored."""

    schedules: int = 0
    """Complete ones: as many traces."""
    blocked: int = 0
    """Given up because they would repeat a trace."""
    unfinished: int = 0
    """Cut short because a world had too many events."""
    events: int = 0
    """Events in all runs together."""
    exhausted: bool = False
    """Whether nothing is left to explore."""
    left: int = 0
    """Branches known and not explored: more may come to light behind them."""
    stopped: bool = False
    """Whether whoever looked at the worlds had seen enough."""

    def __str__(self) -> str:
        if self.exhausted and not self.unfinished:
            covered = "all that differ"
        else:
            covered = f"not all: at least {self.left:,} branches are left"
        cut = f", {self.unfinished:,} cut short" if self.unfinished else ""
        return f"{self.schedules:,} schedules, {covered}{cut}"


@dataclass(slots=True)
class _State:
    """One state of the current run, and what has to be tried from there."""

    possible: dict[str, tuple[str, ...]]
    """What may happen, and what each touches."""
    sleep: dict[str, tuple[str, ...]]
    backtrack: dict[str, None] = field(default_factory=dict)
    done: dict[str, None] = field(default_factory=dict)
    chosen: str = ""


@dataclass(slots=True)
class _Event:
    key: str
    touches: tuple[str, ...]
    clock: dict[str, int]
    """Of each object touched, how many of its events happened before or are this one."""
    places: dict[str, int]
    """Its own place among the events of each object it touches."""


def explore(
    make: Callable[[], World],
    look: Callable[[World], bool] = lambda _world: False,
    *,
    schedules_max: int = SCHEDULES_MAX,
    shared: bool = False,
) -> Search:
    """Run a world under every schedule that makes a difference.

    Args:
        make: Makes the world, always alike, free, and not begun.
        look: Called with each world that has come to its end; returns whether that is enough.
        schedules_max: Give up after so many runs, and say so.
        shared: Whether effects touch something outside that others touch, too.

    Returns:
        How much was explored.

    Raises:
        UsageError: The world is not free, or not always the same.
    """
    search = Search()
    states: list[_State] = []
    while not search.stopped:
        if search.schedules + search.blocked + search.unfinished >= schedules_max:
            break
        world = make()
        try:
            _run(world, states, search, look, shared=shared)
        finally:
            world.close()
        if not _next_branch(states):
            search.exhausted = not search.stopped
            break
    search.left = sum(
        len([key for key in each.backtrack if key not in each.done and key not in each.sleep])
        for each in states
    )
    return search


def _run(
    world: World,
    states: list[_State],
    search: Search,
    look: Callable[[World], bool],
    *,
    shared: bool,
) -> None:
    if not world.timing.free:
        raise UsageError(
            "A world with a bound on how long messages take can't be explored exhaustively.",
            cause="Time would order events that have nothing to do with each other.",
            fix="Make it with timing=Timing(message_seconds=None).",
        )
    past = _Past(states)
    while True:
        possible = world.possible()
        touches = {item.key: _touches(item, shared=shared) for item in possible}
        past.lose(touches)
        depth = len(past.events)
        if depth >= world.steps_max:
            search.unfinished += 1
            search.stopped = look(world)
            break
        if depth < len(states):
            state = states[depth]
            if touches.keys() != state.possible.keys():
                raise _changed(depth)
        else:
            state = _new_state(states, touches)
            states.append(state)
            if not touches:
                search.schedules += 1
                search.stopped = look(world)
                break
            awake = [key for key in touches if key not in state.sleep]
            if not awake:
                search.blocked += 1
                break
            state.chosen = awake[0]
            state.backtrack[state.chosen] = None
        item = next(each for each in possible if each.key == state.chosen)
        world.take(item)
        search.events += 1
        past.add(item, touches[item.key])
        if world.broken and look(world):
            search.schedules += 1
            search.stopped = True
            return
    if not states[-1].possible or states[-1].chosen == "":
        states.pop()


def _new_state(states: list[_State], touches: dict[str, tuple[str, ...]]) -> _State:
    """Return the state after the last one; what sleeps there goes on sleeping if independent."""
    if not states:
        return _State(touches, {})
    last = states[-1]
    mine = last.possible[last.chosen]
    asleep = {**last.sleep, **{key: last.possible[key] for key in last.done}}
    sleep = {
        key: touched
        for key, touched in asleep.items()
        if key != last.chosen and key in touches and not any(each in mine for each in touched)
    }
    return _State(touches, sleep)


def _next_branch(states: list[_State]) -> bool:
    """Go back to the last state that has to be left another way; tell whether there is one."""
    while states:
        state = states[-1]
        state.done[state.chosen] = None
        for key in state.backtrack:
            if key not in state.done and key not in state.sleep:
                state.chosen = key
                return True
        states.pop()
    return False


def _touches(item: Item, *, shared: bool) -> tuple[str, ...]:
    if shared and item.kind == EFFECT:
        return (item.address, _OUTSIDE)
    return (item.address,)


class _Past:
    """The events of one run, and which of them race."""

    def __init__(self, states: list[_State]) -> None:
        self.events: list[_Event] = []
        self._states = states
        self._of: dict[str, list[int]] = {}  # by object, its events
        self._lanes: dict[tuple[str, ...], int] = {}  # the last event of each lane

    def add(self, item: Item, touches: tuple[str, ...]) -> None:
        """Take in an event, and note how earlier states must be left because of it."""
        index = len(self.events)
        before = self._before(item)
        if item.kind != DEADLINE:
            self._find_races(item.key, touches, before)
        clock = dict(before)
        places = {}
        for each in touches:
            mine = self._of.setdefault(each, [])
            if mine:
                _join(clock, self.events[mine[-1]].clock)
            mine.append(index)
            places[each] = clock[each] = len(mine)
        self.events.append(_Event(item.key, touches, clock, places))
        self._lanes[item.lane] = index

    def lose(self, after: dict[str, tuple[str, ...]]) -> None:
        """Note that the last event made impossible what was possible before it.

        A timer it took back, or put another one in front of: had that fired, it would have been
        before this event.
        """
        if self.events:
            index = len(self.events) - 1
            state = self._states[index]
            for key in state.possible:
                if key not in after and key != state.chosen:
                    self._leave(index, [key])

    def _before(self, item: Item) -> dict[str, int]:
        """Return what must have happened before, whatever the schedule."""
        if item.kind == DEADLINE:  # comes when nothing else can
            return {each: len(events) for each, events in self._of.items()}
        clock: dict[str, int] = {}
        if item.cause >= 0:
            _join(clock, self.events[item.cause].clock)
        if item.lane in self._lanes:
            _join(clock, self.events[self._lanes[item.lane]].clock)
        return clock

    def _find_races(self, key: str, touches: tuple[str, ...], before: dict[str, int]) -> None:
        last = [self._of[each][-1] for each in touches if self._of.get(each)]
        for index in dict.fromkeys(last):
            if self._knows(before, index):
                continue
            if any(
                other != index and self._knows(self.events[other].clock, index) for other in last
            ):
                continue
            later = [
                each
                for each in range(index + 1, len(self.events))
                if not self._knows(self.events[each].clock, index)
            ]
            self._leave(index, self._initials(later, key, touches, before))

    def _initials(
        self, later: list[int], key: str, touches: tuple[str, ...], before: dict[str, int]
    ) -> list[str]:
        """Return what of a sequence of events can come first."""
        firsts = []
        for place, index in enumerate(later):
            clock = self.events[index].clock
            if not any(self._knows(clock, earlier) for earlier in later[:place]):
                firsts.append(self.events[index].key)
        dependent = any(
            self._knows(before, index)
            or any(each in touches for each in self.events[index].touches)
            for index in later
        )
        return firsts if dependent else [*firsts, key]

    def _knows(self, clock: dict[str, int], index: int) -> bool:
        """Tell whether an event happened before what has this clock."""
        event = self.events[index]
        return any(clock.get(each, 0) >= place for each, place in event.places.items())

    def _leave(self, index: int, ways: list[str]) -> None:
        """Note that the state before an event must be left in one of these ways, too."""
        state = self._states[index]
        if any(key in state.backtrack for key in ways):
            return
        way = next((key for key in ways if key in state.possible), None)
        if way is not None:
            state.backtrack[way] = None


def _join(clock: dict[str, int], other: dict[str, int]) -> None:
    for each, place in other.items():
        if clock.get(each, 0) < place:
            clock[each] = place


def _changed(depth: int) -> UsageError:
    return UsageError(
        f"The world was another one when it was run again: after {depth} events other things can "
        "happen.",
        cause="Something outside the world remembers the last one: a fake, a global, a file.",
        fix="Make everything anew in the function that makes the world.",
    )
