"""A branch that goes on for real, on Ray or in this process: what is before the cut is a past.

The parent's record up to the cut is written as what the hosts of the branch have left, with what
is different right behind it; then the branch is resumed as a run is whose machine has died. Agents
are made again of their events, messages on their way are sent again, effects that had not ended
are performed. The clocks of its hosts go on from the cut, so that no deadline has passed meanwhile.

After the cut nothing is taken from the record: whoever wants that makes the branch in the engine.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from agentmesh.causality.figures import Figures, add_tokens
from agentmesh.counterfactual.answers import LIVE
from agentmesh.counterfactual.edits import Change, Changes
from agentmesh.counterfactual.keys import key_of_envelope
from agentmesh.counterfactual.record import Ledger
from agentmesh.counterfactual.report import Report
from agentmesh.effects.prices import recorded
from agentmesh.effects.settings import KEY, SIMULATED
from agentmesh.errors import UsageError
from agentmesh.fabric.placement import Placer
from agentmesh.fabric.roster import Roster
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.log import LogWriter
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run import Run
from agentmesh.kernel import events
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import CLIENT, agent_type_of
from agentmesh.kernel.events import Event
from agentmesh.mesh.execution import LOCAL, RAY, Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.resuming import plan_again
from agentmesh.sdk.program import Program
from agentmesh.simulation.records import effect_key
from agentmesh.simulation.sources import Outcome as Answer

WHERE = (RAY, LOCAL)
_LOCAL_HOST = "local"
_ENDS = (events.EffectFinished, events.EffectFailed)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a live branch has behind it."""

    ledger: Ledger
    changes: Changes
    cut: Mapping[str, int]
    """The last step, by agent, that the branch shares with its parent."""
    program: Program
    root: str
    """Address of the workflow."""


def check_live(past: Past, where: str, *, irreversible: bool) -> None:
    """Refuse what can't go on for real.

    Raises:
        UsageError: There is no such place, a key is missing, an effect can't be taken back, or
            an edit is about something later than the cut.
    """
    if where not in WHERE:
        raise UsageError(
            f"on={where!r} is no place where a branch could go on.",
            fix="Use on='ray' or on='local'; without it the branch is made from the record.",
        )
    run = past.ledger.run
    has_key = os.environ.get(KEY) or run.info.settings.get(SIMULATED)
    if past.ledger.model_calls() and not has_key:
        raise UsageError(
            f"A live branch of {run.id} asks its models, and {KEY} is not set.",
            cause="The run made model calls, and keys are never recorded.",
            fix=f"Set {KEY}, or answer from the record: without on=, policy='resample'.",
        )
    once = sorted(past.ledger.irreversible())
    if once and not irreversible:
        raise UsageError(
            f"A live branch of {run.id} may ask for {', '.join(once)}, which can't be taken back.",
            cause="It is declared with idempotent=False: doing it for a branch does it for "
            "the whole world.",
            fix="Allow it: irreversible=True, --irreversible; or make the branch without on=.",
        )
    changes = past.changes
    if changes.models or changes.codes or changes.inserted:
        raise UsageError(
            "Models, prompts, code and new messages can't be changed in a branch that goes on "
            "for real.",
            fix="Leave out on=: policy='live' asks for what the record has no answer to.",
        )
    _after(past)


def go_on(
    past: Past,
    directory: RunDirectory,
    redactor: Redactor,
    options: RunOptions,
    program: str | Path | None = None,
) -> Outcome:
    """Write the past of a branch, and let it go on; return how it ended.

    Raises:
        UsageError: An edit is about something later than the cut.
        AgentMeshError: It could not go on.
    """
    _Writing(past, directory, redactor).write(options)
    latest = max((past.ledger.place(*each).at for each in past.cut.items()), default=0)
    behind = time.time_ns() - latest if latest else 0
    plan, workflow = plan_again(directory.id, options, program=program)
    info = directory.info
    plan = replace(
        plan,
        behind_ns=max(0, behind),
        known_as=info.known_as,
        deadline_seconds=past.ledger.run.info.deadline_seconds,
    )
    return Execution(plan, workflow, options, resumes=True).run()


