"""All checks of a run's record, in one pass: agent by agent, step by step.

Agents are read in the order of their addresses, each from its first step to its last. A
run has come to its end if its status says so and its root's message has ended in the
journal by itself; only then must everything else have ended, too. In all others (it goes
on, its driver was killed, its cluster broke) what has not ended is reported as open.

A run may grow while it is read. What a receiver has and its sender seems to lack is looked
for once more, in the journal as it is then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentmesh.causality.cells import Asks, Effects, Pending, Steps, Time, Timers, Turns
from agentmesh.causality.findings import CHECKS, Check, Cursor, Finding, Reader
from agentmesh.causality.traffic import Traffic
from agentmesh.errors import JournalDamagedError, UnknownAgentError
from agentmesh.journal.records import Sent, Step
from agentmesh.journal.run_info import CANCELLED, DONE, FAILED, RUNNING
from agentmesh.kernel import commands, events
from agentmesh.kernel.envelope import CLIENT

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

Progress = Callable[[int], None]
"""Called now and then with the number of events read."""

_PROGRESS_EVERY = 5_000
_Listener = Callable[[Any], None]


@dataclass(kw_only=True)
class Audit:
    """What the audit of a record found."""

    run_id: str
    settled: bool = False
    """Whether the run had come to its end, so that nothing may be open."""
    agents: int = 0
    events: int = 0
    commands: int = 0
    checks: list[Check] = field(default_factory=list)

    @property
    def violations(self) -> int:
        """How much is wrong."""
        return sum(check.violations for check in self.checks)

    @property
    def open(self) -> int:
        """How much has not come to its end, in a run that has not, either."""
        return sum(check.open for check in self.checks)

    @property
    def findings(self) -> list[Finding]:
        """The violations, by check: the first ones of each."""
        return [finding for check in self.checks for finding in check.findings]


def audit(run: "Run", on_progress: Progress | None = None) -> Audit:
    """Check what a run recorded.

    Args:
        run: The run, open.
        on_progress: Called now and then.

    Raises:
        JournalDamagedError: A file is damaged as a whole, so that nothing of it can be read.
        JournalVersionError: Another version recorded the run.
        StoreError: The store can't be read.
    """
    return _Auditor(run, on_progress).audit()


class _Auditor:
    def __init__(self, run: "Run", on_progress: Progress | None) -> None:
        self._run = run
        self._on_progress = on_progress
        excused = _tampered_with(run.info.interventions)
        self._checks = {
            name: Check(name=name, promise=text, excused=excused) for name, text in CHECKS.items()
        }
        self._result = Audit(run_id=run.id, checks=list(self._checks.values()))
        self._cursor = Cursor()
        self._unreadable: dict[str, None] = {}
        self._event: events.Event | None = None  # of the step that is read
        self._root_ended = False
        self._by_itself = False  # the root ended before it was told to
        self._traffic = Traffic(self._cursor, self._checks, run.resolve)
        self._steps = Steps(self._cursor, self._checks["steps"])
        self._time = Time(self._cursor, self._checks["time"])
        self._readers: list[Reader] = [self._steps, self._time]
        self._listeners = self._wire()

    def audit(self) -> Audit:
        """Read everything once."""
        for address in self._run.addresses():
            self._read(address)
        self._look_again()
        self._traffic.finish(self._unreadable)
        self._result.settled = self._has_ended()
        if self._result.settled:
            for check in self._result.checks:
                check.settle()
        return self._result

    def _wire(self) -> dict[type, tuple[_Listener, ...]]:
        """Return who wants to know of what; the traffic always first."""
        checks, cursor, traffic = self._checks, self._cursor, self._traffic
        turns, asks = Turns(cursor, checks["turns"]), Asks(cursor, checks["asks"])
        effects = Effects(cursor, checks["effects"])
        timers = Timers(cursor, checks["timers"])
        self._readers += [turns, asks, effects, timers]
        return {
            events.Delivered: (traffic.delivered, turns.delivered, asks.delivered),
            Sent: (traffic.sent, asks.sent),
            commands.FinishTurn: (turns.finished, asks.finished, self._on_finished),
            **_ends(effects, timers),
        }

    def _read(self, address: str) -> None:
        self._cursor.begin(address)
        self._traffic.begin()
        for reader in self._readers:
            reader.begin()
        self._result.agents += 1
        try:
            for step in self._run.steps(address, resolve=False):
                self._read_step(step)
        except JournalDamagedError as error:
            self._unreadable[address] = None
            self._checks["steps"].add(_damage(address, error))
            return
        for reader in self._readers:
            reader.end()

    def _read_step(self, step: Step) -> None:
        result, cursor, listeners = self._result, self._cursor, self._listeners
        cursor.step = step.number
        cursor.duplicate = False
        self._event = step.event
        self._steps.step(step)
        self._time.step(step)
        for listen in listeners.get(type(step.event), ()):
            listen(step.event)
        for command in step.commands:
            for listen in listeners.get(type(command), ()):
                listen(command)
        result.events += 1
        result.commands += len(step.commands)
        if self._on_progress is not None and result.events % _PROGRESS_EVERY == 0:
            self._on_progress(result.events)

    def _on_finished(self, command: commands.FinishTurn) -> None:
        if command.message.startswith(f"{CLIENT}#"):
            self._root_ended = True
            self._by_itself = type(self._event) is not events.Stopped

    def _look_again(self) -> None:
        """Look for the origin of messages in what was written since the run was opened."""
        missing = self._traffic.of_unknown_origin
        if not missing or self._run.info.status != RUNNING:
            return
        self._run.close()
        for address in missing:
            self._cursor.begin(address)
            try:
                for step in self._run.steps(address, resolve=False):
                    self._cursor.step = step.number
                    for command in step.commands:
                        if type(command) is Sent:
                            self._traffic.sent_later(command)
            except (JournalDamagedError, UnknownAgentError):
                continue  # reported already, or to be

    def _has_ended(self) -> bool:
        status = self._run.info.status
        if status == DONE:
            return True
        return (status == FAILED and self._by_itself) or (status == CANCELLED and self._root_ended)


def _tampered_with(interventions: list[Any]) -> frozenset[str]:
    """Return the messages that a branch has changed on their way, or let go nowhere."""
    known = [each for each in interventions if isinstance(each, dict)]
    changed = {str(each["message"]) for each in known if each.get("message")}
    return frozenset(changed.union(*(map(str, each.get("moot", ())) for each in known)))


def _ends(effects: Pending, timers: Pending) -> dict[type, tuple[_Listener, ...]]:
    return {
        commands.StartEffect: (effects.started,),
        commands.CancelEffect: (effects.cancelled,),
        events.EffectFinished: (effects.ended,),
        events.EffectFailed: (effects.ended,),
        events.EffectStreamed: (effects.streamed,),
        commands.StartTimer: (timers.started,),
        commands.CancelTimer: (timers.cancelled,),
        events.TimerFired: (timers.ended,),
    }


def _damage(address: str, error: JournalDamagedError) -> Finding:
    offset = error.fields.get("offset")
    return Finding(
        check="steps",
        what=f"its journal can't be read: {error.what}",
        agent=address,
        file=str(error.fields.get("file", "")),
        offset=offset if isinstance(offset, int) else None,
    )
