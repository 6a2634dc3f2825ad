"""How long it takes to stand at an event of a long run, and to search one.

What runs is four agents that count messages, so that handlers take no time: what is measured
is agentmesh. Each first answer is that of a run that was just opened.
"""

import functools
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import agentmesh as am
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.replaying import replayer_of
from agentmesh.replay.driver import Replayer
from agentmesh.replay.parallel import replay_in_processes
from tests.benchmarks.replay_programs import Work, bound_by_one_way
from tests.benchmarks.table import Row

LENGTHS = (10_000, 100_000, 1_000_000)
"""Events of the runs, within a few."""
FIRST_ANSWERS = 3
JUMPS = 10
BACKS = 200
SEARCHES = 1


def measure() -> list[Row]:
    """Record a run of each length, and travel through it."""
    with tempfile.TemporaryDirectory() as store:
        rows = [row for length in LENGTHS for row in _travel(store, length)]
        rows += _search(store, str(LENGTHS[-1]))
        rows += _replay(store, str(LENGTHS[-1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return [*rows, Row(name="peak memory of all of this", unit="MB", values=[peak])]


def _travel(store: str, length: int) -> list[Row]:
    work, name = Work(count=length), str(length)
    am.run(bound_by_one_way, work, local=True, store=store, run_id=name, quiet=True)
    places = random.Random(length)
    first = [_first_answer(store, name, places) for _ in range(FIRST_ANSWERS)]
    with am.open_run(name, store=store) as run:
        agent = "Counter/c0"
        count = run.count_steps(agent)
        run.at((agent, count - 1)).agent()  # once through all of it
        jumps = [
            _timed(lambda: run.at((agent, places.randrange(count))).agent()) for _ in range(JUMPS)
        ]
        at = places.randrange(BACKS, count)
        run.at((agent, at)).agent()
        backs = [
            _timed(functools.partial(_look, run, agent, at - back)) for back in range(1, BACKS)
        ]
    shown = f"{length:,} events"
    return [
        Row(name=f"state at a random event, first answer, {shown}", unit="s", values=first),
        Row(name=f"state at another random event, {shown}", unit="s", values=jumps),
        Row(name=f"one event back, {shown}", unit="s", values=backs),
    ]


def _look(run: RecordedRun, agent: str, step: int) -> None:
    run.at((agent, step)).agent()


def _first_answer(store: str, name: str, places: random.Random) -> float:
    agent, share = f"Counter/c{places.randrange(4)}", places.random()

    def answer() -> None:
        with am.open_run(name, store=store) as run:
            run.at((agent, int(share * run.count_steps(agent)))).agent()

    return _timed(answer)


def _search(store: str, name: str) -> list[Row]:
    with am.open_run(name, store=store) as run:
        one, two = [], []
        for _ in range(SEARCHES):
            one.append(_timed(lambda: run.when("counter.count % 1000 == 7")))
            two.append(_timed(lambda: run.when("counter.count % 1000 == 7", processes=2)))
    return [
        Row(
            name=f"`when` over {int(name):,} events, 2 processes",
            unit="s",
            values=two,
            baseline="1 process",
            baseline_values=one,
            invert=True,
        )
    ]


def _replay(store: str, name: str) -> list[Row]:
    opens = functools.partial(open_replayer, str(Path(store) / name), store)
    one, two = [], []
    addresses = opens().run.addresses()
    for _ in range(SEARCHES):
        one.append(_timed(lambda: opens().replay(addresses)))
        two.append(_timed(lambda: replay_in_processes(opens, addresses, 2)))
    return [
        Row(
            name=f"replay of {int(name):,} events, 2 processes",
            unit="s",
            values=two,
            baseline="1 process",
            baseline_values=one,
            invert=True,
        )
    ]


def open_replayer(path: str, store: str) -> Replayer:
    """Open a run in a process of its own."""
    run = am.open_run(path, store=store)
    return replayer_of(run, run.store.redactor_for(run.info))


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started
