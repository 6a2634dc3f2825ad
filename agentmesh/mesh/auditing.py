"""Audits of stored runs: the checks of the record, and that it replays."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.causality.audit import Audit, audit
from agentmesh.causality.findings import Check, Finding
from agentmesh.errors import AgentMeshError
from agentmesh.journal.run import Run
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.options import store_location
from agentmesh.mesh.replaying import chosen, replayer_of
from agentmesh.replay.divergence import Divergence
from agentmesh.replay.driver import Replayer, Report

Progress = Callable[[str, int], None]
"""Called now and then with what is done, `reading` or `replaying`, and the events so far."""

REPLAY = "replay"
_PROMISE = "every agent, fed its recorded events, does again what was recorded"


@dataclass(kw_only=True)
class AuditReport(Audit):
    """What an audit found: of the record, and of its replay."""

    replay: Report | None = None
    """None where the replay was left out, or could not begin."""
    seconds: float = 0.0
    """Wall time."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations

    @property
    def only_diverged(self) -> bool:
        """Whether the record is in order, and its replay did something else."""
        wrong = [check.name for check in self.checks if check.violations]
        return wrong == [REPLAY] and self.replay is not None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": self.run_id,
            "clean": self.clean,
            "settled": self.settled,
            "agents": self.agents,
            "events": self.events,
            "commands": self.commands,
            "seconds": round(self.seconds, 6),
            "violations": self.violations,
            "open": self.open,
            "checks": [check.as_json() for check in self.checks],
        }


def audit_run(
    name: str | Path = LATEST,
    *,
    store: str | None = None,
    replay: bool = True,
    program: str | Path | None = None,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Check that a stored run kept its promises: nothing lost, nothing twice, nothing out of order.

    In a run that goes on or broke off, what has not ended is counted as open.

    Args:
        name: The run's id or the start of it, its directory, or `latest`.
        store: Where runs are kept.
        replay: Whether to replay it, too, which imports and runs its program.
        program: The program's file, when it is not where it ran.
        on_progress: Called now and then.

    Raises:
        UnknownRunError: There is no such run.
        UsageError: The program can't be imported.
        JournalError: The journal can't be read.
    """
    opened = Store(store_location(store))
    with opened.open_run(name) as run:
        return audit_opened(run, opened, replay=replay, program=program, on_progress=on_progress)


def audit_opened(
    run: Run,
    store: Store,
    *,
    replay: bool = True,
    program: str | Path | None = None,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Do what `audit_run` does, to a run that is open already.

    Args:
        run: The run.
        store: Where it is.
        replay: Whether to replay it, too.
        program: The program's file, when it is not where it ran.
        on_progress: Called now and then.
    """
    started = time.perf_counter()
    tell = on_progress or (lambda _what, _events: None)
    found = audit(run, lambda count: tell("reading", count))
    report = AuditReport(
        run_id=found.run_id,
        settled=found.settled,
        agents=found.agents,
        events=found.events,
        commands=found.commands,
        checks=found.checks,
    )
    if replay:
        _replay(report, run, store, program, lambda count: tell("replaying", count))
    report.seconds = time.perf_counter() - started
    return report


def _replay(
    report: AuditReport,
    run: Run,
    store: Store,
    program: str | Path | None,
    on_progress: Callable[[int], None],
) -> None:
    check = Check(name=REPLAY, promise=_PROMISE)
    report.checks.append(check)
    broken = [one.agent for one in report.findings if one.file]  # and reported
    addresses = [one for one in chosen(run, ()) if one not in broken]
    replayer = replayer_of(run, store.redactor_for(run.info), program)
    try:
        report.replay = replayer.replay(addresses, on_progress)
    except AgentMeshError:
        report.replay = _replay_singly(replayer, addresses, check)
    check.checked = report.replay.events
    for one in report.replay.divergences:
        check.add(_diverged(one))


def _replay_singly(replayer: Replayer, addresses: list[str], check: Check) -> Report:
    """Replay agent by agent, since one of them has a record that no agent can have made."""
    report = Report(run_id="")
    for address in addresses:
        try:
            report.merge(replayer.replay([address]))
        except AgentMeshError as error:
            what = f"it can't be replayed: {error.what}"
            check.add(Finding(check=REPLAY, what=what, agent=address))
    return report


def _diverged(one: Divergence) -> Finding:
    command = (one.recorded or one.replayed).get("command", "command")
    what = f"command {one.index + 1}, {command}, is replayed differently ({one.cause})"
    return Finding(check=REPLAY, what=what, agent=one.agent, step=one.step)
