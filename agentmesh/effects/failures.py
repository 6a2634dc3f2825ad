"""Errors of tools and functions, so that the handler sees what failed, and how.

A `ValueError` of a tool arrives in the handler as a `RemoteError` that is also a
`ValueError`; its text names the tool, the arguments and the attempts.
"""

import json

from agentmesh.errors import (
    AgentMeshError,
    OutcomeUnknownError,
    RemoteError,
    describe,
    rebuild,
    type_name,
)
from agentmesh.kernel.commands import StartEffect

_SHOWN_MAX = 60
_ARGUMENTS_MAX = 5


def summary(name: str, arguments: bytes) -> str:
    """Return a call as people write it, shortened: `search(query='x', limit=3)`.

    Args:
        name: Of the tool or function.
        arguments: Their JSON, redacted: an object, or a list of positional ones.
    """
    values = json.loads(arguments)
    if isinstance(values, dict):
        shown = [f"{name}={_short(value)}" for name, value in values.items()]
    else:
        shown = [_short(value) for value in values]
    if len(shown) > _ARGUMENTS_MAX:
        shown[_ARGUMENTS_MAX:] = ["..."]
    return f"{name}({', '.join(shown)})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def outcome_unknown(command: StartEffect) -> bytes:
    """Describe the failure of an effect that was under way when its host died.

    For the `EffectFailed` of an effect that is not idempotent; any other is performed again.

    Args:
        command: As it was recorded.
    """
    return describe(
        OutcomeUnknownError(
            f"{_shown(command)} was under way when its host died: whether it was done is unknown.",
            cause=f"{command.name} is declared with idempotent=False, so it is not done again on "
            "its own.",
            fix="Catch am.OutcomeUnknownError: ask the other side what became of it, then do it "
            "again, or undo it. Or hand am.idempotency_key() to the other side and leave "
            "idempotent=False out.",
            kind=command.kind,
            name=command.name,
            key=command.key,
        )
    )


def _shown(command: StartEffect) -> str:
    """Return how errors call an effect: with its arguments, if they are at hand."""
    try:
        called = summary(
            command.name, json.dumps(json.loads(command.request)["arguments"]).encode()
        )
    except (ValueError, KeyError, TypeError):
        called = command.name
    return f"{command.kind.capitalize()} {called}"


def failed(what: str, attempts: int, error: BaseException) -> Exception:
    """Return the error that the handler will see.

    Args:
        what: Kind and call, such as `Tool search(query='x')`.
        attempts: How often it was tried.
        error: What the last attempt raised; `raise ... from` it.
    """
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    text = str(error)
    fields = {"call": what, "attempts": attempts}
    if isinstance(error, AgentMeshError) and not isinstance(error, RemoteError):
        shown = f"{what} failed{tried}: {error.what}"
        return type(error).from_parts(shown, error.cause, error.fix, {**error.fields, **fields})
    name = error.type_name if isinstance(error, RemoteError) else type_name(error)
    shown = f"{what} failed{tried}: {name.removeprefix('builtins.')}: {text or 'no message'}"
    described = {"type": name, "what": shown, "fields": {**fields, "message": text}}
    return rebuild(json.dumps(described).encode())
