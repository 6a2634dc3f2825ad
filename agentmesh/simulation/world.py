"""A world: the agents of one workflow in one process, on a virtual clock, driven by a scheduler.

    world = World(main, Order(item="tea"), scheduler=Random(), seed="7", effects={"charge": 12})
    world.run()
    world.agent(Account, "a").balance

Theory of operation. Cells are fed by `handle(event)`; what they send, start and set is pending
(`pool`), and a scheduler chooses what of it happens next. Nothing else decides anything, so
the same program, input, seed, scheduler and faults give the same run in every process. The
rules of delivery are the host's: a message in the order its sender sent it, an agent born with
its first message, what is open at the end is stopped. With a journal the world is a run like
any other: it replays, audits and shows.

A deadline strikes only when nothing else can happen: what waits for it is stuck.

Beginning in the middle: `relive` feeds recorded events to the cells; what these have sent,
started and set by then, and nobody got, is pending. From there the world goes on by itself.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Self, TypeVar

from agentmesh import ambient
from agentmesh.errors import UsageError, rebuild
from agentmesh.host.plan import ROOT_KEY
from agentmesh.host.ports import Journal
from agentmesh.host.resident import STARTING, first_events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.endings import DEADLINE
from agentmesh.kernel.envelope import ASK, CLIENT, Envelope, address
from agentmesh.kernel.events import Event
from agentmesh.sdk import message as messages
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.agent import DEFINED, WORKFLOW_HANDLER, agent_type_of
from agentmesh.sdk.message import Message
from agentmesh.sdk.program import Program, RunContext
from agentmesh.sdk.ref import KEY_DEFAULT, type_name
from agentmesh.sdk.workflow import workflow_type_of
from agentmesh.simulation import faults as fault_kinds
from agentmesh.simulation.carrying import Carrier
from agentmesh.simulation.faults import NONE, FaultPlan, Faults
from agentmesh.simulation.pool import DEADLINE as DEADLINE_KIND
from agentmesh.simulation.pool import EFFECT, NEVER, TIMER, Item, Timing
from agentmesh.simulation.records import Given, Happening, NoRedaction, key_of
from agentmesh.simulation.schedulers import Fifo, Scheduler
from agentmesh.simulation.scripts import sources_of

I = TypeVar("I")  # noqa: E741 - an instance of an agent class

START_NS = 1_767_225_600_000_000_000
"""When every world begins: 2026-01-01, 00:00 UTC."""

STEPS_MAX = 10_000
"""Happenings after which a world is given up: it may go on for ever."""

RUN_ID = "world"


class World(Carrier):
    """One workflow on a virtual clock.

    Args:
        workflow: A function decorated with `@workflow`.
        message: Its input.
        seed: Of all randomness: inside handlers, of the scheduler, of faults.
        scheduler: Chooses what happens next; first in, first out by default.
        effects: What effects come to: answers by name, a source, or several (`sources`).
        faults: What goes wrong; nothing by default.
        timing: How long messages may take.
        journal: Where to write, if the world is to be kept.
        context: What handlers find of their run, for whoever keeps the world as a run.
        settings: Settings for effects, such as `OPENAI_MODEL`.
        begun_ns: When it begins, nanoseconds since the epoch.
        drain_seconds: How long open work goes on after the workflow has returned.
        steps_max: Happenings after which it is given up.
        started: Whether the workflow's message is sent at once; not before `relive`.

    Raises:
        DefinitionError: `workflow` is none.
    """

    def __init__(
        self,
        workflow: Callable[..., object],
        message: Message | None = None,
        /,
        *,
        seed: str | int = "",
        scheduler: Scheduler | None = None,
        effects: object = None,
        faults: Faults | FaultPlan | None = None,
        timing: Timing | None = None,
        journal: Journal | None = None,
        context: RunContext | None = None,
        settings: dict[str, str] | None = None,
        begun_ns: int = START_NS,
        drain_seconds: float = 5.0,
        steps_max: int = STEPS_MAX,
        started: bool = True,
    ) -> None:
        ambient.install()
        self.workflow = workflow_type_of(workflow)
        root = address(self.workflow.name, ROOT_KEY)
        super().__init__(
            context=context
            or RunContext(
                run_id=RUN_ID,
                program=_program(self.workflow.module, len(DEFINED)),
                redactor=NoRedaction(),
                root=root,
                settings=settings or {},
            ),
            seed=str(seed),
            now=begun_ns,
            timing=timing or Timing(),
            sources=sources_of(effects),
            faults=faults.for_world(str(seed)) if isinstance(faults, Faults) else faults or NONE,
            journal=journal,
        )
        self.on_step: list[Callable[[World], object]] = []
        """Called after each happening: invariants, probes."""
        self.broken = ""
        """What those who watch it say is wrong: it goes no further."""
        self.scheduler: Scheduler = scheduler or Fifo()
        """Chooses what happens next."""
        self.scheduler.begin(self.seed)
        self._drain_ns = int(drain_seconds * 1e9)
        self.steps_max = steps_max
        self._stopping = False
        self._deadline = NEVER  # no open message has an earlier one
        self._expired: dict[str, int] = {}  # by agent, the last deadline that struck
        if started:
            self._begin(message)

    def _begin(self, message: Message | None) -> None:
        spec = next(iter(self.workflow.handlers.values()))
        check_message(spec, message)
        payload = b"null" if message is None else messages.encode(message)
        assert self.workflow.deadline_seconds is not None
        until = self.now + int(self.workflow.deadline_seconds * 1e9)
        root, handler = self._context.root, WORKFLOW_HANDLER
        self._from_client = 1
        self._send(
            Envelope(CLIENT, 1, root, ASK, handler, type_name(message), payload, 0, until), self.now
        )

    # --- what people ask of it --------------------------------------------------------------------

    def run(self) -> "World":
        """Let things happen until nothing is left, or too much has happened."""
        while len(self.happened) < self.steps_max and not self.broken:
            possible = self.possible()
            if not possible:
                break
            self.take(self.scheduler.choose(possible))
        if self._journal is not None:
            self._journal.commit()
        return self

    def possible(self) -> list[Item]:
        """Return what may happen now, in the default order; nothing when the world has ended."""
        while True:
            found = self._within(self.pool.possible())
            if found or not self._look_further():
                return found

    def take(self, item: Item) -> None:
        """Let one of the possible things happen."""
        self._cause = len(self.happened)
        self.happened.append(Happening(item))
        self.pool.take(item)
        self._happen(item)
        for told in self.on_step:
            told(self)

    def value(self) -> Any:
        """Return what the workflow returned.

        Raises:
            RemoteError: The workflow failed; also an instance of the builtin it raised.
            UsageError: It has not ended.
        """
        if self.answer is None:
            raise UsageError(
                f"The workflow has not ended after {len(self.happened):,} events.",
                cause="Usually agents send to each other for ever, or run() was not called.",
                fix="Raise steps_max=, or look at world.happened.",
            )
        if self.answer.kind == kinds.FAIL:
            raise rebuild(self.answer.payload, self.answer.note)
        spec = next(iter(self.workflow.handlers.values()))
        return messages.decode(self.answer.payload, spec.signature.returns)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to happen."""
        return not self.possible()

    @property
    def order(self) -> list[str]:
        """The keys of what happened, in order: with `schedulers.Recorded` it happens again."""
        return [each.item.key for each in self.happened]

    @property
    def stuck(self) -> list[str]:
        """Agents with work whose deadline struck: nothing else could happen any more."""
        return list(self._expired)

    def agent(self, agent: type[I], key: str = KEY_DEFAULT) -> I:
        """Return an agent itself, to look at.

        Raises:
            UsageError: It has not been sent anything yet.
        """
        return self.instance(address(agent_type_of(agent).name, key))  # type: ignore[return-value]

    def instance(self, where: str) -> object:
        """Return the agent at an address, to look at.

        Raises:
            UsageError: It has not been sent anything yet.
        """
        if where not in self._residents:
            known = ", ".join(self._residents) or "nobody"
            raise UsageError(f"{where} does not live in this world; there is {known}.")
        return self._residents[where].cell.instance

    @property
    def agents(self) -> dict[str, Cell]:
        """The cells by address, oldest first."""
        return {where: resident.cell for where, resident in self._residents.items()}

    def history(self, where: str) -> list[Given]:
        """Return all events of one agent and what they caused, the first first."""
        return list(self._lives.get(where, ()))

    def close(self) -> None:
        """Let go of the cells."""
        for resident in self._residents.values():
            resident.cell.close()
        self._sources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- from a record ----------------------------------------------------------------------------

    def relive(self, steps: Iterable[tuple[str, Event]]) -> None:
        """Take recorded events as what happened so far: each agent's own in their order.

        What agents sent, started and set by then, and nobody got, is pending afterwards. The
        agents themselves may come in any order.

        Args:
            steps: Address and event; a part of a run that has the causes of all its events.
        """
        early: dict[str, None] = {}  # happened, and its cause comes later
        for where, event in steps:
            if where not in self._residents:
                self._live(where)
            key = key_of(where, event)
            if key and not self._settle(key, event):
                early[key] = None
            if isinstance(event, events.Delivered):
                self._note(event.envelope)
            self.now = max(self.now, event.at)
            self._give(where, event)
        for item in [each for each in self.pool if each.key in early]:
            self.pool.take(item)

    def _settle(self, key: str, event: Event) -> bool:
        """Let what a recorded event was before be pending no longer; tell whether it was."""
        item = next((each for each in self.pool if each.key == key), None)
        if item is None:
            return False
        if isinstance(event, events.EffectStreamed):
            item.part += 1
        else:
            self.pool.take(item)
        return True

    def _note(self, envelope: Envelope) -> None:
        if envelope.src == CLIENT:
            self._from_client = max(self._from_client, envelope.n)
        if envelope.deadline and envelope.deadline < self._deadline:
            self._deadline = envelope.deadline

    # --- what may happen --------------------------------------------------------------------------

    def _within(self, found: list[Item]) -> list[Item]:
        """Leave out what comes after the end, or after the deadline of something open."""
        if self.answer is not None:
            until = self.answered_at + self._drain_ns
            return [item for item in found if item.earliest <= until]
        if any(item.earliest > self._deadline for item in found):
            due = self._due().values()
            self._deadline = until = min(due, default=NEVER)
            return [item for item in found if item.earliest <= until]
        return found

    def _look_further(self) -> bool:
        """When nothing can happen: deadlines strike, or the world ends; tell if that adds any."""
        if self.answer is None:
            return self._strike()
        if self._stopping:
            return False
        self._stopping = True
        busy = [where for where, each in self._residents.items() if not each.cell.idle]
        for where in busy:
            self._stop(where)
        return bool(busy)

    def _strike(self) -> bool:
        due = self._due()
        first = min(due.values(), default=0)
        for where, at in due.items():
            if at == first:
                self._expired[where] = at
                lane = (DEADLINE_KIND, where)
                key = f"{where}!deadline"
                self.pool.add(Item(key, DEADLINE_KIND, where, lane, at, NEVER))
        return bool(due)

    def _due(self) -> dict[str, int]:
        """Return, by agent, the next deadline of something open."""
        due = {
            where: resident.cell.next_deadline(self._expired.get(where, 0))
            for where, resident in self._residents.items()
            if not resident.cell.idle
        }
        return {where: at for where, at in due.items() if at}

    def _stop(self, where: str) -> None:
        self._give(where, events.Stopped(max(self.now, self._residents[where].cell.now), "stop"))

    # --- what happens -----------------------------------------------------------------------------

    def _happen(self, item: Item) -> None:
        where, at = item.address, self._at(item)
        if item.envelope is not None:
            self._deliver(where, at, item.envelope)
        elif item.kind == TIMER:
            self._give(where, events.TimerFired(at, item.turn, item.n))
        elif item.kind == EFFECT:
            self._end_effect(item, at)
        else:
            for message in self._residents[where].cell.overdue(at):
                self._give(where, events.Cancelled(at, message, DEADLINE))
        resident = self._residents.get(where)
        if resident is None:
            return
        key = f"{where}@{resident.steps - 1}"
        if self._faults.of_event(key) == fault_kinds.CRASH:
            self.struck[key] = fault_kinds.CRASH
            self.crash(where)
        if self._stopping and not resident.cell.idle:
            self._stop(where)

    def _at(self, item: Item) -> int:
        """Return the time of what happens: the world's, or of a free world the agent's own."""
        at = item.earliest
        if not self.timing.free:
            self.now = at = max(self.now, at)
        resident = self._residents.get(item.address)
        return max(at, resident.cell.now) if resident is not None else at

    def _deliver(self, where: str, at: int, envelope: Envelope) -> None:
        if where not in self._residents:
            if envelope.kind not in STARTING:
                return
            self._live(where)
            for first in first_events(at, self.seed, envelope, None):
                self._give(where, first)
        self._note(envelope)
        self._give(where, events.Delivered(at, envelope))


@lru_cache(maxsize=32)
def _program(module: str, defined: int) -> Program:
    """Return what a module sees, found once for all worlds as long as no agent is defined."""
    del defined
    return Program(module)
