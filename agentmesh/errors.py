"""Every error agentmesh raises on purpose, and how errors travel between hosts.

Classes follow what the caller can do about them, not where they are raised. A
message has three parts: what happened (with the values), the usual cause, and
what to do next. Errors cross hosts as data, never as pickles: type name, text
and the fields of agentmesh's own classes (`describe` and `rebuild`).

This module is the bottom of the package: it imports nothing of it.
"""

import builtins
import json
import re
import traceback
from collections.abc import Mapping
from typing import Self, cast

JsonFields = Mapping[str, object]


class AgentMeshError(Exception):
    """Base class of everything agentmesh raises on purpose.

    Args:
        what: What happened, with the values.
        cause: The usual cause, as a sentence.
        fix: What to do next, as a sentence.
        fields: Data about the error; plain JSON values, kept across hosts.
    """

    def __init__(self, what: str, *, cause: str = "", fix: str = "", **fields: object) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix
        self.fields: dict[str, object] = fields

    def __str__(self) -> str:
        """Join the three parts into one readable text."""
        return " ".join(part for part in (self.what, self.cause, self.fix) if part)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by keyword, so that subclasses and notes survive."""
        state = {"fields": self.fields, "__notes__": list(getattr(self, "__notes__", []))}
        return (_unpickle, (type(self), self.what, self.cause, self.fix), state)

    def __setstate__(self, state: dict[str, object] | None) -> None:
        """Restore fields and notes; an empty list of notes stays absent."""
        state = dict(state or {})
        notes = cast("list[str]", state.pop("__notes__", []))
        self.__dict__.update(state)
        for note in notes:
            self.add_note(note)

    @classmethod
    def from_parts(cls, what: str, cause: str, fix: str, fields: JsonFields) -> Self:
        """Rebuild an error from its parts without running a subclass's own logic."""
        error = cls.__new__(cls)
        AgentMeshError.__init__(error, what, cause=cause, fix=fix, **fields)
        return error


def _unpickle(cls: type[AgentMeshError], what: str, cause: str, fix: str) -> AgentMeshError:
    return cls.from_parts(what, cause, fix, {})


def _unpickle_remote(name: str, what: str, cause: str, fix: str) -> AgentMeshError:
    return _remote_class(name).from_parts(what, cause, fix, {})


class InternalError(AgentMeshError):
    """A bug in agentmesh itself. You do not get this for anything you did wrong."""


class DefinitionError(AgentMeshError, TypeError):
    """An agent, handler, tool, message or workflow is declared in a way that can't work.

    Raised while your module is imported, never while a run goes on.
    """


class UsageError(AgentMeshError):
    """A verb was called in a place or with values that do not fit."""


class NotInHandlerError(UsageError):
    """A verb that needs a running handler was called outside one."""


class UnknownAgentError(AgentMeshError, LookupError):
    """A message names an agent type or handler that this program does not define."""


class UnknownRunError(AgentMeshError, LookupError):
    """No run of that id exists in the store."""


class UnknownEventError(AgentMeshError, LookupError):
    """The run has no such event: says which ones it has."""


class RunExistsError(AgentMeshError):
    """A run of that id is in the store already."""


class InvalidMessageError(AgentMeshError, ValueError):
    """A message does not validate: says which field, for which handler."""


class StateError(AgentMeshError, TypeError):
    """An agent's state can't be stored, or an undeclared attribute was set."""


class EscapeError(AgentMeshError):
    """A handler reached for something that a replay could not repeat.

    Threads, sockets, files and subprocesses opened inside a handler are not
    recorded. You do not get this inside an `@am.tool`.
    """


class AskCycleError(AgentMeshError):
    """An ask would wait for itself: the asked agent waits in the same chain of asks."""


class DeadlineExceededError(AgentMeshError, TimeoutError):
    """The deadline of the work passed before it was done."""


class WorkCancelledError(AgentMeshError):
    """Somebody cancelled the work before it was done."""


class AgentStoppedError(AgentMeshError):
    """The message was sent to an agent that has been stopped."""


class PoisonMessageError(AgentMeshError):
    """A message made its handler fail as often as the agent's supervision tries it."""

    @property
    def history(self) -> list[dict[str, object]]:
        """Its attempts, first one first: `attempt`, `at` (ns), `turn` and `error` of each."""
        return cast("list[dict[str, object]]", self.fields.get("history", []))

    @property
    def errors(self) -> list[Exception]:
        """What each attempt raised, first one first."""
        return [rebuild(json.dumps(attempt["error"]).encode()) for attempt in self.history]


class EscalatedError(AgentMeshError):
    """An agent failed for good, and whoever started it fails with it.

    Raised in nobody's `await`: the open turns of the parent are ended with it.
    """

    @property
    def agent(self) -> str:
        """Address of the agent that failed."""
        return str(self.fields.get("agent", ""))

    @property
    def message(self) -> str:
        """Id of the message it failed with; empty if it was passed on from an agent below."""
        return str(self.fields.get("message", ""))

    @property
    def original(self) -> Exception:
        """What the agent's handler raised."""
        said = self.fields.get("error") or {"type": "", "what": "unknown"}
        return rebuild(json.dumps(said).encode())


class MailboxFullError(AgentMeshError):
    """The message found no place in the agent's mailbox, or lost it to a newer one."""


class RunawayTurnError(AgentMeshError):
    """A turn kept the loop busy without ever waiting for anything."""


class EffectError(AgentMeshError):
    """A tool, model call or other effect failed; says which and why."""


class OutcomeUnknownError(EffectError):
    """Whether an effect was done can't be told: its host died, and it may not be done twice.

    You get this only for tools declared with `idempotent=False`.
    """


