"""Simulated models from a file, in JSON or TOML; both have the same shape.

Every key is optional:

```toml
seed = 7                          # without it, models sample as real ones do
unknown_models = "accept"         # or "refuse": a model that is not listed gets a 404
api_key = "secret"                # refuse requests with another key
default = { echo = true }         # the answer where no rule has one

[latency]                         # a bare number is a fixed time in seconds
first_token = { lognormal = { median_seconds = 0.4, sigma = 0.5 } }
per_token = { uniform = { low_seconds = 0.01, high_seconds = 0.03 } }

[[models]]                        # instead of sim-small, sim-large and sim-embedding
name = "sim-small"
context_tokens_max = 8000

[[models]]
name = "sim-embedding"
kind = "embedding"
dimensions = 64

[[rules]]                         # tried in order; every condition that is set must hold
name = "triage"
model = "sim-*"                   # name or pattern
contains = "refund"               # or: pattern = "order (?P<number>[0-9]+)"
within = "last_user"              # or "last_message", "system", "conversation"
tool = "look_up"                  # a tool that must be offered
answer = { tool_calls = [{ name = "look_up", arguments = { order = 12 } }] }

[[rules]]
contains = "refund"
answer = { choices = [
    { weight = 9, answer = "Your refund is on its way." },
    { weight = 1, answer = { template = "No refund: $last_result" } },
] }

[[rules]]
answer = { rate_limited = { retry_after_seconds = 0.5 } }
occurrence = 1                    # only the first time a request arrives; or [1, 2]
probability = 0.05                # and then only for one request in twenty
endpoint = "any"                  # or "chat", "embeddings"
```

An answer is a text or exactly one of: `text`, `template`, `json`, `tool_calls`, `choices`,
`script` (a list of answers, one for each turn), `refusal`, `echo = true`; or a fault with its
options, as in `{ stall = { limit_seconds = 30 } }`: `rate_limited`, `server_error`,
`error_response`, `stall`, `dropped_connection`, `truncated_stream`, `malformed_body`,
`malformed_output`. `nth = 3` counts the requests that a rule matches; a rule with only a
`latency` slows down what later rules answer. Functions (`Computed`, `where`) are for Python.
"""

import dataclasses
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from agentmesh.errors import UsageError
from agentmesh.testing.models.answers import (
    Answer,
    Echo,
    Json,
    Refusal,
    Sampled,
    Script,
    Template,
    Text,
    ToolCall,
    ToolCalls,
)
from agentmesh.testing.models.chat_request import Region
from agentmesh.testing.models.config import SimulatedModel, SimulatedModels
from agentmesh.testing.models.cursor import Cursor, Problem
from agentmesh.testing.models.faults import (
    DroppedConnection,
    ErrorResponse,
    Fault,
    MalformedBody,
    MalformedOutput,
    RateLimited,
    ServerError,
    Stall,
    TruncatedStream,
)
from agentmesh.testing.models.latency import Distribution, Fixed, Latency, LogNormal, Uniform
from agentmesh.testing.models.rules import Endpoint, Rule

T = TypeVar("T")

_FAULTS: dict[str, type[Fault]] = {
    "error_response": ErrorResponse,
    "rate_limited": RateLimited,
    "server_error": ServerError,
    "stall": Stall,
    "dropped_connection": DroppedConnection,
    "truncated_stream": TruncatedStream,
    "malformed_body": MalformedBody,
    "malformed_output": MalformedOutput,
}

_FIX = "See the documentation of the file format in agentmesh.testing.models.rules_file."


def load_rules(path: str | Path) -> SimulatedModels:
    """Read a rules file; its ending, `.json` or `.toml`, says which format it has.

    Raises:
        UsageError: The file can't be read, or says something that can't work:
            the message names the place in it.
    """
    path = Path(path)
    document = _document(path)

    def fail(problem: Problem) -> UsageError:
        what = f"In the rules file {path}: {problem.message}"
        return UsageError(what, fix=_FIX, where=problem.where)

    return _config(Cursor(document, fail))


def _document(path: Path) -> object:
    readers: dict[str, Callable[[str], object]] = {".json": json.loads, ".toml": tomllib.loads}
    reader = readers.get(path.suffix.casefold())
    if reader is None:
        what = f"The rules file {path} ends in neither .json nor .toml."
        raise UsageError(what, fix="Give it the ending of its format.")
    try:
        return reader(path.read_text(encoding="utf-8"))
    except OSError as error:
        fix = "Check the path; relative ones start at the current directory."
        raise UsageError(f"The rules file {path} can't be read ({error}).", fix=fix) from error
    except (ValueError, RecursionError) as error:  # both formats' syntax errors, and bad UTF-8
        kind = path.suffix[1:].upper()
        what = f"The rules file {path} is not valid {kind}: {error}."
        raise UsageError(what, fix="Correct it at the place named.") from error


def _config(root: Cursor) -> SimulatedModels:
    root.only({"seed", "unknown_models", "api_key", "default", "latency", "models", "rules"})
    policies: tuple[Literal["accept"], Literal["refuse"]] = ("accept", "refuse")
    given = _given(
        root,
        seed=Cursor.integer,
        unknown_models=lambda at: at.option(policies),
        api_key=Cursor.text,
        default=_answer,
        latency=_latency,
        models=lambda at: tuple(_model(item) for item in at.items()),
        rules=lambda at: tuple(_rule(item) for item in at.items()),
    )
    return _make(root, SimulatedModels, given)


