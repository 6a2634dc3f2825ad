"""Attribution on planted faults: how often the right one is named, and what that costs.

Also `python -m tests.benchmarks.attribution`, which prints the table system by system.
"""

import statistics
import sys
import tempfile
from dataclasses import dataclass

import agentmesh as am
from agentmesh.mesh.attributing import Attribution
from agentmesh.mesh.simulating import simulate
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Fifo, Random
from tests.benchmarks.attribution_programs import Desk, Planted, Task, planted
from tests.benchmarks.table import Row

FAILED = "result.value != result.wanted"


@dataclass(kw_only=True)
class Score:
    """How one planted fault was attributed."""

    system: str
    agent_at: int
    """Place of a right agent, from 1; 0 if none was named."""
    event_at: int
    size: int
    """Of the ambiguity set."""
    calls: int
    trials: int
    seconds: float
    kind: bool
    """Whether the class of cause is right."""
    repaired: bool
    last: bool
    """Whether blaming who spoke last would have been right."""
    most: bool
    covers: bool
    """Whether all that went wrong is in the set."""


def scores(only: str = "") -> list[Score]:
    """Attribute every planted fault that made its run fail."""
    found = []
    with tempfile.TemporaryDirectory() as store:
        for number, one in enumerate(planted()):
            if only and one.name != only:
                continue
            struck = _recorded(one, store, f"p{number}")
            with am.open_run(f"p{number}", store=store) as run:
                if run.info.result["value"] == run.info.result["wanted"]:
                    continue  # it went well all the same
                desk = Desk(noise=one.noise)
                said = am.attribute(run, FAILED, answers=desk, samples=10, keep=False)
                found.append(_score(one, said, struck))
    return found


def _recorded(one: Planted, store: str, name: str) -> dict[str, str]:
    desk = Desk(faults=list(one.faults), noise=one.noise)
    simulate(
        one.workflow,
        Task(numbers=list(one.numbers)),
        effects=desk,
        scheduler=Random(one.schedule) if one.schedule else Fifo(),
        timing=Timing(message_seconds=None) if one.schedule else None,
        seed="7",
        store=store,
        run_id=name,
    )
    return desk.struck


def _score(one: Planted, said: Attribution, struck: dict[str, str]) -> Score:
    agents = {*one.agents, *(each.agent for each in one.faults), *struck.values()}
    keys = {blame.suspect.key for blame in said.blames}
    timing = one.kind == "timing"
    right = [
        blame.suspect.key in struck
        or (not struck and blame.suspect.agent in agents)
        or (timing and blame.suspect.agent in agents)
        for blame in said.blames
    ]
    named = [agent in agents for agent in said.agents]
    return Score(
        system=one.name,
        agent_at=named.index(True) + 1 if True in named else 0,
        event_at=right.index(True) + 1 if True in right else 0,
        size=len(said.blames),
        calls=said.spent.calls,
        trials=said.spent.trials,
        seconds=said.seconds,
        kind=said.kind == one.kind,
        repaired=said.repair is not None and said.repair.verified,
        last=said.last_speaker in agents,
        most=said.most_frequent in agents,
        covers=not struck or timing or struck.keys() <= keys,
    )


def measure() -> list[Row]:
    """Attribute them all."""
    found = scores()

    def share(values: list[bool]) -> list[float]:
        return [100 * sum(values) / len(values)]

    def within(places: list[int], most: int) -> list[bool]:
        return [0 < place <= most for place in places]

    agents, events = [one.agent_at for one in found], [one.event_at for one in found]
    last, most = share([one.last for one in found]), share([one.most for one in found])
    return [
        Row(name="planted faults that failed", unit="runs", values=[len(found)], target=50),
        Row(name="agent hit@1", unit="%", values=share(within(agents, 1)), target=max(last + most)),
        Row(name="agent hit@3", unit="%", values=share(within(agents, 3))),
        Row(name="event hit@1", unit="%", values=share(within(events, 1))),
        Row(name="event hit@3", unit="%", values=share(within(events, 3))),
        Row(name="baseline: last speaker", unit="%", values=last),
        Row(name="baseline: most frequent speaker", unit="%", values=most),
        Row(name="set has all that went wrong", unit="%", values=share([e.covers for e in found])),
        Row(name="class of cause right", unit="%", values=share([one.kind for one in found])),
        Row(name="repair verified", unit="%", values=share([one.repaired for one in found])),
        Row(name="size of the set", unit="", values=[one.size for one in found]),
        Row(name="calls spent", unit="calls", values=[one.calls for one in found]),
        Row(name="trials", unit="", values=[one.trials for one in found]),
        Row(name="time", unit="s", values=[one.seconds for one in found]),
    ]


def main() -> None:
    """Print a line for each system."""
    names = list(dict.fromkeys(one.name for one in planted()))
    head = ("n", "agent@1", "@3", "event@1", "@3", "covers", "class", "mended", "last", "most")
    print(f"{'system':10}", *(f"{each:>8}" for each in (*head, "size", "calls", "s")))
    for name in sys.argv[1:] or names:
        every = scores(name)
        columns = [
            len(every),
            *(_percent(0 < one.agent_at <= k for one in every) for k in (1, 3)),
            *(_percent(0 < one.event_at <= k for one in every) for k in (1, 3)),
            *(
                _percent(getattr(one, what) for one in every)
                for what in ("covers", "kind", "repaired", "last", "most")
            ),
            *(
                f"{statistics.mean(getattr(one, what) for one in every):.1f}"
                for what in ("size", "calls", "seconds")
            ),
        ]
        print(f"{name:10}", *(f"{each:>8}" for each in columns))


def _percent(values: object) -> str:
    found = list(values)  # type: ignore[call-overload]  # booleans
    return f"{100 * sum(found) / len(found):.0f}"


if __name__ == "__main__":
    main()
