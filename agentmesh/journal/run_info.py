"""What is known about a run besides its events: `run.json`.

Written when the run starts, replaced as a whole when something changes, read by
whoever opens the run. Plain JSON: `jq .status run.json` works. Fields that a reader
does not know are kept when it writes the file again.
"""

from typing import Any, Final, Literal

import msgspec

from agentmesh.errors import JournalDamagedError, JournalVersionError
from agentmesh.journal import strings
from agentmesh.journal.records import JOURNAL_VERSION

RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

Status = Literal["running", "done", "failed", "cancelled"]
"""As its driver said last: a driver that is killed leaves `running` behind."""


class EntryPoint(msgspec.Struct, frozen=True):
    """Where the workflow function is."""

    module: str = ""
    """Import name, or `__main__`."""
    file: str = ""
    """Path of the file it was read from."""
    qualname: str = ""
    sys_path: tuple[str, ...] = ()
    """What must be added to `sys.path` so that the module's own imports work."""


class CodeVersion(msgspec.Struct, frozen=True):
    """Which code ran."""

    commit: str = ""
    """Git commit; empty outside a repository."""
    dirty: bool = False
    """Whether tracked files differed from the commit, or new ones were there."""
    diff: str = ""
    """SHA-256 of the difference, in hex; empty when there is none."""
    problem: str = ""
    """Why the rest is empty, for people."""


class Redaction(msgspec.Struct, frozen=True):
    """How secrets were replaced; a replay must do it alike."""

    patterns: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    key_id: str = ""
    """Names the key: see `Redactor.key_id`."""
    fields: tuple[str, ...] = ()
    """Names of JSON fields whose values are secrets: only of a run that was exported so."""
    inputs: dict[str, int] = {}
    """By agent: its first step whose event an export has redacted. From there on a handler
    may see something else than it saw when the run was recorded."""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A run: where it came from, what it ran on, how it ended."""

    id: str
    workflow: str = ""
    """Name for people."""
    entry: EntryPoint = EntryPoint()
    input_type: str = ""
    """Name of the type of the workflow's message; empty for none."""
    input: Any = None
    """JSON value of the workflow's message, redacted."""
    status: Status = "running"
    result: Any = None
    """JSON value of what the workflow returned; None unless `done`."""
    error: Any = None
    """The error as `errors.describe` wrote it, as a JSON value; None unless it failed."""
    created_at_ns: int = 0
    ended_at_ns: int = 0
    """0 while it runs."""
    seed: str = ""
    """Keys all randomness of the run."""
    deadline_seconds: float = 0.0
    """How long the run may take in all, counted from `created_at_ns`."""
    drain_seconds: float = 5.0
    """How long messages still in flight may finish after the workflow has returned."""
    hash_seed: str | None = None
    """Value of `PYTHONHASHSEED` on all hosts; None where it is unknown."""
    hash_fingerprint: str = ""
    """Digest of what the hash seed does, to check that another process has the same."""
    code: CodeVersion = CodeVersion()
    sources: dict[str, str] = {}
    """SHA-256 of the source of each module that defines agents, in hex."""
    functions: dict[str, dict[str, str]] = {}
    """Digests of the functions, classes and constants of the program's modules, by module and
    name (see `source_units`); empty where it was not recorded."""
    packages: dict[str, str] = {}
    """Versions of the installed packages that matter."""
    python: str = ""
    agentmesh: str = ""
    driver: str = ""
    """`ray` or `local`."""
    submission_id: str = ""
    """Of the Ray job, if it is one."""
    settings: dict[str, Any] = {}
    """Model, base URL and the like; never a key."""
    prices: dict[str, Any] = {}
    """What model calls cost when it began (see `effects.prices`); empty where it is not known."""
    durability: str = "process"
    rules: int = 0
    """Version of the scheduling rules."""
    parent: str = ""
    """Id of the run that this is a branch of."""
    interventions: list[Any] = []
    """What the branch changes, as JSON values; what its parents changed comes first."""
    known_as: str = ""
    """Of a branch: the id that its handlers see, which is that of the run all branches come from.
    Empty for the run's own id."""
    redaction: Redaction = Redaction()
    journal_version: int = JOURNAL_VERSION


def dump_info(info: RunInfo, before: bytes = b"") -> bytes:
    """Return the text of `run.json`; keeps fields of `before` that this version does not know."""
    value = msgspec.to_builtins(info)
    known = dict(value)
    for name, field in (strings.loads(before) if before else {}).items():
        known.setdefault(name, field)
    return strings.dumps_pretty(known)


def load_info(data: bytes, name: str) -> RunInfo:
    """Read `run.json`.

    Args:
        data: Its text.
        name: Its path, for errors.

    Raises:
        JournalDamagedError: It can't be read.
        JournalVersionError: Another version wrote it.
    """
    try:
        value = strings.loads(data)
        version = value["journal_version"]
        if isinstance(version, int) and version != JOURNAL_VERSION:
            raise _unknown_version(name, version, str(value.get("agentmesh", "")))
        return msgspec.convert(value, RunInfo)
    except (ValueError, KeyError, TypeError, msgspec.ValidationError, RecursionError) as error:
        raise JournalDamagedError(
            f"{name} can't be read: {type(error).__name__}: {error}.",
            cause="Usually it was edited by hand, or cut short when it was copied.",
            fix="Get the file again from where the run was recorded.",
            file=name,
        ) from error


def _unknown_version(name: str, version: int, agentmesh: str) -> JournalVersionError:
    return JournalVersionError(
        f"{name} has journal version {version}; this agentmesh reads version {JOURNAL_VERSION}.",
        cause=f"agentmesh {agentmesh or 'of another version'} recorded the run.",
        fix=f"Install {f'agentmesh=={agentmesh}' if agentmesh else 'that version'} to open it.",
        file=name,
        version=version,
    )
