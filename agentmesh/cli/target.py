"""What `agentmesh run` is told to run: a workflow in a file or module, and its input."""

import difflib
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agentmesh.cli.failures import described
from agentmesh.errors import AgentMeshError, InvalidMessageError, UsageError
from agentmesh.host.entry import import_file, importing
from agentmesh.sdk import message as messages
from agentmesh.sdk.accepting import accepted
from agentmesh.sdk.agent import DEFINED, AgentType, HandlerSpec
from agentmesh.sdk.message import Message

STDIN = "-"


def load_workflow(target: str) -> AgentType:
    """Import a program and return its workflow.

    Args:
        target: `app.py:main`, `package.module:main`, or either without `:main` where
            there is only one workflow.

    Raises:
        UsageError: It can't be imported, or has no such workflow.
        DefinitionError: An agent in it is declared in a way that can't work.
    """
    place, colon, name = target.partition(":")
    if not place or (colon and not name):
        raise UsageError(
            f"{target!r} names no workflow.",
            fix="Write `app.py:main` or `package.module:main`.",
        )
    module = import_program(place)
    here = vars(module)
    workflows = {
        made.name: made
        for made in DEFINED
        if made.is_workflow and getattr(made.target, "__globals__", None) is here
    }
    return _named(workflows, module, place, name) if name else _only(workflows, place)


def import_program(place: str) -> ModuleType:
    """Import a file or module of the user's.

    Args:
        place: `app.py`, or `package.module`.

    Raises:
        UsageError: It can't be imported.
    """
    is_file = place.endswith(".py") or os.sep in place
    if is_file and not Path(place).is_file():
        raise UsageError(
            f"There is no file {place!r}.",
            cause=f"It is looked for from {Path.cwd()}.",
            fix="Write `app.py:main`, or `package.module:main` for a module.",
        )
    try:
        return import_file(place) if is_file else _import_module(place)
    except AgentMeshError:
        raise
    except SystemExit as error:
        raise UsageError(
            f"{place} ended Python while it was imported (exit code {error.code}).",
            fix='Put what the script does under `if __name__ == "__main__":`.',
        ) from error
    except Exception as error:
        raise _not_imported(place, error, is_file=is_file) from error


def _import_module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    with importing(name):
        return importlib.import_module(name)


def _not_imported(place: str, error: Exception, *, is_file: bool) -> UsageError:
    missing = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    if missing and not is_file and place.startswith(missing):
        return UsageError(
            f"There is no module {missing!r}.",
            cause=f"Modules are looked for in {Path.cwd()} and in what is installed.",
            fix="Write `app.py:main` for a file, or change to the directory of the module.",
        )
    fix = ""
    if missing:
        fix = f"Install {missing!r} in this environment ({sys.prefix})."
    elif isinstance(error, ImportError) and "relative import" in str(error):
        fix = "A file is imported by itself; name the module instead: `package.module:main`."
    what = described(type(error).__name__, str(error))
    return UsageError(f"{place} can't be imported: {what}.", cause=_where(error, place), fix=fix)


def _where(error: Exception, place: str) -> str:
    """Say in which line of the user's program an import failed."""
    if isinstance(error, SyntaxError):
        return ""  # its text says the line
    here = str(Path(place).resolve()) if place.endswith(".py") else str(Path.cwd())
    lines = [
        f"{frame.filename}:{frame.lineno}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(here)
    ]
    return f"In {lines[-1]}" if lines else ""


def _named(workflows: dict[str, AgentType], module: ModuleType, place: str, name: str) -> AgentType:
    if name in workflows:
        return workflows[name]
    value = getattr(module, name, None)
    for made in workflows.values():
        if made.target is value:
            return made
    made_of = getattr(value, "__agentmesh__", None)
    if isinstance(made_of, AgentType) and made_of.is_workflow:
        return made_of  # defined in another module, and imported there
    if isinstance(made_of, AgentType):
        raise UsageError(
            f"{name!r} in {place} is an agent, not a workflow.",
            cause="Runs start at a function decorated with @am.workflow.",
            fix=_offer(workflows, place),
        )
    close = difflib.get_close_matches(name, workflows, n=1)
    raise UsageError(
        f"{place} defines no workflow {name!r}.",
        fix=f"Did you mean {place}:{close[0]}?" if close else _offer(workflows, place),
    )


def _only(workflows: dict[str, AgentType], place: str) -> AgentType:
    if len(workflows) == 1:
        return next(iter(workflows.values()))
    what = f"{place} defines {len(workflows) or 'no'} workflow{'s' if workflows else ''}."
    raise UsageError(what, fix=_offer(workflows, place))


