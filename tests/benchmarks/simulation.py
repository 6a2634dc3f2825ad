"""How many worlds a second one core runs, how many schedules a search, and what a branch costs."""

import time
from functools import partial

from agentmesh.simulation.explorer import explore
from agentmesh.simulation.pct import Pct
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Fifo, Random, Scheduler
from agentmesh.simulation.world import World
from tests.benchmarks import experiments, forking
from tests.benchmarks.simulation_programs import Rounds, hundred_messages
from tests.benchmarks.table import Row
from tests.simulation.programs import lost_update

ROUNDS = 5
WORLDS = 40
FREE = Timing(message_seconds=None)


def measure() -> list[Row]:
    """Rates are per second of this process's own CPU time: the machine has other work."""
    return [
        _worlds("first in, first out", Fifo),
        _worlds("random", Random),
        _worlds("PCT, depth 3", partial(Pct, 3, 100)),
        _search(),
        *forking.measure(),
        *experiments.measure(),
    ]


def _worlds(name: str, scheduler: type[Scheduler] | partial[Pct]) -> Row:
    rates = []
    for turn in range(ROUNDS):
        started = time.process_time()
        for number in range(WORLDS):
            with World(
                hundred_messages,
                Rounds(),
                scheduler=scheduler(),
                seed=f"{turn}:{number}",
            ) as world:
                world.run()
                assert len(world.happened) == 101
        rates.append(WORLDS / (time.process_time() - started))
    return Row(
        name=f"worlds of 100 messages, {name}",
        unit="worlds/s per core",
        values=rates,
        target=50,
    )


def _search() -> Row:
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        search = explore(partial(World, lost_update, timing=FREE))
        assert search.schedules == 12
        rates.append(search.schedules * 60 / (time.process_time() - started))
    return Row(
        name="exhaustive search, 13 events",
        unit="schedules/min per core",
        values=rates,
        target=2000,
    )
