"""`resume`: go on with a run whose driver, job, cluster or machine has died.

Everything a run is made of is in its journal, so that this process needs the store and the
program, and nothing from whoever drove it before.
"""

import time
from dataclasses import replace
from pathlib import Path

from agentmesh.errors import ResumeError
from agentmesh.host.entry import load, refuse_while_importing
from agentmesh.host.plan import Plan
from agentmesh.journal import strings
from agentmesh.journal.redaction import DEFAULT_PATTERNS
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh import environment
from agentmesh.mesh.execution import LOCAL, Execution, Progress
from agentmesh.mesh.options import RunOptions, store_location
from agentmesh.mesh.outcome import Outcome, has_answered
from agentmesh.mesh.replaying import entry_from
from agentmesh.sdk.agent import DEFINED, AgentType


def resume(
    name: str | Path = LATEST,
    *,
    store: str | None = None,
    program: str | Path | None = None,
    address: str | None = None,
    num_cpus: int | None = None,
    quiet: bool = False,
) -> object:
    """Go on with a run that was cut short, and return the workflow's result.

    Agents, turns, timers and messages are where the journal ends. Effects that had not
    ended are performed again, under the same idempotency key.

    Args:
        name: The run's id or the start of it, its directory, or `latest`.
        store: Where runs are kept.
        program: The program's file, when it is not where it ran.
        address: Address of a Ray cluster, for a run that was on Ray.
        num_cpus: CPUs of a fresh local Ray.
        quiet: Do not say on stderr where the run is.

    Returns:
        What the workflow returned.

    Raises:
        ResumeError: It has ended, somebody else drives it, or its code is not the same.
        RemoteError: The workflow raised; also an instance of the builtin it raised.
        AgentMeshError: The run could not go on.
    """
    options = RunOptions(store=store, address=address, num_cpus=num_cpus, quiet=quiet)
    return execute_again(name, options, program=program).unwrap()


def execute_again(
    name: str | Path,
    options: RunOptions,
    *,
    program: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Outcome:
    """Go on with a run and say how it ended; raises only if it could not go on.

    Args:
        name: The run's id or the start of it, its directory, or `latest`.
        options: Where it goes on; what the run itself recorded is taken from there.
        program: The program's file, when it is not where it ran.
        on_progress: Called now and then.
    """
    refuse_while_importing()
    plan, workflow = plan_again(name, options, program=program)
    with Store(plan.store).open_run(plan.run_id) as run:
        driver = run.info.driver
    chosen = replace(options, local=driver == LOCAL)
    return Execution(plan, workflow, chosen, resumes=True).run(on_progress)


def plan_again(
    name: str | Path, options: RunOptions, *, program: str | Path | None = None
) -> tuple[Plan, AgentType]:
    """Return the plan of a run that can be gone on with, and its workflow.

    Raises:
        ResumeError: It has ended, its time is over, or its code is not the same.
    """
    location = store_location(options.store)
    with Store(location).open_run(name) as run:
        _check(run)
        info = run.info
    entry = entry_from(info, program)
    _, workflow = load(entry)
    _check_code(info)
    plan = Plan(
        run_id=info.id,
        entry=entry,
        input_type=info.input_type,
        input_payload=strings.dumps(info.input),
        deadline_seconds=info.deadline_seconds,
        seed=info.seed,
        store=location,
        durability=info.durability,
        settings={key: str(value) for key, value in info.settings.items()},
        redact_patterns=tuple(
            each for each in info.redaction.patterns if each not in DEFAULT_PATTERNS
        ),
        drain_seconds=info.drain_seconds,
        started_at_ns=info.created_at_ns,
    )
    return plan, workflow


def _check(run: Run) -> None:
    """Refuse what can't be gone on with.

    Raises:
        ResumeError: The run has ended, or its time is over.
        JournalDamagedError: Its journal is damaged.
    """
    info = run.info
    root = f"{info.workflow}/root"
    if run.sealed or has_answered(run, root):
        raise ResumeError(
            f"The run {info.id} has ended: {info.status}.",
            cause="Its workflow has returned, failed, or was cancelled; nothing is left to do.",
            fix=f"Look at it with `agentmesh show {info.id}`, or start a new run.",
            run=info.id,
            status=info.status,
        )
    late = time.time_ns() / 1e9 - info.created_at_ns / 1e9 - info.deadline_seconds
    if info.deadline_seconds and late > 0:
        raise ResumeError(
            f"The run {info.id} had {info.deadline_seconds:g} s, and they were over {late:.0f} s "
            "ago.",
            cause="A deadline counts from the run's beginning, whether anybody drives it or not.",
            fix="Start a new run, with a longer deadline: @am.workflow(deadline=...).",
            run=info.id,
        )


def _check_code(info: RunInfo) -> None:
    """Refuse a process in which the run would not do the same.

    Raises:
        ResumeError: The program's sources differ from those that were recorded.
    """
    now = environment.sources(DEFINED)
    changed = sorted(
        name for name, digest in info.sources.items() if now.get(name, digest) != digest
    )
    if changed:
        raise ResumeError(
            f"The run {info.id} began with other code: {', '.join(changed)} changed since.",
            cause="Recovery repeats what open turns did, which other code would not.",
            fix="Resume with the code that the run began with; run.json names its commit.",
            run=info.id,
            changed=changed,
        )


def recorded_hash_seed(name: str | Path, store: str | None) -> str | None:
    """Return the hash seed that handlers of a local run need; None where any will do.

    Raises:
        AgentMeshError: There is no such run.
    """
    with Store(store_location(store)).open_run(name) as run:
        return run.info.hash_seed if run.info.driver == LOCAL else None