class ToolArgumentsError(UsageError, TypeError):
    """A tool, or a function given to `am.effect`, was called with arguments that do not fit it."""


class ModelAnswerError(EffectError):
    """A model's answer can't be used: it does not fit, or it goes on calling tools.

    You do not get this for a model that can't be reached.
    """


class RemoteError(AgentMeshError):
    """An agent's handler or a tool raised; carries the type, text and traceback from there.

    A remote `ValueError` is also a `ValueError` here, and so for every builtin
    exception: `except ValueError` works across hosts.

    Attributes:
        type_name: Qualified name of the original class, such as `builtins.KeyError`.
        remote_traceback: The formatted traceback, as text; may be empty in a replay.
    """

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the original's name: the class may have been made on the fly."""
        parts = (self.type_name, self.what, self.cause, self.fix)
        return (_unpickle_remote, parts, super().__reduce__()[2])

    @property
    def type_name(self) -> str:
        """Qualified name of the original exception class."""
        return str(self.fields.get("type", ""))

    @property
    def remote_traceback(self) -> str:
        """Formatted traceback from where it was raised."""
        return str(self.fields.get("traceback", ""))


class JournalError(AgentMeshError):
    """A journal can't be written or read."""


class JournalDamagedError(JournalError):
    """A journal file is damaged in the middle: says which file and offset.

    You do not get this for a torn tail: that reads cleanly up to the tear.
    """


class JournalVersionError(JournalError):
    """A journal or run was written by a version this one can't read."""


class StoreError(AgentMeshError):
    """The place where runs are stored can't be used."""


class DivergenceError(AgentMeshError):
    """A replay did something else than the recorded run."""


class FabricError(AgentMeshError):
    """Ray or a host of the run can't be used."""


class RayVersionError(FabricError):
    """Ray is missing or has a version agentmesh was not made for."""


class SupersededError(FabricError):
    """This process was taken for dead, and a successor goes on in its place."""


class TelemetryError(AgentMeshError):
    """What a run has to tell could not be handed over to who wants to know it."""


class ResumeError(AgentMeshError):
    """A run can't be continued: it has ended, somebody else drives it, or its code differs."""


class RunFailedError(AgentMeshError):
    """A run ended without a result; the cause is chained."""


_OWN = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, AgentMeshError)
}
_REMOTE_AS_BUILTIN: dict[str, type[RemoteError]] = {}


def type_name(error: BaseException) -> str:
    """Return the qualified name under which an exception's class travels."""
    cls = type(error)
    return f"{cls.__module__}.{cls.__qualname__}"


def describe(error: BaseException) -> bytes:
    """Turn an exception into the JSON that travels and is journaled.

    The traceback is left out: it names files and lines, which differ between
    machines and must not make a replay diverge. See `traceback_of`.
    """
    if isinstance(error, RemoteError):
        fields = {k: v for k, v in error.fields.items() if k != "traceback"}
        return _dump({"type": error.type_name, "what": error.what, "fields": fields})
    if isinstance(error, AgentMeshError) and type(error).__name__ in _OWN:
        return _dump(
            {
                "type": type_name(error),
                "what": error.what,
                "cause": error.cause,
                "fix": error.fix,
                "fields": error.fields,
            }
        )
    return _dump({"type": type_name(error), "what": _text_of(error)})


def traceback_of(error: BaseException) -> str:
    """Format an exception with its causes; one from another agent brings its own as a note."""
    return "".join(traceback.format_exception(error))


def rebuild(data: bytes, remote_traceback: str = "") -> Exception:
    """Turn described data back into an exception; never imports or runs anything.

    agentmesh's own classes come back as themselves; every other class comes back
    as `RemoteError`, which is also the builtin class where the original was one.
    """
    value = json.loads(data)
    name = str(value.get("type", ""))
    module, _, short = name.rpartition(".")
    if module == __name__ and short in _OWN and short != "RemoteError":
        error: AgentMeshError = _OWN[short].from_parts(
            value["what"], value.get("cause", ""), value.get("fix", ""), value.get("fields", {})
        )
    else:
        fields = {**value.get("fields", {}), "type": name, "traceback": remote_traceback}
        error = _remote_class(name).from_parts(f"{value['what']}", "", "", fields)
    if remote_traceback:
        error.add_note("Remote traceback:\n" + remote_traceback.rstrip())
    return error


def _remote_class(name: str) -> type[RemoteError]:
    module, _, short = name.rpartition(".")
    original = getattr(builtins, short, None) if module == "builtins" else None
    if not (isinstance(original, type) and issubclass(original, Exception)):
        return RemoteError
    if issubclass(original, StopIteration | StopAsyncIteration):
        return RemoteError  # raised by an `await`, it would look like a result
    if name not in _REMOTE_AS_BUILTIN:
        for base in original.__mro__:  # the nearest class that `except` can catch it as
            try:
                made = cast("type[RemoteError]", type(short, (RemoteError, base), {}))
                made.from_parts("", "", "", {})
            except TypeError:  # it can't be combined, or not be made without its own arguments
                continue
            made.__module__ = __name__
            _REMOTE_AS_BUILTIN[name] = made
            break
    return _REMOTE_AS_BUILTIN[name]


def _text_of(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        inner = "; ".join(f"{type(each).__name__}: {_text_of(each)}" for each in error.exceptions)
        return f"{error.message}: {inner}"
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the user's class; its fault must not hide the error
        return f"(its text can't be read: {type(broken).__name__})"


def _dump(value: object) -> bytes:
    text = json.dumps(value, default=str, sort_keys=True)
    # Where an object lies in memory differs between a run and its replay.
    return _ADDRESS.sub(" at 0x...", text).encode()


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
