"""Runs a workflow for real in this process, keeps its journal in memory, and replays it.

Live is the local driver: real effects on a real loop. A replay feeds the recorded
events, redacted as a journal has them, to fresh cells and compares all commands.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentmesh.effects import settings as effect_settings
from agentmesh.errors import rebuild
from agentmesh.host.plan import Entry, Plan
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel import commands, events
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, StartEffect
from agentmesh.kernel.envelope import FAIL, Envelope
from agentmesh.kernel.events import Event
from agentmesh.sdk.program import Program, RunContext
from agentmesh.sdk.resolve import behavior_for
from agentmesh.sdk.workflow import workflow_type_of
from agentmesh.simulation import driver

REDACTOR = Redactor()


@dataclass
class MemoryJournal:
    """What a journal would have on disk."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    issued: dict[str, list[list[Command]]] = field(default_factory=dict)

    def open_cell(self, address: str) -> None:
        self.events[address], self.issued[address] = [], []

    def event(self, address: str, step: int, event: Event) -> None:
        assert step == len(self.events[address])
        self.events[address].append(_redacted(event))
        self.issued[address].append([])

    def commands(self, address: str, step: int, issued: Sequence[Command]) -> None:
        self.issued[address][step] = list(issued)

    def write(self) -> None: ...

    def commit(self) -> None: ...


def _redacted(event: Event) -> Event:
    if isinstance(event, events.EffectFinished):
        return msgspec.structs.replace(event, result=REDACTOR.json(event.result))
    if isinstance(event, events.EffectStreamed):
        return msgspec.structs.replace(event, chunk=REDACTOR.json(event.chunk))
    return event


@dataclass(kw_only=True)
class Ended:
    """A run that ended, live."""

    journal: MemoryJournal
    context: RunContext
    answer: Envelope

    @property
    def result(self) -> Any:
        """What the workflow returned; raises what it raised."""
        if self.answer.kind == FAIL:
            raise rebuild(self.answer.payload, self.answer.note)
        return json.loads(self.answer.payload)

    @property
    def effects(self) -> list[StartEffect]:
        """All effects that were started, in order."""
        every = [c for steps in self.journal.issued.values() for step in steps for c in step]
        return [command for command in every if isinstance(command, StartEffect)]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests of all effects."""
        return [json.loads(effect.request) for effect in self.effects]

    def of(self, kind: type[Any]) -> list[Any]:
        """All events, or all commands, of a kind."""
        every: list[object] = [e for each in self.journal.events.values() for e in each]
        every += [c for steps in self.journal.issued.values() for step in steps for c in step]
        return [each for each in every if type(each) is kind]

    def text(self) -> str:
        """Everything that was recorded, as text: for looking for what must not be there."""
        return repr((self.journal.events, self.journal.issued))

    def replay(self) -> int:
        """Replay every cell and compare its commands; returns how many effects there were."""
        for address, recorded in self.journal.events.items():
            cell = Cell(behavior_for(self.context, address), self.context)
            for step, event in enumerate(recorded):
                again = [comparable(command) for command in cell.handle(event)]
                first = [comparable(command) for command in self.journal.issued[address][step]]
                assert again == first, f"{address} diverges at {step}: {event}"
        return len(self.effects)


def comparable(command: Command) -> object:
    """Return what a replay compares: notes (tracebacks) are for people."""
    if isinstance(command, commands.FinishTurn):
        command = msgspec.structs.replace(command, note="")
    if isinstance(command, commands.Send):
        envelope = command.envelope
        payload = REDACTOR.json(envelope.payload)
        envelope = msgspec.structs.replace(envelope, note="", payload=payload)
        command = msgspec.structs.replace(command, envelope=envelope)
    return command


def run(
    workflow: Callable[..., object],
    *,
    settings: Mapping[str, str] | None = None,
    deadline_seconds: float = 30.0,
) -> Ended:
    """Run a workflow without input to its end and return what was recorded."""
    workflow_type = workflow_type_of(workflow)
    plan = Plan(
        run_id="r1",
        entry=Entry(module=workflow_type.module, file="", workflow=workflow_type.name),
        input_type="",
        input_payload=b"null",
        deadline_seconds=deadline_seconds,
        seed="7",
        store="",
        settings=effect_settings.collect(settings),
        drain_seconds=1.0,
    )
    context = plan.context(Program(workflow_type.module), REDACTOR)
    journal = MemoryJournal()
    answer = driver.run(plan, context, journal)
    return Ended(journal=journal, context=context, answer=answer)


def run_and_replay(workflow: Callable[..., object], **options: Any) -> Any:
    """Run, replay, and return the result."""
    ended = run(workflow, **options)
    ended.replay()
    return ended.result
