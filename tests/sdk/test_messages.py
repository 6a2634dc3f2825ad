"""Messages and values as the JSON that travels."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

import agentmesh as am
from agentmesh.sdk import message


class Note(am.Message):
    """A text and more."""

    text: str
    tags: frozenset[str] = frozenset()


class Login(am.Message):
    """Has a secret."""

    user: str
    password: SecretStr


def there_and_back(value: am.Message) -> am.Message:
    """Encode and decode."""
    adapter: TypeAdapter[am.Message] = TypeAdapter(type(value))
    return message.decode(message.encode(value), adapter)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_any_text_survives_also_lone_surrogates(text: str) -> None:
    """Models write them now and then; pydantic alone refuses them."""
    note = Note(text=text)

    assert there_and_back(note) == note


def test_lone_surrogates_are_ascii_escapes_in_valid_json() -> None:
    """What is stored is valid UTF-8 and valid JSON."""
    data = message.encode(Note(text="\ud800"))

    assert data.isascii()
    assert json.loads(data)["text"] == "\ud800"


def test_a_secret_reaches_its_receiver_and_is_marked_for_the_journal() -> None:
    """The mark is what redaction looks for."""
    login = Login(user="ada", password=SecretStr("lovelace"))

    data = message.encode(login)

    assert b'"am-secret:lovelace"' in data
    assert there_and_back(login) == login


def test_a_text_that_looks_like_a_hidden_secret_stays_what_it_is() -> None:
    """Ten asterisks are a text too."""
    note = Note(text="**********")

    assert there_and_back(note) == note


def test_messages_are_frozen_and_refuse_unknown_fields() -> None:
    """A typo in a field must not be lost silently."""
    with pytest.raises(ValidationError):
        Note(text="x", txet="y")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Note(text="x").text = "y"


def test_problems_name_fields_and_values_in_one_line() -> None:
    """What people read in an error."""
    with pytest.raises(ValidationError) as caught:
        Note.model_validate({"tags": 3})

    text = message.problems(caught.value)
    assert "text: Field required" in text
    assert "tags: " in text
    assert "(got 3)" in text
