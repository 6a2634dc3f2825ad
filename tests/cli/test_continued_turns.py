"""What the command shows of turns that went on with another message."""

import json
from pathlib import Path

from typer.testing import CliRunner

import agentmesh as am
from agentmesh.cli.app import app


class Left(am.Message):
    """Rounds to go."""

    rounds: int


@am.workflow(deadline="20s")
async def counts_down(left: Left) -> str:
    """Begin afresh until nothing is left."""
    if left.rounds:
        am.continue_with(Left(rounds=left.rounds - 1))
    return "landed"


def shown(store: Path, *arguments: str) -> str:
    """Run the workflow, and return what a command says of it."""
    am.run(counts_down, Left(rounds=2), local=True, store=str(store), run_id="r", quiet=True)
    done = CliRunner().invoke(app, [*arguments, "--store", str(store)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_turns_that_went_on_are_no_problems(tmp_path: Path) -> None:
    """They are counted, and nothing is listed as gone wrong."""
    found = json.loads(shown(tmp_path, "show", "r", "--json"))

    assert found["messages"] == {"continued": 2, "done": 1}
    assert found["problems"] == []
    assert found["counts"]["messages"] == 3


def test_each_of_them_is_shown_with_who_sent_the_first(tmp_path: Path) -> None:
    """One row a turn: what it was given, and how it ended."""
    found = json.loads(shown(tmp_path, "show", "r", "--agent", "counts_down/root", "--json"))
    rows = [(turn["sender"], turn["outcome"], turn["payload"]) for turn in found["turns"]]

    assert rows == [
        ("@client", "continued", {"rounds": 2}),
        ("@client", "continued", {"rounds": 1}),
        ("@client", "done", {"rounds": 0}),
    ]


def test_the_log_says_that_they_go_on(tmp_path: Path) -> None:
    """In words; the end is the last turn's."""
    said = shown(tmp_path, "log", "r", "--json").splitlines()
    texts = [json.loads(line)["event"] for line in said]

    assert [text.partition(" after ")[0] for text in texts if "afresh" in text] == [
        "run goes on afresh"
    ] * 2
    assert "got continue run(Left) from counts_down/root#1" in texts
    assert texts[-1].startswith("run done in ")
