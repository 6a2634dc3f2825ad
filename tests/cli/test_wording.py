"""Values in words, and hostile text made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.cli.wording import (
    compact,
    counted,
    iso,
    shortened,
    size,
    took,
    users_frames,
    visible,
)

TRACEBACK = """Traceback (most recent call last):
  File "/venv/agentmesh/kernel/cell.py", line 239, in _run
    type_, payload = await self.behavior.run(self, turn)
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/shop.py", line 12, in half
    return n.n / 0
           ~~~~^~~
ZeroDivisionError: division by zero"""


@given(st.text())
def test_nothing_is_hidden_in_visible_text(text: str) -> None:
    """No control, no override, no line end, no lone surrogate is left."""
    hidden = {
        char for char in visible(text) if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
    }

    assert hidden == set()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Letters of every script, signs and spaces."""
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\ufeff", r"\ufeff"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_is_hidden_is_written_out(text: str, shown: str) -> None:
    """As Python writes it; joiners of emoji and scripts stay."""
    assert visible(text) == shown


def test_lines_can_be_kept() -> None:
    """For texts of several lines, such as tracebacks."""
    assert visible("a\n\tb\x07", keep_lines=True) == "a\n\tb\\x07"


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists))
def test_any_value_fits_on_a_line(value: object) -> None:
    """A payload may contain anything that JSON can say."""
    assert "\n" not in compact(value)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"),
        (0.00042, "0.4 ms"),
        (0.0831, "83 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (2.06, "2.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_told_as_people_tell_them(seconds: float, shown: str) -> None:
    """Rounded so that no two units meet."""
    assert took(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_400_000, "3.4 MB")]
)
def test_sizes_are_told_in_thousands(number: int, shown: str) -> None:
    """As disks are sold."""
    assert size(number) == shown


def test_numbers_are_told_with_their_noun() -> None:
    """One agent, two agents, 12,431 events."""
    assert counted(1, "agent") == "1 agent"
    assert counted(12431, "event") == "12,431 events"
    assert counted(0, "reply", "replies") == "0 replies"


@given(st.text(), st.integers(3, 50))
def test_shortened_text_keeps_within_its_limit(text: str, limit: int) -> None:
    """And short text is left alone."""
    assert len(shortened(text, limit)) <= limit
    assert shortened(text, limit) == text or shortened(text, limit).endswith("...")


def test_times_keep_their_microseconds() -> None:
    """ISO 8601, with the offset."""
    assert "T" in iso(1795462610418552484)
    assert ".418552" in iso(1795462610418552484)


def test_a_users_traceback_has_the_users_frames() -> None:
    """agentmesh's own are left out, unless there are no others."""
    shown = users_frames(TRACEBACK)

    assert "/srv/shop.py" in shown
    assert "~~~~^~~" in shown
    assert "kernel" not in shown
    assert "behavior.run" not in shown
    assert users_frames("\n".join(TRACEBACK.splitlines()[:4])).count("kernel") == 1
