"""What agentmesh promises: the names of the front door, a light import, errors that travel.

A name that is added to the front door, or taken from it, is added or taken here in
the same change: nobody widens or breaks the promise by accident.
"""

import builtins
import copy
import importlib
import importlib.metadata
import importlib.util
import pickle
import subprocess
import sys
import types

import pytest

from agentmesh import errors

PUBLIC = [
    "AgentMeshError",
    "AgentStoppedError",
    "Arm",
    "AskCycleError",
    "Context",
    "DeadlineExceededError",
    "DefinitionError",
    "DivergenceError",
    "Down",
    "EffectError",
    "Ending",
    "EscalatedError",
    "EscapeError",
    "Experiment",
    "ExperimentReport",
    "FabricError",
    "InvalidMessageError",
    "JournalDamagedError",
    "JournalError",
    "JournalVersionError",
    "MailboxFullError",
    "Message",
    "ModelAnswerError",
    "NotInHandlerError",
    "OutcomeUnknownError",
    "PoisonMessageError",
    "RayVersionError",
    "RemoteError",
    "ResumeError",
    "RunExistsError",
    "RunFailedError",
    "RunawayTurnError",
    "Sample",
    "StateError",
    "StoreError",
    "Supervision",
    "ToolArgumentsError",
    "UnknownAgentError",
    "UnknownEventError",
    "UnknownRunError",
    "UsageError",
    "WorkCancelledError",
    "agent",
    "arm",
    "attribute",
    "audit_run",
    "changed",
    "check",
    "configure_logging",
    "context",
    "continue_with",
    "diff",
    "edit",
    "effect",
    "endpoint",
    "experiment",
    "export_run",
    "fork",
    "handler",
    "http_client",
    "idempotency_key",
    "import_run",
    "key_from_env",
    "llm",
    "log",
    "monitor",
    "now",
    "open_run",
    "openai",
    "publish",
    "races",
    "random",
    "ref",
    "replay_run",
    "resume",
    "run",
    "runs",
    "sleep",
    "spawn",
    "stop",
    "subscribe",
    "tell",
    "tool",
    "tool_context",
    "uuid",
    "workflow",
]
"""Everything that `agentmesh` exports, sorted."""

HEAVY = (
    "ray",
    "opentelemetry",
    "openai",
    "httpx2",
    "pyarrow",
    "duckdb",
    "starlette",
    "typer",
    "rich",
)
"""Libraries that must not be loaded before they are needed."""

ERROR_CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, BaseException)
]
BUILTIN_CLASSES = [
    each
    for each in vars(builtins).values()
    if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == "builtins"
]


def front_door() -> types.ModuleType:
    """Import agentmesh as a user does."""
    return importlib.import_module("agentmesh")


def test_the_front_door_exports_what_is_promised() -> None:
    """The snapshot: a difference is a change of the public API, to be made on purpose."""
    assert sorted(front_door().__all__) == PUBLIC


def test_every_promised_name_is_there_and_documented() -> None:
    """A lazy table of names may name what does not exist; a new name may lack its text."""
    module = front_door()
    values = {name: getattr(module, name) for name in PUBLIC if not name.startswith("__")}

    assert [name for name, value in values.items() if not getattr(value, "__doc__", None)] == []


def test_the_front_door_shows_nothing_else() -> None:
    """What completion offers after `am.` is what is promised; helpers stay out of sight."""
    module = front_door()
    shown = {
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), types.ModuleType)
    }

    assert sorted(shown - {*PUBLIC}) == []


def test_no_promised_name_is_a_module_of_agentmesh() -> None:
    """The first import of a module overwrites the attribute of its name, whatever it was."""
    assert [name for name in PUBLIC if importlib.util.find_spec(f"agentmesh.{name}")] == []


def test_the_version_is_the_installed_one() -> None:
    """Runs record the version; it has one source."""
    assert front_door().__version__ == importlib.metadata.version("agentmesh")


@pytest.mark.parametrize("statement", ["import agentmesh", "from agentmesh import *"])
def test_importing_loads_no_heavy_library(statement: str) -> None:
    """A module that only declares agents is imported by tools that never run any."""
    program = f"{statement}\nimport sys\nprint(*(each for each in {HEAVY} if each in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stderr == ""
    assert done.stdout.split() == []


def test_the_heavy_libraries_are_installed() -> None:
    """A misspelt name in the list would never be found loaded."""
    assert [each for each in HEAVY if importlib.util.find_spec(each) is None] == []


@pytest.mark.parametrize("cls", ERROR_CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_pickle(cls: type[errors.AgentMeshError]) -> None:
    """Process pools, test runners and `copy` move errors about, notes and all."""
    error = cls("It broke at 7.", cause="Usually rain.", fix="Dry it.", at=7, names=["a", "b"])
    error.add_note("seen in Oslo")

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert str(twin) == str(error) == "It broke at 7. Usually rain. Dry it."
        assert twin.fields == {"at": 7, "names": ["a", "b"]}
        assert twin.__notes__ == ["seen in Oslo"]


def test_errors_from_another_agent_survive_pickle() -> None:
    """The class that stands for a remote `ValueError`, and is one, is made on the fly."""
    for cls in BUILTIN_CLASSES:
        text = f'{{"type": "builtins.{cls.__name__}", "what": "it broke"}}'
        error = errors.rebuild(text.encode(), "Traceback: there")
        twin = pickle.loads(pickle.dumps(error))

        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin.__notes__ == error.__notes__