def _model(item: Cursor) -> SimulatedModel:
    item.only({"name", "kind", "latency", "context_tokens_max", "dimensions"})
    item.need("name")
    kinds: tuple[Literal["chat"], Literal["embedding"]] = ("chat", "embedding")
    given = _given(
        item,
        name=Cursor.text,
        kind=lambda at: at.option(kinds),
        latency=_latency,
        context_tokens_max=Cursor.integer,
        dimensions=Cursor.integer,
    )
    return _make(item, SimulatedModel, given)


def _rule(item: Cursor) -> Rule:
    item.only({field.name for field in dataclasses.fields(Rule)} - {"where"})
    regions: tuple[Region, ...] = get_args(Region)
    endpoints: tuple[Endpoint, ...] = get_args(Endpoint)
    given = _given(
        item,
        answer=_answer,
        name=Cursor.text,
        model=Cursor.text,
        endpoint=lambda at: at.option(endpoints),
        contains=Cursor.text,
        pattern=Cursor.text,
        within=lambda at: at.option(regions),
        tool=Cursor.text,
        nth=_counts,
        occurrence=_counts,
        probability=Cursor.number,
        latency=_latency,
    )
    return _make(item, Rule, given)


def _counts(at: Cursor) -> tuple[int, ...]:
    if isinstance(at.value, list):
        return tuple(item.integer(1) for item in at.items())
    return (at.integer(1),)


def _answer(at: Cursor) -> Answer:
    if isinstance(at.value, str):
        return Text(at.value)
    kinds: dict[str, Callable[[Cursor], Answer]] = {
        "text": lambda inner: Text(inner.text()),
        "template": lambda inner: Template(inner.text()),
        "json": lambda inner: Json(inner.value),
        "tool_calls": lambda inner: ToolCalls(*(_tool_call(item) for item in inner.items())),
        "choices": lambda inner: Sampled(*(_choice(item) for item in inner.items())),
        "script": lambda inner: Script(*(_answer(item) for item in inner.items())),
        "refusal": lambda inner: Refusal(inner.text()),
        "echo": lambda _: Echo(),
        **{name: _fault_reader(cls) for name, cls in _FAULTS.items()},
    }
    at.only(kinds)
    if len(at.members()) != 1:
        named = ", ".join(at.members()) or "none"
        raise at.wrong(f"an answer is exactly one of {', '.join(kinds)}; this has {named}.")
    (name,) = at.members()
    inner = Cursor(at.members()[name], at.fail, f"{at.where}.{name}")
    return _guarded(inner, lambda: kinds[name](inner))


def _tool_call(item: Cursor) -> ToolCall:
    if isinstance(item.value, str):
        return ToolCall(item.value)
    item.only({"name", "arguments"})
    arguments = item.at("arguments")
    if arguments is None:
        return ToolCall(item.need("name").text())
    given = arguments.value if isinstance(arguments.value, str) else arguments.members()
    return ToolCall(item.need("name").text(), given)


def _choice(item: Cursor) -> tuple[float, Answer]:
    item.only({"weight", "answer"})
    weight = item.at("weight")
    return (1.0 if weight is None else weight.number(0)), _answer(item.need("answer"))


def _fault_reader(cls: type[Fault]) -> Callable[[Cursor], Answer]:
    def read(at: Cursor) -> Answer:
        if at.value is True:  # { stall = true } for the fault with its defaults
            return cls()
        return cast("Fault", _make(at, cls, _options(at, cls)))

    return read


def _options(at: Cursor, cls: type) -> dict[str, object]:
    """Read the fields of a flat dataclass: each a number, an integer or a string."""
    types = {field.name: field.type for field in dataclasses.fields(cls)}
    at.only(types)
    readers: dict[object, Callable[[Cursor], object]] = {
        int: Cursor.integer,
        float: Cursor.number,
        float | None: Cursor.number,
    }
    return {name: readers.get(types[name], Cursor.text)(at.need(name)) for name in at.members()}


def _latency(at: Cursor) -> Latency:
    at.only({"first_token", "per_token"})
    given = _given(at, first_token=_distribution, per_token=_distribution)
    return _make(at, Latency, given)


def _distribution(at: Cursor) -> Distribution:
    if isinstance(at.value, int | float):
        return _guarded(at, lambda: Fixed(seconds=at.number()))
    kinds: dict[str, type[Distribution]] = {
        "fixed": Fixed,
        "uniform": Uniform,
        "lognormal": LogNormal,
    }
    at.only(kinds)
    if len(at.members()) != 1:
        raise at.wrong("give a number of seconds, or exactly one of fixed, uniform, lognormal.")
    (name,) = at.members()
    inner = at.need(name)
    return cast("Distribution", _make(inner, kinds[name], _options(inner, kinds[name])))


def _given(at: Cursor, **readers: Callable[[Cursor], object]) -> dict[str, object]:
    """Read the members that are there; the rest keep their defaults."""
    return {
        name: read(found) for name, read in readers.items() if (found := at.at(name)) is not None
    }


def _make(at: Cursor, cls: Callable[..., T], given: dict[str, object]) -> T:
    return _guarded(at, lambda: cls(**given))


def _guarded(at: Cursor, make: Callable[[], T]) -> T:
    """Say where in the file it was that a value was refused."""
    try:
        return make()
    except UsageError as error:
        if error.fields.get("where") is not None:  # it says so already
            raise
        problem = str(error)
    except TypeError as error:  # an option is missing without which the thing can't be made
        problem = f"{error}."
    if at.where:
        raise at.wrong(problem)
    raise at.fail(Problem(where="", message=problem, code="invalid_value"))
