"""Strings and bytes that are no valid UTF-8 come back as they were."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.journal import strings

any_text = st.text(st.characters(codec=None), max_size=20)


def joined(text: str) -> str:
    """Return a text as JSON has it: halves of a character that meet become that character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@given(any_text)
def test_any_text_survives_json(text: str) -> None:
    """A model's answer was cut within a character."""
    data = strings.dumps({"text": text})

    assert strings.loads(data) == {"text": joined(text)}
    assert strings.dumps(strings.loads(data)) == data


@given(any_text)
def test_json_of_any_text_is_utf8_that_the_standard_library_reads(text: str) -> None:
    """Other programs read a journal's payloads."""
    assert json.loads(strings.dumps([text]).decode("utf-8")) == [joined(text)]


def test_ordinary_text_stays_readable() -> None:
    """Nobody wants to read escapes where there need be none."""
    assert strings.dumps({"text": "grün 😀"}) == '{"text":"grün 😀"}'.encode()


def test_a_lone_surrogate_becomes_an_escape() -> None:
    """The rule, by example."""
    assert strings.dumps("a\ud800b") == b'"a\\ud800b"'


@given(st.binary(max_size=50))
def test_any_bytes_survive_as_text_in_json(data: bytes) -> None:
    """A tool returned a file that is not UTF-8."""
    text = strings.loads(strings.dumps(strings.bytes_to_text(data)))

    assert strings.text_to_bytes(text) == data


@given(any_text)
def test_an_escaped_string_is_utf8_and_comes_back(text: str) -> None:
    """A record's strings must be UTF-8."""
    escaped = strings.escape(text)

    assert escaped.encode("utf-8").decode() == escaped
    assert strings.unescape(escaped) == text


@given(any_text, any_text)
def test_different_strings_escape_differently(one: str, other: str) -> None:
    """Agents are told apart by their escaped addresses in a table."""
    assert (strings.escape(one) == strings.escape(other)) == (one == other)


@given(any_text)
def test_readable_text_is_always_utf8(text: str) -> None:
    """A terminal that takes UTF-8 shows it."""
    assert strings.readable(text).encode("utf-8").decode() == strings.readable(text)


def test_what_is_no_json_is_refused() -> None:
    """A set has no order, so it has no JSON."""
    with pytest.raises(TypeError):
        strings.dumps({1, 2})


@given(st.recursive(any_text, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_strings_are_changed_at_any_depth(value: object) -> None:
    """A record has strings in lists in lists."""
    changed = strings.map_strings(value, strings.escape)

    assert strings.map_strings(changed, strings.unescape) == value
