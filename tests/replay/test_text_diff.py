"""What changed between two values, as a person reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.replay.compare import pointer, pointers, value_at
from agentmesh.replay.text_diff import ABSENT, by_words, same_parts, shown_difference


def test_a_long_line_is_shown_around_the_change() -> None:
    """A prompt of a thousand words, of which one is another."""
    before, after = " ".join(["word"] * 500), " ".join(["more"] * 500)

    shown = by_words(f"{before} three {after}", f"{before} four {after}")

    assert "word [-three-]{+four+} more" in shown
    assert len(shown) < 150


def test_many_lines_are_shown_as_lines() -> None:
    """Two around each change, and no more."""
    before = [f"line {number}" for number in range(50)]
    after = [*before[:20], "another line", *before[21:]]

    shown = shown_difference("\n".join(before), "\n".join(after))

    assert shown == [" line 18", " line 19", "-line 20", "+another line", " line 21", " line 22"]


@pytest.mark.parametrize(
    ("recorded", "replayed", "shown"),
    [
        (3, 4, "3 -> 4"),
        (ABSENT, {"a": 1}, '+ {"a": 1}'),
        ([1], ABSENT, "- [1]"),
        ("a b", "a c", "a [-b-]{+c+}"),
    ],
)
def test_values_are_told_by_their_sort(recorded: object, replayed: object, shown: str) -> None:
    """Numbers by both, what is gone or new by a sign, texts by their words."""
    assert shown_difference(recorded, replayed) == [shown]


@given(one=st.text(max_size=80), other=st.text(max_size=80))
def test_any_two_texts_can_be_shown(one: str, other: str) -> None:
    """Odd characters, empty texts, line ends: something is said of all that differs."""
    if one != other:
        assert "".join(shown_difference(one, other))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(one=_JSON, other=_JSON)
def test_a_pointer_leads_to_values_that_differ(one: object, other: object) -> None:
    """For any two values that are not the same; and for equal ones there is none."""
    found = list(pointers(one, other))

    assert bool(found) == (one != other)
    for where in found:
        assert value_at(one, where) != value_at(other, where)


def test_what_is_said_comes_before_numbers_that_follow_from_it() -> None:
    """A key is a digest of the request: the request is what to look at."""
    one = {"command": "start_effect", "n": 1, "key": "a", "request": {"x": 1}}
    other = {"command": "start_effect", "n": 2, "key": "b", "request": {"x": 2}}

    assert pointer(one, other) == "/request/x"


def test_the_same_parts_in_another_order_are_recognised() -> None:
    """Words of a text and items of a list; not letters, and not what is simply the same."""
    assert same_parts("a, b, c", "c, a, b")
    assert same_parts([1, {"a": 2}], [{"a": 2}, 1])
    assert not same_parts("abc", "cab")
    assert not same_parts("a b", "a b")
    assert not same_parts(1, 2)
