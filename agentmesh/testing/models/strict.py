"""The rules of OpenAI's strict mode for schemas, checked as the API checks them.

With `strict: true` the real API refuses a schema in which an object is open or
has optional members. A program that only ever met the simulator would find
that out on its first day with a real model; so the simulator refuses it too,
in the same words.
"""

from collections.abc import Mapping
from typing import cast


def strict_problem(schema: object, path: tuple[str, ...] = ()) -> str | None:
    """Return what strict mode would refuse about a schema, or None.

    Args:
        schema: The JSON schema of a response format or of a tool's parameters.
        path: Where in the document the schema stands.
    """
    if not isinstance(schema, Mapping):
        return None
    found = _object_problem(cast("Mapping[str, object]", schema), path)
    if found:
        return found
    for keyword in ("properties", "$defs", "definitions"):
        for name, part in _members(schema.get(keyword)):
            found = found or strict_problem(part, (*path, keyword, name))
    for keyword in ("anyOf", "allOf", "oneOf", "prefixItems"):
        parts = schema.get(keyword)
        for index, part in enumerate(parts if isinstance(parts, list) else []):
            found = found or strict_problem(part, (*path, keyword, str(index)))
    return found or strict_problem(schema.get("items"), (*path, "items"))


def _object_problem(schema: Mapping[str, object], path: tuple[str, ...]) -> str | None:
    if schema.get("type") != "object" and "properties" not in schema:
        return None
    if schema.get("additionalProperties") is not False:
        return (
            f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        )
    properties = [name for name, _ in _members(schema.get("properties"))]
    required = schema.get("required")
    missing = [
        name for name in properties if not isinstance(required, list) or name not in required
    ]
    if missing:
        return (
            f"In context={path}, 'required' is required to be supplied and to be an array "
            f"including every key in properties. Missing '{missing[0]}'."
        )
    return None


def _members(value: object) -> list[tuple[str, object]]:
    return list(cast("Mapping[str, object]", value).items()) if isinstance(value, Mapping) else []
