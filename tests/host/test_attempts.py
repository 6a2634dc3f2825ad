"""What lives of a host note before they handle something for the first time."""

from pathlib import Path

from agentmesh.host.attempts import Attempts


def live(folder: Path, life: int, *steps: tuple[str, int], survives: bool = False) -> None:
    """Let a life handle some events, and end at the last, unless it survives."""
    attempts = Attempts(folder, "host", life)
    for address, step in steps:
        attempts.begin(address, step)
    if survives:
        attempts.close()


def test_who_did_not_get_through_ended_at_its_last_event(tmp_path: Path) -> None:
    """What it handled before is not to blame."""
    for life in (2, 3):
        live(tmp_path, life, ("A/a", 7), ("B/b", 3))
    attempts = Attempts(tmp_path, "host", 4)

    assert attempts.ended_by("B/b", 3) == 2
    assert attempts.ended_by("A/a", 7) == 0


def test_only_the_latest_lives_in_a_row_count(tmp_path: Path) -> None:
    """One got through in between, and one ended elsewhere."""
    live(tmp_path, 2, ("B/b", 3))
    live(tmp_path, 3, ("B/b", 3), survives=True)
    live(tmp_path, 4, ("B/b", 3))
    assert Attempts(tmp_path, "host", 5).ended_by("B/b", 3) == 1

    live(tmp_path, 5, ("A/a", 1))
    assert Attempts(tmp_path, "host", 6).ended_by("B/b", 3) == 0


def test_a_note_that_was_cut_off_says_nothing(tmp_path: Path) -> None:
    """Its life ended before it began with that event."""
    live(tmp_path, 2, ("B/b", 3))
    (path,) = (tmp_path / "fences").iterdir()
    with path.open("ab") as file:
        file.write(b'{"life": 2, "addr')

    assert Attempts(tmp_path, "host", 3).ended_by("B/b", 3) == 1


def test_nothing_is_noted_where_nothing_was_left(tmp_path: Path) -> None:
    """Most recoveries have no such event: no file is made."""
    live(tmp_path, 2, survives=True)

    assert list(tmp_path.iterdir()) == []
