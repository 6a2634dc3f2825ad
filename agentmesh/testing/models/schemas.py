"""A value that is valid under a JSON schema, drawn from a given source of chance.

Covers what the OpenAI API accepts in `json_schema` formats and tools, and what
pydantic writes: objects, arrays, enums, constants, `anyOf`/`oneOf`/`allOf`,
`$ref` into the document (recursive too), numbers with bounds and multiples,
strings with lengths, formats and patterns. What it cannot honour (`not`, `if`,
a reference elsewhere, bounds that contradict each other) it refuses.

Theory of operation: descend once. Past a depth, or a number of nodes, the
value is made as small as the schema allows: no optional members, the shortest
arrays, the branch of an `anyOf` that ends soonest. That ends every recursion
that can end, and finds out those that can't.
"""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from agentmesh.testing.models.scalars import (
    CannotGenerateError,
    draw_integer,
    draw_number,
    draw_string,
)

Schema = dict[str, object]

# From here down, and from so many nodes on, the smallest value that is valid.
_DEPTH_SOFT = 4
_NODES_SOFT = 200

# A schema that needs more than this to end does not end.
_DEPTH_HARD = 60

# How often to look for one more element that is not in the array yet.
_UNIQUE_ATTEMPTS = 50

# Say nothing about which values are valid.
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "$defs"})

# How pydantic describes a `Decimal`, of which it accepts any number but few strings.
_DECIMAL = [{"type": "number"}, {"type": "string"}]

_BOUNDS: dict[str, Callable[[float, float], float]] = {
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
}

_REFUSED = ("not", "if", "contains", "dependentSchemas", "unevaluatedProperties")


def generate(
    schema: Mapping[str, object], source: random.Random, words: Sequence[str] = ()
) -> object:
    """Return a JSON value that is valid under the schema.

    Args:
        schema: A JSON schema; references into itself are followed.
        source: Where the choices come from: same state, same value.
        words: Words that free strings are made of, such as those of the question.

    Raises:
        CannotGenerateError: The schema uses a keyword that is not honoured
            here, contradicts itself, or describes only endless values.
    """
    try:
        return _Generator(dict(schema), source, words).value(dict(schema), 0)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        # Keywords are read as what they should be; one that is not, fails where it is used.
        raise CannotGenerateError(f"the schema is malformed ({error})") from error


