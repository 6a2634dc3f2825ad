"""From an exception to what a person reads, and to an exit code."""

import sys
import textwrap
import traceback

from agentmesh.cli import exit_codes
from agentmesh.errors import (
    AgentMeshError,
    DivergenceError,
    InvalidMessageError,
    RemoteError,
    ResumeError,
    RunExistsError,
    UnknownAgentError,
    UnknownEventError,
    UnknownRunError,
    UsageError,
)

_USAGE = (
    UsageError,
    UnknownRunError,
    UnknownAgentError,
    UnknownEventError,
    InvalidMessageError,
    RunExistsError,
    ResumeError,
)


def exit_code_of(error: AgentMeshError) -> int:
    """Return the exit code of a command that could not do what it was asked for."""
    if isinstance(error, DivergenceError):
        return exit_codes.DIVERGED
    return exit_codes.USAGE if isinstance(error, _USAGE) else exit_codes.FAILED


def complain(error: Exception, *, debug: bool = False) -> None:
    """Say on stderr what went wrong: three parts, or with `debug` the whole traceback."""
    text = "".join(traceback.format_exception(error)).rstrip() if debug else told(error)
    sys.stderr.write(text + "\n")


def told(error: Exception) -> str:
    """Return an error as text for people: what, then the cause, then the fix, each on its line."""
    from agentmesh.cli.wording import visible

    parts = [f"Error: {in_short(error)}"]
    if isinstance(error, AgentMeshError):
        parts += [textwrap.indent(part, "  ") for part in (error.cause, error.fix) if part]
    notes = [note for note in getattr(error, "__notes__", ()) if "\n" not in note]
    parts += [textwrap.indent(note, "  ") for note in notes]
    return visible("\n".join(parts), keep_lines=True)


def in_short(error: Exception) -> str:
    """Return what happened, in one part; names the class where the text alone would not do."""
    if isinstance(error, RemoteError):
        return described(error.type_name, error.what)
    if isinstance(error, AgentMeshError):
        return error.what
    return described(type(error).__qualname__, str(error))


def described(type_name: str, text: str) -> str:
    """Return an exception as `ValueError: no such order`."""
    short = type_name.removeprefix("builtins.")
    return f"{short}: {text}" if text else short
