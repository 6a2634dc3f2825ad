"""Importing the program of a run in another process, the way `multiprocessing` spawns do.

Nothing of the user's code travels: every process imports the module that defines
the workflow, by name, or by file when it was a script. A script is imported under
the name `__mp_main__`, so that its `if __name__ == "__main__":` block stays quiet.
"""

import importlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

from agentmesh.errors import UnknownAgentError, UsageError
from agentmesh.host.plan import Entry
from agentmesh.sdk.agent import DEFINED, AgentType
from agentmesh.sdk.program import Program

SCRIPT_NAME = "__mp_main__"

_IMPORTING: ContextVar[str] = ContextVar("agentmesh_importing", default="")


def entry_of(workflow: AgentType) -> Entry:
    """Describe where a workflow is defined."""
    module = sys.modules.get(workflow.module)
    file = getattr(module, "__file__", None) or ""
    path = [entry for entry in sys.path if entry and Path(entry).is_dir() and _is_own(entry)]
    if file:
        own = str(Path(file).resolve().parent)
        path = [own, *[entry for entry in path if entry != own]]
    name = "__main__" if workflow.module == SCRIPT_NAME else workflow.module
    return Entry(
        module=name,
        file=str(Path(file).resolve()) if file else "",
        workflow=workflow.name,
        sys_path=tuple(path),
    )


def _is_own(directory: str) -> bool:
    """Tell whether a directory is the user's own: every Python brings its own library along."""
    return not any(directory.startswith(path) for path in _INSTALLED)


_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def load(entry: Entry) -> tuple[Program, AgentType]:
    """Import the program and return it with its workflow.

    Raises:
        UsageError: The module can't be imported here.
        UnknownAgentError: It does not define the workflow.
    """
    module = _present(entry)
    if module is None:
        module = _import(entry)
    program = Program(module.__name__)
    workflow = program.find(entry.workflow)
    if not workflow.is_workflow:
        raise UnknownAgentError(
            f"{entry.workflow!r} in {entry.file or entry.module} is an agent, not a workflow.",
            fix="Name a function decorated with @am.workflow.",
        )
    return program, workflow


def _present(entry: Entry) -> ModuleType | None:
    """Return the module if this very process has it already."""
    names = (entry.module, SCRIPT_NAME) if entry.file else (entry.module,)
    for name in names:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is None or not any(made.module == name for made in DEFINED):
            continue
        if not entry.file or (file and _same(file, entry.file)):
            return module
    return None


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _import(entry: Entry) -> ModuleType:
    for path in reversed(entry.sys_path):
        if path not in sys.path and Path(path).is_dir():
            sys.path.insert(0, path)
    with importing(entry.file or entry.module):
        try:
            if entry.module not in ("__main__", "") and importlib.util.find_spec(entry.module):
                return importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            if not f"{entry.module}.".startswith(f"{error.name}."):
                raise  # something that the program needs is missing, not the program
        return import_file(entry.file or entry.module)


def import_file(file: str) -> ModuleType:
    """Import a script without running its main block.

    Raises:
        UsageError: There is no such file, or it is not Python.
    """
    path = Path(file)
    if not path.is_file():
        raise UsageError(
            f"The program {file!r} is not on this machine.",
            cause="Every process of a run, and every replay, imports the workflow's own module.",
            fix="Copy it there, or let Ray do so: `ray job submit --working-dir .`, or a "
            "runtime_env with working_dir. A replay finds it elsewhere with --program FILE.",
        )
    directory = str(path.resolve().parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    spec = importlib.util.spec_from_file_location(SCRIPT_NAME, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{file!r} is not a Python file.", fix="Name a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[SCRIPT_NAME] = module
    try:
        with importing(file):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[SCRIPT_NAME]
        raise
    return module


@contextmanager
def importing(what: str) -> Iterator[None]:
    """Mark that a program is being imported for a run that goes on already."""
    token = _IMPORTING.set(what)
    try:
        yield
    finally:
        _IMPORTING.reset(token)


def refuse_while_importing() -> None:
    """Refuse to start a run from a module that is only being imported.

    Raises:
        UsageError: A host or replay is importing the script, and it calls `am.run()`.
    """
    what = _IMPORTING.get()
    if what:
        raise UsageError(
            f"am.run() was called while {what} was only being imported.",
            cause="Every host of a run imports the script that defines the workflow.",
            fix='Put the call under `if __name__ == "__main__":`.',
        )
