"""`agentmesh show` and `agentmesh log` of a run whose agents are supervised."""

from pathlib import Path

import pytest

import agentmesh as am
from tests.cli.test_show_command import as_json, show
from tests.mesh import supervised_programs as programs


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run: ten messages, of which three are poison."""
    store = tmp_path_factory.mktemp("supervised")
    am.run(programs.counts, local=True, store=str(store), run_id="r", quiet=True)
    return store


def test_dead_letters_are_listed_with_every_attempt(supervised: Path) -> None:
    """On the page: which message, from whom, to whom, why, and each attempt under it."""
    shown = show(supervised, "r").stdout
    lines = [line.split() for line in shown.splitlines()]

    assert "11 messages (8 done, 3 dead)" in shown
    (first,) = [line for line in lines if "counts/root#3" in line[1:2]]
    assert first[2:5] == ["counts/root", "Counter/main.add", "PoisonMessageError:"]
    attempts = [line[1:] for line in lines if line[1:2] == ["attempt"]]
    assert attempts[:2] == [
        ["attempt", "1", "turn", "3", "ValueError:", "by", "-3"],
        ["attempt", "2", "turn", "4", "ValueError:", "by", "-3"],
    ]


def test_dead_letters_are_counted_for_programs_too(supervised: Path) -> None:
    """With all that the page shows, as plain values."""
    told = as_json(supervised, "r")
    first = told["dead_letters"][0]

    assert told["counts"]["dead_letters"] == len(told["dead_letters"]) == 3
    assert (first["message"], first["sender"], first["agent"], first["handler"]) == (
        *("counts/root#3", "counts/root"),
        *("Counter/main", "add"),
    )
    assert [one["attempt"] for one in first["history"]] == [1, 2]
    assert first["error"]["type"] == "agentmesh.errors.PoisonMessageError"
