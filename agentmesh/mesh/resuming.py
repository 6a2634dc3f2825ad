"""`resume`: go on with a run whose driver, job, cluster or machine has died.

Everything a run is made of is in its journal, so that this process needs the store and the
program, and nothing from whoever drove it before.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

from agentmesh.errors import AgentMeshError, ResumeError, UnknownAgentError
from agentmesh.host.entry import load, refuse_while_importing
from agentmesh.host.plan import Entry, Plan
from agentmesh.journal import strings
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.lease import held
from agentmesh.journal.places import EVENTS
from agentmesh.journal.redaction import DEFAULT_PATTERNS
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import LATEST, Store
from agentmesh.kernel.cell import RULES
from agentmesh.mesh import environment
from agentmesh.mesh.condition import is_over, refuse_ended
from agentmesh.mesh.execution import LOCAL, Execution, Progress
from agentmesh.mesh.observing import COMPANIONS
from agentmesh.mesh.options import LOCAL_VARIABLE, RunOptions, store_location, wants_local
from agentmesh.mesh.outcome import Outcome
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
        ResumeError: It has ended, its time is over, somebody else drives it, or its code or
            this process is not what it began with.
        JournalDamagedError: A file that is needed is damaged.
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
    if wants_local(chosen) != (driver == LOCAL):
        raise ResumeError(
            f"The run {plan.run_id} was on Ray, and {LOCAL_VARIABLE} is set: it would have to go "
            "on without.",
            cause="Its agents are in the journals of several hosts, which only Ray brings back.",
            fix=f"Unset {LOCAL_VARIABLE}.",
            run=plan.run_id,
        )
    return Execution(plan, workflow, chosen, resumes=True).run(on_progress)


def plan_again(
    name: str | Path, options: RunOptions, *, program: str | Path | None = None
) -> tuple[Plan, AgentType]:
    """Return the plan of a run that can be gone on with, and its workflow.

    Raises:
        ResumeError: It has ended, its time is over, somebody drives it, or its code or this
            process is not what it began with.
    """
    with Store(store_location(options.store)).open_run(name) as run:
        _check(run)
        info = run.info
        location = str(Path(run.path).parent) if _is_path(name) else store_location(options.store)
    check_spool(Store(location).attach(info.id))
    _check_process(info)
    entry, workflow = _load(info, program)
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
        companions=COMPANIONS,
    )
    return plan, workflow


def _is_path(name: str | Path) -> bool:
    return os.sep in str(name)


def _check(run: Run) -> None:
    """Refuse what can't be gone on with.

    Raises:
        ResumeError: The run has ended, its time is over, or somebody drives it.
    """
    info = run.info
    holder = run.driver
    if holder is not None and not holder.is_dead:
        raise held(info.id, holder)
    refuse_ended(run)
    if is_over(info):
        late = time.time_ns() / 1e9 - info.created_at_ns / 1e9 - info.deadline_seconds
        raise ResumeError(
            f"The time of the run {info.id} is over: it had {info.deadline_seconds:g} s, which "
            f"ended {late:.0f} s ago.",
            cause="A deadline counts from the run's beginning, whether anybody drives it or not.",
            fix="Start a new run, with a longer deadline: `agentmesh run --deadline 8h`, or "
            "@am.workflow(deadline=...).",
            run=info.id,
        )


def check_spool(directory: RunDirectory) -> None:
    """Refuse a run in a store that can't be appended to, on a machine where it was not.

    Raises:
        ResumeError: The end of its journal is on the machine that drove it.
    """
    if directory.spool is not None and not (directory.spool / EVENTS).is_dir():
        raise ResumeError(
            f"The end of the journal of the run {directory.id} is not on this machine: it is in "
            f"the spool of the one that drove it, here that would be {directory.spool}.",
            cause="Stores that can't be appended to, such as S3, get a log when it is complete.",
            fix="Resume it on that machine, copy that folder here, or keep runs that must go on "
            "anywhere in a store that all machines mount.",
            run=directory.id,
        )


def _check_process(info: RunInfo) -> None:
    """Refuse an interpreter in which the run would not do the same; warn where that is likely.

    Raises:
        ResumeError: Python, agentmesh or the hash seed is another one.
    """
    here = environment.python_version()
    if info.python and _minor(info.python) != _minor(here):
        raise _unlike(
            info,
            f"under Python {info.python}; this is Python {here}",
            f"Resume it with Python {_minor(info.python)}.",
        )
    if info.rules and info.rules != RULES:
        raise _unlike(
            info,
            f"under scheduling rules {info.rules}, of agentmesh {info.agentmesh}; this version "
            f"knows {RULES}",
            f"Install agentmesh=={info.agentmesh} to resume it.",
        )
    other_seed = info.hash_fingerprint != environment.hash_fingerprint()
    if info.driver == LOCAL and info.hash_seed is not None and other_seed:
        raise _unlike(
            info,
            f"under the hash seed {info.hash_seed}, which this process does not have",
            f"`agentmesh resume {info.id}` starts itself again under it; or start Python with "
            f"PYTHONHASHSEED={info.hash_seed}.",
        )
    packages = environment.packages(info.packages)
    changed = [
        f"{name} {version} -> {packages.get(name, 'none')}"
        for name, version in info.packages.items()
        if packages.get(name) != version
    ]
    if info.driver == LOCAL and info.hash_seed is None and other_seed:
        changed.append("the hash seed, which is not recorded")
    if changed:
        import structlog

        structlog.get_logger("agentmesh").warning(
            "the run began otherwise; if it does something else now, recovery stops and says so",
            run=info.id,
            changed=changed,
        )


def _unlike(info: RunInfo, what: str, fix: str) -> ResumeError:
    return ResumeError(
        f"The run {info.id} began {what}.",
        cause="Recovery repeats what open turns did, which another interpreter may do otherwise: "
        "the order of sets, of callbacks, of what asyncio does at once.",
        fix=fix,
        run=info.id,
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _load(info: RunInfo, program: str | Path | None) -> tuple[Entry, AgentType]:
    """Import the run's program.

    Raises:
        ResumeError: It can't be imported here, or does not define the workflow.
    """
    entry = entry_from(info, program)
    place = entry.file or entry.module
    try:
        return entry, load(entry)[1]
    except UnknownAgentError as error:
        raise ResumeError(
            f"The workflow {info.workflow!r} of the run {info.id} is not in {place}.",
            cause=f"Usually that is another program, or the workflow has been renamed: {error}",
            fix="Name the program that the run began with: `agentmesh resume RUN --program FILE`.",
            run=info.id,
        ) from error
    except (Exception, SystemExit) as error:
        what = error.what if isinstance(error, AgentMeshError) else _described(error)
        raise ResumeError(
            f"The program of the run {info.id}, {place}, can't be imported: {what}",
            cause="Usually it is on another machine, or something that it imports is missing here.",
            fix="Name the program's file: `agentmesh resume RUN --program FILE`.",
            run=info.id,
        ) from error


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


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
        commit = info.code.commit[:12]
        raise ResumeError(
            f"The run {info.id} began with other code: {', '.join(changed)} changed since.",
            cause="Recovery repeats what open turns did, which other code would not.",
            fix="Resume with the code that the run began with"
            + (f": commit {commit}{_with_changes(info)}." if commit else "."),
            run=info.id,
            changed=changed,
        )


def _with_changes(info: RunInfo) -> str:
    return ", with changes that were not committed" if info.code.dirty else ""


def recorded_hash_seed(name: str | Path, store: str | None) -> str | None:
    """Return the hash seed that handlers of a local run need; None where any will do.

    Raises:
        AgentMeshError: There is no such run.
    """
    with Store(store_location(store)).open_run(name) as run:
        return run.info.hash_seed if run.info.driver == LOCAL else None
