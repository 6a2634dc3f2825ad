"""What is written can be read back: aliases, secrets, odd numbers, types by name."""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    ValidationError,
    computed_field,
)

from agentmesh.sdk import message
from agentmesh.sdk.message import Message


class Colour(enum.Enum):
    """A choice."""

    RED = "am-secret:red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True)
class Login:
    """A plain class with a secret."""

    user: str
    password: SecretStr


class Inner(BaseModel):
    """A model with other names for the outside."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)

    kind: str = Field(alias="type")
    given: int = Field(default=0, validation_alias="in", serialization_alias="out")


class Everything(Message):
    """One field of many kinds."""

    text: str = ""
    secret: SecretStr = SecretStr("")
    code: SecretBytes = SecretBytes(b"")
    colour: Colour = Colour.BLUE
    number: float = 0.0
    price: decimal.Decimal = decimal.Decimal("1.50")
    when: datetime.datetime = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    days: dict[datetime.date, int] = Field(default_factory=dict)
    by_number: dict[int, str] = Field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    tags: frozenset[str] = frozenset()
    who: uuid.UUID = uuid.UUID(int=0)
    login: Login | None = None
    inner: Inner = Inner(type="t")
    secrets: list[SecretStr] = Field(default_factory=list)
    from_: str = Field(default="", alias="from")

    @computed_field
    def length(self) -> int:
        """Follow from the text."""
        return len(self.text)


ADAPTER = TypeAdapter(Everything)
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=12) | st.sampled_from(
    ["am-secret:", "am-secret:am-secret:x", "**********", "\ud800", '"am-secret:x', "\\ud800"]
)


def there_and_back(value: Everything) -> Everything:
    return message.decode(message.encode(value), ADAPTER)


@given(
    st.builds(
        Everything,
        text=TEXTS,
        secret=TEXTS.map(SecretStr),
        code=st.text(max_size=5).filter(str.isprintable).map(str.encode).map(SecretBytes),
        colour=st.sampled_from(Colour),
        number=st.floats(allow_nan=False),
        price=st.decimals(allow_nan=False, allow_infinity=False),
        days=st.dictionaries(st.dates(), st.integers(), max_size=2),
        by_number=st.dictionaries(st.integers(), TEXTS, max_size=2),
        pair=st.tuples(st.integers(), TEXTS),
        tags=st.frozensets(TEXTS, max_size=3),
        who=st.uuids(),
        login=st.none() | st.builds(Login, user=TEXTS, password=TEXTS.map(SecretStr)),
        secrets=st.lists(TEXTS.map(SecretStr), max_size=3),
    )
)
def test_any_message_survives_the_wire(value: Everything) -> None:
    """Whatever texts, secrets and numbers are in it; and it is JSON, whoever reads it."""
    data = message.encode(value)

    assert there_and_back(value) == value
    json.loads(data, parse_constant=pytest.fail)


def test_messages_travel_by_field_name() -> None:
    """Aliases are for the outside; what follows from other fields is not sent."""
    value = Everything.model_validate({"from": "ada", "inner": {"type": "t", "in": 3}})
    sent = json.loads(message.encode(value))

    assert sent["from_"] == "ada"
    assert sent["inner"] == {"kind": "t", "given": 3}
    assert "length" not in sent
    assert there_and_back(value) == value


def test_people_may_write_messages_by_alias() -> None:
    """On the command line, say."""
    value = message.decode(b'{"from": "ada", "inner": {"type": "t", "in": 3}}', ADAPTER)

    assert (value.from_, value.inner.given) == ("ada", 3)


def test_a_text_that_starts_like_a_secret_arrives_as_it_is() -> None:
    """And so does a secret that starts like one."""
    value = Everything(text="am-secret:no", secret=SecretStr("am-secret:yes"), colour=Colour.RED)
    sent = json.loads(message.encode(value))

    assert sent["text"] == "am-secret:am-secret:no"
    assert sent["secret"] == "am-secret:am-secret:yes"
    assert there_and_back(value) == value


def test_secrets_are_marked_wherever_they_are() -> None:
    """In lists, in plain classes, and among values that have no type."""
    hidden = SecretStr("hush")
    plain: dict[str, Any] = {
        "here": hidden,
        "list": [hidden],
        "class": Login(user="a", password=hidden),
        "model": Everything(secret=hidden),
    }
    data = message.encode(plain)

    assert data.count(b'"am-secret:hush"') == 4
    assert b"**********" not in data.replace(b'"code":"', b"")


def test_numbers_that_json_has_no_word_for_travel_as_text() -> None:
    """Infinity and its like, alone or beside a secret."""
    for secret in ("", "x"):
        value = Everything(number=math.inf, secret=SecretStr(secret))
        assert json.loads(message.encode(value))["number"] == "Infinity"
        assert there_and_back(value) == value
    assert math.isnan(there_and_back(Everything(number=math.nan)).number)


def test_json_that_is_none_is_refused_as_such() -> None:
    """A journal was edited by hand, say."""
    with pytest.raises(ValueError, match="Expecting value"):
        message.decode(b'{"text": }', ADAPTER)
    with pytest.raises(ValidationError, match="extra_forbidden"):
        message.decode(b'{"txet": "am-secret:x"}', ADAPTER)


def test_what_json_can_not_express_is_refused_or_replaced() -> None:
    """In a message it is an error; in a log line, its type will do."""
    with pytest.raises(ValueError, match="serialize"):
        message.encode({"lock": object()})
    assert message.encode({"lock": object()}, fallback=lambda each: f"<{type(each).__name__}>") == (
        b'{"lock":"<object>"}'
    )


def test_long_problems_are_shortened() -> None:
    """Five fields, each in a few words."""

    class Many(Message):
        values: list[int]

    with pytest.raises(ValidationError) as caught:
        Many.model_validate({"values": ["x" * 500] * 9})
    text = message.problems(caught.value)

    assert text.count("values.") == 5
    assert text.endswith("; and 4 more")
    assert len(text) < 900
