"""Every value drawn from a schema is valid under it; what can't be drawn is refused."""

import datetime
import decimal
import enum
import random
import uuid
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from agentmesh.testing.models.scalars import CannotGenerateError
from agentmesh.testing.models.schemas import generate

Schema = dict[str, Any]

SEEDS = st.integers(min_value=0, max_value=2**32)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []
    parent: "Tree | None" = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Ge(1), Le(9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: Annotated[list[str], Len(1, 3)]


class Everything(BaseModel):
    flag: bool
    colour: Colour
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    pair: tuple[int, str]
    labels: dict[str, int]
    some: set[Literal["a", "b", "c"]]
    share: Annotated[float, Gt(0), Lt(1)]
    price: Annotated[float, MultipleOf(0.05), Ge(0.1)]
    even: Annotated[int, MultipleOf(2), Gt(10), Lt(20)]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{3,5}(x|yz)?$")]
    short: Annotated[str, Len(3, 5)]
    when: datetime.datetime
    day: datetime.date
    ident: uuid.UUID
    amount: decimal.Decimal
    maybe: int | None
    tree: Tree


@settings(max_examples=40)
@given(SEEDS, st.lists(st.text(alphabet="abc é", min_size=1).filter(str.strip), max_size=5))
def test_pydantic_accepts_what_is_drawn_from_its_schema(seed: int, words: list[str]) -> None:
    """The schema pydantic writes, and its own validation of the value."""
    schema = TypeAdapter(Everything).json_schema()
    value = generate(schema, random.Random(seed), words)

    Everything.model_validate(value)
    jsonschema.validate(value, schema)


def scalar_schemas() -> st.SearchStrategy[Schema]:
    """Schemas of leaves, with bounds that allow a value."""
    integers = st.tuples(st.integers(-1000, 1000), st.integers(0, 500)).map(
        lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}
    )
    numbers = st.tuples(st.floats(-1e6, 1e6), st.floats(0.001, 1e6)).map(
        lambda pair: {
            "type": "number",
            "exclusiveMinimum": pair[0],
            "maximum": pair[0] + pair[1],
        }
    )
    strings = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(
        lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[0] + pair[1]}
    )
    enums = st.lists(st.integers() | st.text() | st.none(), min_size=1).map(
        lambda members: {"enum": members}
    )
    plain: st.SearchStrategy[Schema] = st.sampled_from(
        [{"type": "boolean"}, {"type": ["string", "null"]}, {"type": "number"}, {}]
    )
    return integers | numbers | strings | enums | plain


def schemas() -> st.SearchStrategy[Schema]:
    """Schemas of any shape, a few levels deep."""

    def larger(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
        names = st.sampled_from(["a", "b", "c", "d"])
        objects = st.dictionaries(names, inner, max_size=4).flatmap(
            lambda properties: st.lists(
                st.sampled_from(sorted(properties) or ["z"]), unique=True
            ).map(
                lambda required: {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": not properties,
                }
            )
        )
        arrays = st.tuples(inner, st.integers(0, 3), st.integers(0, 3)).map(
            lambda parts: {
                "type": "array",
                "items": parts[0],
                "minItems": parts[1],
                "maxItems": parts[1] + parts[2],
            }
        )
        unions = st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts})
        return objects | arrays | unions

    return st.recursive(scalar_schemas(), larger, max_leaves=8)


@given(schemas(), SEEDS)
@example({"type": "array", "items": {"enum": [1]}, "minItems": 2, "maxItems": 3}, 0)
def test_a_value_drawn_from_any_schema_is_valid_under_it(schema: Schema, seed: int) -> None:
    """An independent validator is the judge."""
    jsonschema.validate(generate(schema, random.Random(seed)), schema)


@given(schemas(), SEEDS)
def test_the_same_source_draws_the_same_value(schema: Schema, seed: int) -> None:
    """Nothing else than the source decides."""
    assert generate(schema, random.Random(seed)) == generate(schema, random.Random(seed))


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 3, "minimum": 1}]},
        {"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]},
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"a": {"minimum": 5}, "b": {"const": 1}}, "required": ["b"]},
            ]
        },
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": "found"}}},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {"type": "array", "uniqueItems": True, "items": {"type": "boolean"}, "minItems": 2},
        {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False},
        {"type": "number", "multipleOf": 0.01, "minimum": 0.07, "maximum": 0.08},
        {"type": "number", "minimum": -1e308, "maximum": 1e308},
        {"type": "string", "pattern": "^(?=.*[0-9])[a-z0-9]{4}$"},
        {"type": "string", "pattern": r"^\w+@\w+\.(com|org)$", "maxLength": 20},
        {"type": "string", "pattern": r"[^a-z\s]\x41A\.\[[-a]"},
    ],
)
def test_keywords_that_work_together_are_all_honoured(schema: Schema) -> None:
    """Twenty draws each, so that a lucky one does not pass for a rule."""
    for seed in range(20):
        jsonschema.validate(generate(schema, random.Random(seed)), schema)


@pytest.mark.parametrize(
    "name", ["date", "date-time", "time", "duration", "email", "ipv4", "ipv6", "uri", "uuid"]
)
def test_formats_are_written_as_they_should_be(name: str) -> None:
    """Read back by pydantic, which knows each of them."""
    types: dict[str, Any] = {
        "date": datetime.date,
        "date-time": datetime.datetime,
        "time": datetime.time,
        "duration": datetime.timedelta,
        "uuid": uuid.UUID,
    }
    text = generate({"type": "string", "format": name}, random.Random(1))

    assert isinstance(text, str)
    TypeAdapter(types.get(name, str)).validate_python(text)


def test_a_recursive_type_comes_to_an_end() -> None:
    """However the choices fall; and some trees do have children."""
    schema = Tree.model_json_schema()
    trees = [Tree.model_validate(generate(schema, random.Random(seed))) for seed in range(100)]

    assert any(tree.children for tree in trees)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"not": {}}, "'not' is not honoured"),
        ({"enum": []}, "no member"),
        ({"anyOf": []}, "no branch"),
        ({"type": "colour"}, "'colour' is not one of JSON's"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no integer lies between"),
        ({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1}, "no number"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "no string"),
        ({"type": "string", "format": "uuid", "maxLength": 5}, "cannot have"),
        ({"type": "string", "pattern": "("}, "not a regular expression"),
        ({"type": "string", "pattern": "^a$", "minLength": 9}, "no sample"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "at least 3 and at most 2"),
        (
            {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "boolean"}},
            "3 different items",
        ),
        ({"type": "object", "minProperties": 2, "additionalProperties": False}, "2 members"),
        ({"$ref": "https://example.com/x"}, "leads out of the schema"),
        ({"$ref": "#/$defs/missing"}, "leads nowhere"),
        ({"$ref": "#"}, "refers to itself without end"),
        (
            {
                "type": "object",
                "properties": {"next": {"$ref": "#"}},
                "required": ["next"],
            },
            "only endless values",
        ),
        ({"allOf": [{"const": 1}, {"const": 2}]}, "two different values of 'const'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(schema: Schema, reason: str) -> None:
    """A wrong value would send people looking in the wrong place."""
    with pytest.raises(CannotGenerateError, match=reason):
        generate(schema, random.Random(0))


def test_free_strings_are_made_of_the_words_given() -> None:
    """Simulated arguments then look like what was asked."""
    text = generate({"type": "string"}, random.Random(3), ["Oslo", "today"])

    assert isinstance(text, str)
    assert set(text.split()) <= {"Oslo", "today"}
