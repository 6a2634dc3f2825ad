"""Answers in the form of a pydantic model: the schema a provider is given, and the check.

Providers that keep to a schema ("strict") know only a part of JSON schema: every
object closed, every property required. Where a model can be said so, it is;
elsewhere the schema is a strong hint and the check decides.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from agentmesh.errors import UsageError
from agentmesh.sdk import message

M = TypeVar("M", bound=BaseModel)

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_UNKNOWN_TO_STRICT = frozenset({"prefixItems", "patternProperties", "not", "if", "oneOf"})


def response_format(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a chat completion takes as `response_format`.

    Raises:
        UsageError: `model` is no pydantic model.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise UsageError(
            f"response_model is {model!r}, which is no pydantic model.",
            cause="Providers take the schema of an object, with named fields.",
            fix="Write `class Answer(am.Message): ...` with the fields you want.",
        )
    schema = model.model_json_schema()
    try:
        schema, strict = _strict(schema), True
    except _NotStrictError:
        strict = False
    name = _NAME.sub("_", model.__name__)[:64]
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": schema, "strict": strict},
    }


def parse(text: str, model: type[M]) -> M:
    """Read an answer; a fence of Markdown around it does no harm.

    Raises:
        pydantic.ValidationError: It does not fit.
    """
    fenced = _FENCED.fullmatch(text)
    data = (fenced[1] if fenced else text).encode("utf-8", "surrogatepass")
    return message.decode(data, TypeAdapter(model))


def problems(error: ValidationError | ValueError) -> str:
    """Say what is wrong with an answer, for the model that is to correct it."""
    return message.problems(error) if isinstance(error, ValidationError) else str(error)


class _NotStrictError(Exception):
    """The schema says something that strict providers do not know."""


def _strict(schema: Any) -> Any:
    """Close every object and require every property."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if not _UNKNOWN_TO_STRICT.isdisjoint(schema):
        raise _NotStrictError
    made = {key: value for key, value in schema.items() if key not in ("default", "title")}
    if "$ref" in made:
        return {"$ref": made["$ref"]}  # nothing may stand beside it
    for key in ("items", "anyOf", "allOf"):
        if key in made:
            made[key] = _strict(made[key])
    for key in ("properties", "$defs"):
        if key in made:
            made[key] = {name: _strict(each) for name, each in made[key].items()}
    if made.get("type") == "object":
        if made.get("additionalProperties", False) is not False or not made.get("properties"):
            raise _NotStrictError  # a mapping with keys of its own choice
        made |= {"additionalProperties": False, "required": list(made["properties"])}
    elif _KINDS.isdisjoint(made):
        raise _NotStrictError  # anything goes
    return made


_KINDS = frozenset({"type", "anyOf", "allOf", "enum", "const", "$defs"})
