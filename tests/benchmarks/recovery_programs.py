"""A host that is killed at the worst moment, and its successor: each in a process of its own."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

import agentmesh as am
from agentmesh.fabric.opening import Identity
from agentmesh.fabric.process import HostProcess
from agentmesh.host.plan import Plan
from agentmesh.kernel.envelope import TELL, Envelope
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.workflow import workflow_type_of
from tests.benchmarks.message_programs import Note

HOST, RUN = "h1", "r"
BATCH = 500
WORST = 0.95
"""How full the last log is when the host is killed: a snapshot would come at 1."""
MIB = 1 << 20
SECONDS = 300.0


@am.tool
async def forever() -> None:
    """Be an effect that is under way whenever its host dies."""
    await asyncio.Event().wait()


@am.agent
class Clerk:
    """Has a little state, rests between turns, or waits for what does not come."""

    count: int = 0
    last: str = ""

    @am.handler
    async def take(self, note: Note) -> None:
        """Count one, and keep it."""
        self.count += 1
        self.last = note.text

    @am.handler
    async def hold(self, note: Note) -> None:
        """Be in the middle of a turn."""
        self.last = note.text
        await forever()


@am.workflow(deadline="1h")
async def never_started(note: Note) -> int:
    """Give the run a root; the host under test has other agents."""
    return note.number


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a host went through before it was killed."""

    agents: int
    events: int
    """At least; then on until the last log is nearly full, if there have been snapshots."""
    holding: int = 0
    """How many agents are in the middle of a turn then."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a successor took."""

    seconds: float
    megabytes: float
    """Unique memory it has after that, over what it had before."""


class _Nobody:
    """A supervisor and other hosts that are never there."""

    def __init__(self, _loop: asyncio.AbstractEventLoop) -> None: ...

    def locate(self, wanted: object, then: object) -> None: ...

    def contact(self, host: str, after: int, then: object) -> None: ...

    def call_of(self, contact: object) -> Any: ...

    def gone(self, host: str, incarnation: int, reason: str) -> None: ...


def killed(store: Path, life: Life) -> tuple[Plan, int]:
    """Let a host live and kill it; return the run's plan, and how many events it had."""
    workflow = workflow_type_of(never_started)
    options = RunOptions(store=str(store), run_id=RUN, quiet=True)
    plan = plan_for(workflow, Note(number=1), options)
    Execution(plan, workflow, options)  # makes the run's directory
    return plan, int(_in_process(_live, plan, life))


def recovered(plan: Plan, store: Path) -> Found:
    """Let a successor take over a copy of the run."""
    found: Found = _in_process(_recover, replace(plan, store=str(store)))
    return found


def _in_process(function: Callable[..., None], *arguments: object) -> Any:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=function, args=(sender, *arguments))
    process.start()
    if not receiver.poll(SECONDS):
        process.kill()
        message = f"{function.__name__} took more than {SECONDS:g} s."
        raise TimeoutError(message)
    found = receiver.recv()
    process.join(30)
    return found


def _live(sender: Connection, plan: Plan, life: Life) -> None:
    process = HostProcess(Identity(name=HOST, incarnation=1), plan, _Nobody)
    feeder = _Feeder(process, life)
    feeder.hold(life.holding)
    feeder.feed(life.events)
    while _is_far_from_full(process):
        feeder.feed(BATCH)
    sender.send(feeder.events)
    os._exit(9)


def _is_far_from_full(process: HostProcess) -> bool:
    keeper: Any = process._engine._keeper
    return bool(keeper.taken) and process._log.size < WORST * keeper._due


class _Feeder:
    """Somebody on another host who tells all agents something, one after the other."""

    def __init__(self, process: HostProcess, life: Life) -> None:
        self._process = process
        self._life = life
        self._sent = 0

    @property
    def events(self) -> int:
        """How many events the host has handled."""
        return self._process._engine.events_handled

    def hold(self, count: int) -> None:
        """Let the first agents begin a turn that does not end."""
        self._send([self._envelope("hold", agent) for agent in range(count)])

    def feed(self, count: int) -> None:
        """Send notes to all others in turn, in batches, and wait until they are handled."""
        held, others = self._life.holding, self._life.agents - self._life.holding
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            self._send([self._envelope("take", held + number % others) for number in numbers])

    def _send(self, batch: list[Envelope]) -> None:
        done = threading.Event()
        self._process._loop.call_soon_threadsafe(self._process.take, batch, done.set)
        if not done.wait(SECONDS):
            message = "The host did not get through its messages."
            raise TimeoutError(message)

    def _envelope(self, handler: str, agent: int) -> Envelope:
        self._sent += 1
        payload = Note(number=self._sent).model_dump_json().encode()
        return Envelope("Feeder/f", self._sent, f"Clerk/c{agent}", TELL, handler, "Note", payload)


def _recover(sender: Connection, plan: Plan) -> None:
    before = _megabytes()
    started = time.perf_counter()
    process = HostProcess(Identity(name=HOST, incarnation=2), plan, _Nobody)
    seconds = time.perf_counter() - started
    sender.send(Found(seconds=seconds, megabytes=_megabytes() - before))
    process.close(5, suspend=True)
    os._exit(0)


def _megabytes() -> float:
    gc.collect()
    return float(psutil.Process().memory_full_info().uss) / MIB
