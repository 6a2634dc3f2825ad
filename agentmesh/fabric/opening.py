"""What a host has to begin with: the program, the run's directory, and its own log."""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from agentmesh.host.entry import load
from agentmesh.host.plan import Entry, Plan
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.lineage import Fence
from agentmesh.journal.log import LogWriter
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.store import Store
from agentmesh.journal.succession import Succession
from agentmesh.sdk.program import RunContext


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a host is within its run."""

    name: str
    incarnation: int


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a host has to begin with."""

    run: RunContext
    directory: RunDirectory
    redactor: Redactor
    log: LogWriter
    succession: Succession | None


def open_host(identity: Identity, plan: Plan) -> Opened:
    """Import the program, read what earlier lives left, and start this life's log."""
    for name in plan.companions:
        import_module(name).announce()
    program, _ = load(found_here(plan.entry))
    store = Store(plan.store)
    directory = store.attach(plan.run_id)
    redactor = store.redactor_for(directory.info)
    Fence(directory.local, identity.name, identity.incarnation).begin()
    succession, life = None, None
    if identity.incarnation > 1:
        succession = Succession(directory, identity.name, identity.incarnation)
        life = succession.life
    log = directory.log_writer(identity.name, redactor, life=life)
    run = plan.context(program, redactor)
    return Opened(run=run, directory=directory, redactor=redactor, log=log, succession=succession)


def found_here(entry: Entry) -> Entry:
    """Return where the program is on this node.

    A job's directory may be unpacked at another place on each node; Ray starts workers in
    it, so that the file is found by the end of its path.
    """
    if not entry.file or Path(entry.file).is_file():
        return entry
    parts = Path(entry.file).parts[1:]
    for start in range(len(parts)):
        candidate = Path.cwd().joinpath(*parts[start:])
        if candidate.is_file():
            path = (str(candidate.parent), str(Path.cwd()), *entry.sys_path)
            return replace(entry, file=str(candidate), sys_path=path)
    return entry