def live_report(parent: Run, branch: Run, cut: Mapping[str, int]) -> Report:
    """Return what a branch came to that went on for real.

    Args:
        parent: What it is a branch of.
        branch: The branch, open.
        cut: The last step, by agent, that both share.
    """
    spent, cone, issued, kept = Figures(), {}, [], 0
    for address in branch.addresses():
        begins = cut.get(address, -1) + 1
        kept += begins
        ran = 0
        for step in branch.steps(address, start=begins):
            ran += 1
            if isinstance(step.event, events.EffectFinished):
                add_tokens(spent, step.event.result)
            started = (one for one in step.commands if isinstance(one, StartEffect))
            issued += [f"{address} {one.kind} {one.name}" for one in started]
        if ran:
            cone[address] = ran
    info = branch.info
    return Report(
        parent=parent.id,
        run_id=branch.id,
        policy=LIVE,
        status=info.status,
        result=info.result,
        error=info.error,
        parent_result=parent.info.result,
        kept=kept,
        executed=sum(cone.values()),
        cone=cone,
        agents=len(branch.addresses()),
        effects_issued=issued,
        tokens_spent=spent.input_tokens + spent.output_tokens,
        usd_spent=recorded(info.prices).total(spent.usage).usd,
    )


class _Writing:
    """Writes what the hosts of a branch have left."""

    def __init__(self, past: Past, directory: RunDirectory, redactor: Redactor) -> None:
        self._past = past
        self._directory = directory
        self._redactor = redactor
        self._logs: dict[str, LogWriter] = {}
        self._hosts: dict[str, str] = {}

    def write(self, options: RunOptions) -> None:
        after = _after(self._past)
        every = sorted({*self._past.cut, *after})
        if not options.local:
            self._place(every)
        for address in every:
            self._write_agent(address, after.get(address, ()))
        for log in self._logs.values():
            log.close()

    def _place(self, addresses: Iterable[str]) -> None:
        """Decide, as a supervisor does, on which hosts agents live."""
        placer, roster = Placer(self._past.root), Roster(self._directory)
        roster.add(placer.root)
        for address in addresses:
            spec = placer.place(address, self._past.program.find(agent_type_of(address)).placement)
            roster.add(spec, "" if spec.whole_type else address)
            self._hosts[address] = spec.name

    def _write_agent(self, address: str, after: Iterable[Event]) -> None:
        run, record = self._past.ledger.run, self._past.ledger.record(address)
        log = self._log(self._hosts.get(address, _LOCAL_HOST))
        end = self._past.cut.get(address, -1) + 1
        for step in record.steps[:end]:
            log.event(address, step.number, run.resolve(step.event))
            if step.handled:
                log.commands(address, step.number, [run.resolve(one) for one in step.commands])
        for number, event in enumerate(after, end):
            log.event(address, number, event)

    def _log(self, host: str) -> LogWriter:
        if host not in self._logs:
            self._logs[host] = self._directory.log_writer(host, self._redactor)
        return self._logs[host]


def _after(past: Past) -> dict[str, list[Event]]:
    """Return the events that are different, right behind the cut, by agent."""
    found: dict[str, list[Event]] = {}
    for key, change in past.changes.by_key.items():
        if not change.again:
            found.setdefault(change.address, []).extend(_changed(past, key, change))
    for number, one in enumerate(past.changes.amended, 2):
        envelope = msgspec.structs.replace(one.envelope, src=CLIENT, n=number)
        told = events.Delivered(past.ledger.place(one.after.address, one.after.step).at, envelope)
        found.setdefault(envelope.dst, []).append(told)
    return found


def _changed(past: Past, key: str, change: Change) -> list[Event]:
    """Return what an agent is given instead of its next recorded event.

    Raises:
        UsageError: That is not its next event, or something else is to be different.
    """
    record, run = past.ledger.record(change.address), past.ledger.run
    first = past.cut.get(change.address, -1) + 1
    begins: list[Event] = []
    if first < len(record.steps) and isinstance(record.steps[first].event, events.Started):
        begins, first = [run.resolve(record.steps[first].event)], first + 1
    event = run.resolve(record.steps[first].event) if first < len(record.steps) else None
    if isinstance(event, events.Delivered):
        if change.payload is not None and key_of_envelope(event.envelope) == key:
            envelope = msgspec.structs.replace(event.envelope, payload=change.payload, blob="")
            return [*begins, events.Delivered(event.at, envelope)]
    elif isinstance(event, _ENDS):
        mine = effect_key(change.address, event.turn, event.n)
        if change.outcome is not None and mine == key:
            return [_ended_with(event, change.outcome)]
    raise UsageError(
        f"What is changed at {change.address} can't be changed in a branch that goes on for real.",
        cause="There, the content of a message, the result of an effect or a state can be "
        "another one, at the event at which the branch begins.",
        fix="Leave out on=, or begin right before the event: leave out at=.",
    )


def _ended_with(
    event: events.EffectFinished | events.EffectFailed, outcome: Answer
) -> events.EffectFinished | events.EffectFailed:
    """Return the end of an effect with another outcome."""
    if outcome.error:
        return events.EffectFailed(event.at, event.turn, event.n, outcome.error, outcome.note)
    return events.EffectFinished(event.at, event.turn, event.n, outcome.result)
