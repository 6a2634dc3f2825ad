"""Replays of stored runs: import the program, wire the replay driver, use all cores."""

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from agentmesh.counterfactual.amending import codes_in
from agentmesh.errors import UnknownAgentError
from agentmesh.host.entry import load
from agentmesh.host.plan import ROOT_KEY, Entry
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import LATEST, Store
from agentmesh.kernel.envelope import address
from agentmesh.mesh import environment
from agentmesh.mesh.options import store_location
from agentmesh.mesh.own_code import own_code
from agentmesh.replay.causes import Today
from agentmesh.replay.driver import Replayer, Report
from agentmesh.replay.resync import STRICT
from agentmesh.sdk.agent import DEFINED
from agentmesh.sdk.program import RunContext

T = TypeVar("T")

Progress = Callable[[int], None]
"""Called now and then with the number of events replayed."""


def replay_run(
    name: str | Path = LATEST,
    *,
    store: str | None = None,
    agents: Sequence[str] = (),
    program: str | Path | None = None,
    policy: str = STRICT,
    on_progress: Progress | None = None,
) -> Report:
    """Re-execute a stored run and compare every command with the record.

    Needs no Ray, network or key: effects are answered from the journal.

    Args:
        name: The run's id or the start of it, its directory, or `latest`.
        store: Where runs are kept.
        agents: Addresses (`Type/key`) or agent types to replay; all by default.
        program: The program's file, when it is not where it ran.
        policy: `strict` ends an agent's replay at its first divergence; `resync` goes on with
            the recorded events, and marks everything that follows as tainted.
        on_progress: Called now and then.

    Returns:
        What was replayed, with the first divergence of each agent that diverged.

    Raises:
        UnknownRunError: There is no such run.
        UnknownAgentError: The run has no such agent.
        UsageError: The program can't be imported, or there is no such policy.
        JournalError: The journal can't be read.
    """
    started = time.perf_counter()
    opened = Store(store_location(store))
    with opened.open_run(name) as run:
        replayer = replayer_of(run, opened.redactor_for(run.info), program, policy)
        report = replayer.replay(chosen(run, agents), on_progress)
    report.seconds = time.perf_counter() - started
    return report


def replayer_of(
    run: Run, redactor: Redactor, file: str | Path | None = None, policy: str = STRICT
) -> Replayer:
    """Import a run's program and return what replays its cells."""
    program, _ = load(entry_from(run.info, file))
    context = RunContext(
        run_id=run.info.known_as or run.id,
        program=program,
        redactor=redactor,
        root=address(run.info.workflow, ROOT_KEY),
        settings={name: str(value) for name, value in run.info.settings.items()},
        code=codes_in(run.info.interventions, program),
    )
    return Replayer(run, context, BodyEncoder(redactor), today(run.info, program.module), policy)


def today(info: RunInfo, module: str) -> Today:
    """Return what this process is, as far as a run says what it was recorded in.

    Args:
        info: The run.
        module: Name of the module with its workflow, here.
    """
    own = own_code(module)
    here, there = environment.own_name(module), info.entry.module

    def as_recorded(by_module: dict[str, T]) -> dict[str, T]:
        """Call the workflow's module what the run calls it: it may be read from another file."""
        return {there if name == here else name: value for name, value in by_module.items()}

    return Today(
        python=environment.python_version(),
        packages=environment.packages(info.packages),
        sources=as_recorded(environment.sources(DEFINED)),
        hash_fingerprint=environment.hash_fingerprint(),
        hash_seed=environment.hash_seed(),
        functions=as_recorded(own.functions),
        files=as_recorded(own.files),
    )


def entry_from(info: RunInfo, program: str | Path | None = None) -> Entry:
    """Return where a recorded run's workflow is defined, on this machine.

    Args:
        info: The recorded run.
        program: The file to take instead of the recorded one.
    """
    entry = info.entry
    file = str(program) if program is not None else _where_it_is_now(entry.file)
    path = entry.sys_path
    if file != entry.file:
        path = (str(Path(file).resolve().parent), *path)
    module = entry.module
    if program is not None and _lies_elsewhere(module, file):
        module = "__main__"  # the name would find the other one
    return Entry(module=module, file=file, workflow=info.workflow, sys_path=path)


def _lies_elsewhere(module: str, file: str) -> bool:
    """Tell whether a module's name finds another file here."""
    try:
        spec = find_spec(module) if module not in ("", "__main__") else None
    except (ImportError, ValueError):
        return False
    return spec is not None and Path(spec.origin or "").resolve() != Path(file).resolve()


def _where_it_is_now(recorded: str) -> str:
    """Look for a program that is not where it ran: a submitted job's copy, another machine."""
    if not recorded or Path(recorded).is_file():
        return recorded
    parts = Path(recorded).parts
    for start in range(1, len(parts)):
        here = Path(*parts[start:])
        if here.is_file():
            return str(here.absolute())
    return recorded


def chosen(run: Run, agents: Sequence[str]) -> list[str]:
    """Return the addresses that names of agents stand for; all for none.

    Raises:
        UnknownAgentError: One stands for nobody.
    """
    every = run.addresses()
    if not agents:
        return every
    found: list[str] = []
    for name in agents:
        matching = [one for one in every if one == name or one.partition("/")[0] == name]
        if not matching:
            more = ", ..." if len(every) > _SHOWN_MAX else ""
            raise UnknownAgentError(
                f"Run {run.id} has no agent {name!r}.",
                cause=f"It has: {', '.join(every[:_SHOWN_MAX])}{more}.",
                fix="Name an address (`Type/key`) or a type.",
            )
        found.extend(one for one in matching if one not in found)
    return found


_SHOWN_MAX = 10
