"""`agentmesh state` and `agentmesh when`: a look into any moment of a run, and how to find it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import agentmesh as am
from agentmesh.cli import exit_codes
from agentmesh.cli.app import app
from tests.replay import planted, travelled

LINE = next(
    number
    for number, line in enumerate(Path(travelled.__file__).read_text().splitlines(), 1)
    if "await look_up(note.number)" in line
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run."""
    store = tmp_path_factory.mktemp("store")
    note = travelled.Note(number=12)
    am.run(travelled.keep_books, note, local=True, store=str(store), run_id="books", quiet=True)
    return store


def call(store: Path, *words: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(app, [*words, "--store", str(store)])


def shown(done: Result) -> str:
    """Return what was printed, without times of day and where the program is."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d\d\d", "--:--", done.stdout)
    return re.sub(r"\S*(?=travelled\.py)", "", text)


def test_an_open_turn_is_shown_with_its_stack_and_what_it_waits_for(store: Path) -> None:
    """A handler that waits for a tool."""
    done = call(store, "state", "books", "--event", "Reader/r1@1")

    assert done.exit_code == exit_codes.OK
    assert (
        shown(done)
        == f"""\
Reader/r1@1  delivered keep_books/root#2 (read)  --:--
  live, 1 open turn

state
seen  []

turn 1: read, from keep_books/root (keep_books/root#2)
  message  {{"number": 0}}
  handler
    travelled.py:{LINE} in Reader.read
      found = await look_up(note.number)
        note = Note(number=0)
    waits for tool look_up

pending
what  which    of turn  with
tool  look_up        1  {{"tool": "look_up", "arguments": {{"number": 0}}}}
"""
    )


def test_what_an_event_changed_is_shown_line_by_line(store: Path) -> None:
    """A step of the ledger's: three values of its state."""
    done = call(store, "state", "books", "--agent", "ledger", "--event", "3", "--diff")

    assert done.exit_code == exit_codes.OK
    assert "  state/count\n    - 1\n    + 2\n" in done.stdout
    assert '  state/status\n    - "even"\n    + "odd"\n' in done.stdout


def test_without_an_agent_all_are_shown_at_the_cut(store: Path) -> None:
    """An event by its number in run order."""
    done = call(store, "state", "books", "--event", "3", "--json")
    said: Any = json.loads(done.stdout)

    assert done.exit_code == exit_codes.OK
    assert said["number"] == 3
    assert {each["address"]: each["step"] for each in said["agents"]} == said["cut"]
    text = call(store, "state", "books", "--event", "3")
    assert f"{len(said['cut'])} agents at the cut of this event" in text.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--event", "Ledger/main@9999"), "has no event Ledger/main@9999"),
        (("--event", "9999"), "has no event 9999"),
        (("--event", "Clerk/main@1"), "it never lived"),
        (("--event", "soon"), "names no event"),
        (("--event", "3", "--diff"), "no agent is named"),
    ],
)
def test_what_is_not_there_is_a_wrong_use(store: Path, words: tuple[str, ...], said: str) -> None:
    """Events and agents that the run does not have."""
    done = call(store, "state", "books", *words)

    assert done.exit_code == exit_codes.USAGE
    assert said in done.stderr


def test_a_divergence_is_told_unless_one_wants_to_look_anyway(tmp_path: Path) -> None:
    """The state after it is not what was recorded."""
    note = planted.Note(sin="global")
    am.run(planted.sin_once, note, local=True, store=str(tmp_path), run_id="sin", quiet=True)

    refused = call(tmp_path, "state", "sin", "--event", "Sinner/main@3")
    anyway = call(tmp_path, "state", "sin", "--event", "Sinner/main@3", "--anyway")

    assert refused.exit_code == exit_codes.DIVERGED
    assert "the replay differs from the record at event 2" in refused.stderr
    assert anyway.exit_code == exit_codes.OK
    assert "Not as it was recorded" in anyway.stdout
    watched = call(tmp_path, "when", "sin", "sinner.notes == 1")
    assert watched.exit_code == exit_codes.DIVERGED
    assert "Sinner/main was looked at only up to here" in watched.stdout


def test_when_shows_first_last_and_every_row(store: Path) -> None:
    """A condition that comes and goes."""
    done = call(store, "when", "books", "changed('ledger.status') and ledger.count > 10")

    assert done.exit_code == exit_codes.OK
    lines = done.stdout.splitlines()
    assert lines[0].endswith("holds after 2 events of 15")
    assert lines[1].startswith("first  Ledger/main@")
    assert lines[4].split() == ["holds", "after", "to", "events", "at", "where"]
    assert lines[5].endswith('status = "even", count = 11')


def test_when_exits_like_grep_does(store: Path) -> None:
    """Nothing found; nothing understood; something that could not be told."""
    never = call(store, "when", "books", "count < 0", "--agent", "Ledger", "--json")
    refused = call(store, "when", "books", "ledger.rows.clear()")
    partly = call(store, "when", "books", "ledger.rows[1][0] == 10")

    assert (never.exit_code, json.loads(never.stdout)["first"]) == (exit_codes.FAILED, None)
    assert refused.exit_code == exit_codes.USAGE
    assert "it calls ledger.rows.clear()" in refused.stderr
    assert partly.exit_code == exit_codes.OK
    assert "first  Ledger/main@0  IndexError: list index out of range" in partly.stdout
