"""What a branch of a run of 10,000 events costs, beside running all of it again.

The run is the dearest to beat: its tools cost nothing, and its handlers do nothing. The branch
changes one tool's answer near the middle, and hardly anything follows from it.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from itertools import count

from agentmesh.counterfactual import edit
from agentmesh.counterfactual.engine import Engine
from agentmesh.effects.tools import tool
from agentmesh.mesh.forking import fork
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runner import run
from agentmesh.mesh.runs import open_run
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.verbs import context
from agentmesh.sdk.workflow import workflow
from tests.benchmarks.table import Row

ROUNDS = 7
TEAMS, TASKS = 100, 33
_names = (f"again{number}" for number in count())


class Task(Message):
    """One of many."""

    number: int
    text: str = "x" * 200


@tool
async def look_up(number: int) -> str:
    """Look something up."""
    return f"{number} " * 40


@agent
class Worker:
    """Looks things up."""

    done: int = 0

    @handler
    async def work(self, task: Task) -> str:
        """Look one up."""
        self.done += 1
        return await look_up(task.number)


@agent
class Team:
    """Has a worker."""

    @handler
    async def go(self) -> int:
        """Give it all tasks, one after the other."""
        worker = ref(Worker, context().key)
        return sum([len(await worker.work(Task(number=number))) for number in range(TASKS)])


@workflow(deadline="1h")
async def teams() -> int:
    """Let all teams work at once."""
    return sum(await asyncio.gather(*(ref(Team, f"t{each:03}").go() for each in range(TEAMS))))


def measure() -> list[Row]:
    """Return shares of the time that running everything again takes, the cone not counted."""
    with tempfile.TemporaryDirectory() as folder:
        _again(folder, "parent")
        firsts, nexts, every = [], [], []
        for _ in range(ROUNDS):
            whole = _seconds(lambda: _again(folder, next(_names)))
            with open_run("parent", store=folder) as parent:
                assert len(parent.order()) > 10_000
            with open_run("parent", store=folder) as parent:
                firsts.append(100 * _branch(parent) / whole)
                nexts.append(100 * _branch(parent) / whole)
            every.append(whole)
    return [
        Row(name="a run of 10,300 events, run again", unit="s of CPU", values=every),
        Row(
            name="fork of it, the cone apart; the run is open",
            unit="% of re-running",
            values=nexts,
            target=5.0,
            at_least=False,
        ),
        Row(name="its first fork, which reads it", unit="% of re-running", values=firsts),
    ]


def _again(folder: str, name: str) -> None:
    run(teams, local=True, store=folder, run_id=name, quiet=True)


def _branch(parent: RecordedRun) -> float:
    """Return what a branch costs beside what its agents do."""
    cone = 0.0
    happen = Engine._let_happen

    def timed(self: Engine) -> None:
        nonlocal cone
        cone += _seconds(lambda: happen(self))

    Engine._let_happen = timed  # type: ignore[method-assign]
    try:
        other = edit.result("other", ("Worker/t050", 50))
        taken = _seconds(lambda: _check(fork(parent, edit=other)))
    finally:
        Engine._let_happen = happen  # type: ignore[method-assign]
    return taken - cone


def _check(report: object) -> None:
    executed: int = getattr(report, "executed", 0)
    assert 0 < executed < 100, executed


def _seconds(work: Callable[[], object]) -> float:
    """Return this process's own time: the machine has other work."""
    started = time.process_time()
    work()
    return time.process_time() - started
