"""An agent's state: its annotated attributes, copied for each instance, stored as JSON."""

import dataclasses
import datetime
import json
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr

from agentmesh.errors import DefinitionError, StateError
from agentmesh.sdk.agent import agent, agent_type_of, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.state import StateSchema


class Ping(Message):
    """Nothing in it."""


@dataclasses.dataclass
class Point:
    """A plain class."""

    x: int = 0


class Basket(BaseModel):
    """A model with an alias for the outside."""

    owner: str = Field(default="", alias="of")
    items: list[str] = Field(default_factory=list)


@agent
class Base:
    """Can be extended."""

    limit: ClassVar[int] = 3
    asked: int = 0
    names: list[str] = []  # noqa: RUF012
    point: Point = Point()
    basket: Basket = Basket()
    made: datetime.datetime = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    _hidden: int = 1
    drawn: list[int] = Field(default_factory=lambda: [1])
    counted: list[int] = dataclasses.field(default_factory=lambda: [2])

    @handler
    async def ping(self, ping: Ping) -> None:
        """Do nothing."""


@agent
class Child(Base):
    """Has more."""

    more: str = "x"


@agent
class Needy:
    """Must be spawned with a value."""

    name: str
    secret: SecretStr = SecretStr("")

    @handler
    async def ping(self, ping: Ping) -> None:
        """Do nothing."""


def schema_of(cls: type) -> StateSchema:
    schema = agent_type_of(cls).state
    assert schema is not None
    return schema


def made(cls: type, state: bytes = b"") -> Any:
    return schema_of(cls).create(cls, state)


def test_each_instance_gets_its_own_copy_of_the_defaults() -> None:
    """Lists, plain classes and models are not shared; factories run for each."""
    one, other = made(Base), made(Base)
    one.names.append("a")
    one.point.x = 5
    one.basket.items.append("b")
    one.drawn.append(9)
    one.counted.append(9)

    assert (other.names, other.point.x, other.basket.items) == ([], 0, [])
    assert (other.drawn, other.counted) == ([1], [2])
    assert (Base.names, Base.point.x) == ([], 0)


def test_state_survives_a_round_trip() -> None:
    """Also a nested alias, and a name that starts with an underscore."""
    before = made(Base)
    before.asked, before._hidden, before.names = 7, 8, ["x"]
    before.basket = Basket(of="ada")
    stored = schema_of(Base).dump(before)
    after = made(Base, stored)

    assert json.loads(stored)["basket"] == {"owner": "ada", "items": []}
    assert vars(after) == vars(before)
    assert "limit" not in json.loads(stored)


def test_some_values_may_be_given_and_the_others_are_defaults() -> None:
    """As by `spawn`."""
    assert vars(made(Base, b'{"asked": 3}')) == {**vars(made(Base)), "asked": 3}


def test_secrets_in_state_are_marked_and_come_back() -> None:
    """The journal knows the mark."""
    stored = schema_of(Needy).encode({"name": "n", "secret": SecretStr("hush")})

    assert b'"am-secret:hush"' in stored
    assert made(Needy, stored).secret.get_secret_value() == "hush"


def test_a_value_that_nobody_gave_is_named() -> None:
    """With both ways out."""
    with pytest.raises(StateError, match=r"name: Field required") as caught:
        made(Needy)
    assert "am.spawn(Needy, key, ...)" in str(caught.value)
    with pytest.raises(StateError, match=r"nmae: Extra inputs"):
        made(Needy, b'{"nmae": "n"}')


def test_a_value_of_another_type_is_refused_when_it_is_stored() -> None:
    """Which attribute, and what its annotation says."""
    instance = made(Base)
    instance.names = 3
    with pytest.raises(StateError, match=r"Base\.names can't be stored") as caught:
        schema_of(Base).dump(instance)
    assert "list[str]" in str(caught.value)


def test_undeclared_attributes_are_refused_also_outside_a_run() -> None:
    """A unit test makes an instance itself."""
    with pytest.raises(StateError, match=r"Base\.other is not declared"):
        Base().other = 1  # type: ignore[attr-defined]
    with pytest.raises(StateError, match=r"Base\.limit is not declared"):
        Base().limit = 4  # type: ignore[misc]


def test_an_agent_may_extend_another() -> None:
    """It has both states and both handlers, and the base keeps its own."""
    child = made(Child, b'{"more": "y", "asked": 2}')
    child.more = "z"
    child.asked = 3

    assert (child.more, child.asked) == ("z", 3)
    assert list(agent_type_of(Child).handlers) == ["ping"]
    with pytest.raises(StateError, match=r"Base\.more is not declared"):
        made(Base).more = "no"
    with pytest.raises(StateError, match=r"Child\.other is not declared"):
        child.other = 1


def test_a_class_that_only_inherits_from_an_agent_is_none() -> None:
    """Its own attributes would be no state."""

    class Plain(Base):
        pass

    with pytest.raises(DefinitionError, match="'Plain' is not an agent"):
        agent_type_of(Plain)


def test_a_slot_is_no_default() -> None:
    """It is where the value will be."""

    @agent
    class Slotted:
        __slots__ = ("asked",)
        asked: int

        @handler
        async def ping(self, ping: Ping) -> None: ...

    assert made(Slotted, b'{"asked": 4}').asked == 4


def test_a_number_that_is_not_itself_may_be_a_default() -> None:
    """NaN differs from NaN, and is stored all the same."""

    @agent
    class Odd:
        worst: float = float("inf")
        unknown: float = float("nan")

        @handler
        async def ping(self, ping: Ping) -> None: ...

    stored = schema_of(Odd).dump(made(Odd))
    assert json.loads(stored) == {"worst": "Infinity", "unknown": "NaN"}
    assert made(Odd, stored).worst == float("inf")