class _Generator:
    """One descent through one schema."""

    def __init__(self, root: Schema, source: random.Random, words: Sequence[str]) -> None:
        self._root = root
        self._source = source
        self._words = words
        self._nodes = 0

    def value(self, schema: object, depth: int) -> object:
        if depth > _DEPTH_HARD:
            raise CannotGenerateError("the schema describes only endless values")
        self._nodes += 1
        plain = self._flatten(schema, depth)
        for keyword in _REFUSED:
            if keyword in plain:
                raise CannotGenerateError(f"the keyword '{keyword}' is not honoured here")
        if "const" in plain:
            return plain["const"]
        if "enum" in plain:
            options = _list(plain, "enum")
            if not options:
                raise CannotGenerateError("an 'enum' has no member")
            return self._source.choice(options)
        return self._typed(self._type_of(plain), plain, depth)

    def _typed(self, kind: str, schema: Schema, depth: int) -> object:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return draw_string(schema, self._source, self._words)
            case "integer":
                return draw_integer(schema, self._source)
            case "number":
                return draw_number(schema, self._source)
            case "boolean":
                return self._source.random() < 0.5  # noqa: PLR2004 - a fair coin
            case "null":
                return None
        raise CannotGenerateError(f"the type '{kind}' is not one of JSON's")

    def _flatten(self, schema: object, depth: int) -> Schema:
        """Resolve references, `allOf` and one branch of `anyOf`/`oneOf` into one schema."""
        if schema is True:
            return {}
        if not isinstance(schema, dict):
            raise CannotGenerateError(f"a schema must be an object, not {json.dumps(schema)}")
        plain = cast("Schema", schema)
        for _ in range(_DEPTH_HARD):
            plain = dict(plain)
            if "$ref" in plain:
                plain = _merge(self._resolve(str(plain.pop("$ref"))), plain)
            elif "allOf" in plain:
                for part in cast("list[object]", plain.pop("allOf")):
                    plain = _merge(plain, self._flatten(part, depth))
            elif "anyOf" in plain or "oneOf" in plain:
                keyword = "anyOf" if "anyOf" in plain else "oneOf"
                branches = cast("list[object]", plain.pop(keyword))
                plain = _merge(plain, self._branch(branches, depth))
            else:
                return plain
        raise CannotGenerateError("the schema refers to itself without end")

    def _branch(self, branches: list[object], depth: int) -> Schema:
        possible = [branch for branch in branches if branch is not False]
        if not possible:
            raise CannotGenerateError("an 'anyOf' has no branch that allows a value")
        if possible == _DECIMAL:
            chosen: object = possible[0]
        elif self._small(depth):
            chosen = min(possible, key=lambda branch: self._height(branch, ()))
        else:
            chosen = self._source.choice(possible)
        return {} if chosen is True else cast("Schema", chosen)

    def _height(self, schema: object, visiting: tuple[str, ...]) -> float:
        """Return how deep the smallest value is; infinite where it leads back to itself."""
        if not isinstance(schema, dict):
            return 0
        heights: list[float] = [0]
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in visiting:
                return math.inf
            heights.append(self._height(self._resolve(reference), (*visiting, reference)))
        heights += [
            min(self._height(part, visiting) for part in schema[keyword])
            for keyword in ("anyOf", "oneOf")
            if keyword in schema
        ]
        heights += [self._height(part, visiting) for part in schema.get("allOf", [])]
        properties = schema.get("properties", {})
        heights += [
            1 + self._height(properties.get(name), visiting) for name in schema.get("required", [])
        ]
        if schema.get("minItems", 0):
            heights.append(1 + self._height(schema.get("items"), visiting))
        heights += [1 + self._height(part, visiting) for part in schema.get("prefixItems", [])]
        return max(heights)

    def _resolve(self, reference: str) -> Schema:
        if not reference.startswith("#"):
            raise CannotGenerateError(f"the reference '{reference}' leads out of the schema")
        found: object = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise CannotGenerateError(f"the reference '{reference}' leads nowhere")
        return cast("Schema", found)

    def _type_of(self, schema: Schema) -> str:
        declared = schema.get("type")
        if isinstance(declared, list) and declared:
            return str(self._source.choice(declared))
        if isinstance(declared, str):
            return declared
        hints = {"properties": "object", "required": "object", "additionalProperties": "object"}
        hints |= {"items": "array", "prefixItems": "array", "minItems": "array"}
        hints |= {"minimum": "number", "maximum": "number", "multipleOf": "number"}
        return next((kind for keyword, kind in hints.items() if keyword in schema), "string")

    def _small(self, depth: int) -> bool:
        return depth >= _DEPTH_SOFT or self._nodes > _NODES_SOFT

    def _object(self, schema: Schema, depth: int) -> Schema:
        properties = cast("dict[str, object]", schema.get("properties", {}))
        required = _list(schema, "required")
        small = self._small(depth)
        chosen = [
            name
            for name in properties
            if name in required or not (small or self._source.random() < 0.5)  # noqa: PLR2004
        ]
        extra_schema = schema.get("additionalProperties", True)
        made = {name: self.value(properties[name], depth + 1) for name in chosen}
        for name in required:
            if name not in made:
                made[str(name)] = self.value(extra_schema, depth + 1)
        wanted = int(cast("int", schema.get("minProperties", 0)))
        if not properties and isinstance(extra_schema, dict) and not small:
            wanted = max(wanted, 1)
        self._fill(made, wanted, schema, depth)
        return made

    def _fill(self, made: Schema, wanted: int, schema: Schema, depth: int) -> None:
        """Add members until there are as many as the schema asks for."""
        properties = cast("dict[str, object]", schema.get("properties", {}))
        extra_schema = schema.get("additionalProperties", True)
        for name, part in properties.items():
            if len(made) < wanted and name not in made:
                made[name] = self.value(part, depth + 1)
        names = cast("Schema", schema.get("propertyNames", {}))
        for _ in range(_UNIQUE_ATTEMPTS):
            if len(made) >= wanted:
                return
            if extra_schema is False:
                break
            name = str(self.value({"type": "string", "minLength": 1, **names}, depth + 1))
            if name not in properties:
                made.setdefault(name, self.value(extra_schema, depth + 1))
        if len(made) < wanted:
            raise CannotGenerateError(f"an object cannot get its {wanted} members")

    def _array(self, schema: Schema, depth: int) -> list[object]:
        prefix = _list(schema, "prefixItems")
        rest = schema.get("items", True)
        low = int(cast("int", schema.get("minItems", 0)))
        high = int(cast("int", schema.get("maxItems", max(low, len(prefix)) + 2)))
        if low > high:
            raise CannotGenerateError(f"an array of at least {low} and at most {high} items")
        most = low if self._small(depth) else max(low, min(high, max(low, len(prefix)) + 2))
        least = low if self._small(depth) else max(low, min(high, max(1, len(prefix))))
        wanted = self._source.randint(least, most)
        if rest is False:
            wanted = min(wanted, len(prefix))
        made: list[object] = []
        attempts = wanted + _UNIQUE_ATTEMPTS
        while len(made) < wanted and attempts:
            attempts -= 1
            part = prefix[len(made)] if len(made) < len(prefix) else rest
            item = self.value(part, depth + 1)
            if not (schema.get("uniqueItems") and item in made):
                made.append(item)
        if len(made) < low:
            raise CannotGenerateError(f"an array cannot get its {low} different items")
        return made


def _merge(first: Schema, second: Schema) -> Schema:
    """Combine two schemas that both apply."""
    merged = {**first, **second}
    for keyword in first:
        shared = keyword in second and keyword not in _ANNOTATIONS
        if shared and first[keyword] != second[keyword]:
            _combine(merged, keyword, first[keyword], second[keyword])
    return merged


def _combine(merged: Schema, keyword: str, one: object, other: object) -> None:
    """Put into `merged` what a keyword means when two values of it apply."""
    if keyword in _BOUNDS:
        merged[keyword] = _BOUNDS[keyword](cast("float", one), cast("float", other))
    elif isinstance(one, list) and isinstance(other, list) and keyword in {"allOf", "required"}:
        merged[keyword] = one + [item for item in other if item not in one]
    elif keyword in {"anyOf", "oneOf"}:
        del merged[keyword]
        merged["allOf"] = [*_list(merged, "allOf"), {keyword: one}, {keyword: other}]
    elif isinstance(one, list) and isinstance(other, list) and keyword in {"enum", "type"}:
        merged[keyword] = [item for item in one if item in other]
    elif isinstance(one, dict) and isinstance(other, dict) and keyword == "properties":
        shared = {name: {"allOf": [one[name], other[name]]} for name in one if name in other}
        merged[keyword] = {**one, **other, **shared}
    else:
        raise CannotGenerateError(f"two different values of '{keyword}' apply at once")


def _list(schema: Schema, keyword: str) -> list[object]:
    value = schema.get(keyword, [])
    if not isinstance(value, list):
        raise CannotGenerateError(f"the keyword '{keyword}' needs an array")
    return cast("list[object]", value)