def _offer(workflows: dict[str, AgentType], place: str) -> str:
    if not workflows:
        return "Decorate the function that starts everything with @am.workflow."
    return f"Choose one: {', '.join(f'{place}:{name}' for name in workflows)}."


def read_input(given: str | None, file: str | None) -> bytes | None:
    """Return the input as the user gave it, or None.

    Args:
        given: JSON, or `-` for standard input.
        file: A file with JSON, or `-`.

    Raises:
        UsageError: Both are given, or the file can't be read.
    """
    if given is not None and file is not None:
        raise UsageError("Both --input and --input-file are given.", fix="Give one of them.")
    if STDIN in (given, file):
        return sys.stdin.buffer.read()
    if file is not None:
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"The input file {file!r} can't be read: {error.strerror}.") from error
    return None if given is None else given.encode("utf-8", "surrogateescape")


def input_message(spec: HandlerSpec, data: bytes | None) -> Message | None:
    """Return the workflow's message.

    Args:
        spec: The workflow's handler.
        data: JSON, or None where the user gave no input.

    Raises:
        InvalidMessageError: The input does not fit: says which field, of which handler.
    """
    adapters = spec.signature.adapters
    if not adapters:
        if data is not None:
            raise InvalidMessageError(
                f"{spec.shown} takes no message, and an input is given.",
                fix="Leave the input out.",
            )
        return None
    checked = _checked_json(spec, b"{}" if data is None else data)
    found: list[Message] = []
    problems: dict[str, str] = {}
    for name, adapter in adapters.items():
        try:
            found.append(messages.decode(checked, adapter))
        except ValidationError as error:
            problems[name] = messages.problems(error)
    if not found:
        raise _unfit(spec, problems, given=data is not None)
    if len(found) > 1:
        names = ", ".join(type(each).__name__ for each in found)
        raise InvalidMessageError(
            f"The input fits several of the messages that {spec.shown} takes: {names}.",
            fix="Give a field that only one of them has.",
        )
    return found[0]


def _checked_json(spec: HandlerSpec, data: bytes) -> bytes:
    try:
        json.loads(data)
    except ValueError as error:
        shown = data[:60].decode("utf-8", "replace")
        raise InvalidMessageError(
            f"The input is not JSON: {error} (got {shown!r}).",
            cause="Usually the shell has taken the quotes.",
            fix=f"Put it in single quotes: --input '{example(spec)}'",
        ) from error
    return data


def _unfit(spec: HandlerSpec, problems: dict[str, str], *, given: bool) -> InvalidMessageError:
    details = "; or as ".join(
        f"{name}: {text}" if len(problems) > 1 else text for name, text in problems.items()
    )
    what = (
        f"The input is no {accepted(spec)}, which {spec.shown} takes: {details}."
        if given
        else f"{spec.shown} takes {accepted(spec)}, and no input is given."
    )
    return InvalidMessageError(what, fix=f"Such as: --input '{example(spec)}'")


def example(spec: HandlerSpec) -> str:
    """Return JSON that shows which fields the workflow's message must have."""
    adapter: TypeAdapter[Any] = next(iter(spec.signature.adapters.values()))
    schema: Schema = adapter.json_schema()
    return json.dumps(_example_of(schema, schema.get("$defs", {})), ensure_ascii=False)


Schema = dict[str, Any]

_PLAIN: dict[str, object] = {"string": "...", "integer": 0, "number": 0.0, "boolean": False}


def _example_of(schema: Schema, known: Schema, depth: int = 0) -> object:
    """Return a value that shows a schema's shape; not always one that it accepts."""
    if depth > _DEPTH_MAX:
        return None
    if "$ref" in schema:
        return _example_of(known[schema["$ref"].rpartition("/")[2]], known, depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    for options in (schema.get("anyOf"), schema.get("oneOf")):
        if options:
            return _example_of(options[0], known, depth + 1)
    if schema.get("type") == "array":
        return [_example_of(schema["items"], known, depth + 1)] if "items" in schema else []
    if schema.get("type") == "object":
        fields: Schema = schema.get("properties", {})
        needed = schema.get("required") or list(fields)[:1]
        return {name: _example_of(fields[name], known, depth + 1) for name in needed}
    return _PLAIN.get(schema.get("type", ""))


_DEPTH_MAX = 8
"""A message may contain itself."""
