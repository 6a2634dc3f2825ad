"""`agentmesh log`: the journal in lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli.app import app
from tests.cli.helpers import SHOP, TIMEOUT_SECONDS, line_with, started


def log(store: str, *words: str) -> Result:
    """Call `agentmesh log`."""
    return CliRunner().invoke(app, ["log", *words, "--store", store])


def lines(store: str, *words: str) -> list[Any]:
    """Return what `agentmesh log --json` says, line by line."""
    done = log(store, *words, "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_users_own_lines_stand_out(store: str) -> None:
    """Marked, and with their fields."""
    said = [line for line in log(store, "good").stdout.splitlines() if " > " in line]

    assert [line.split(maxsplit=1)[1] for line in said] == [
        "> Till/front  sold item=lamp sold=2",
        "> Till/front  sold item=lamp sold=4",
    ]


def test_what_arrived_and_what_ended_is_told_in_words(store: str) -> None:
    """Without the mechanics, unless they are asked for."""
    texts = [line["event"] for line in lines(store, "good")]

    assert texts[0] == "got ask run(Order) from @client#1"
    assert "got ask sell(Order) from buy/root#1" in texts
    assert any(text.startswith("tool look_up finished in ") for text in texts)
    assert any(text.startswith("got the reply to sell #1 from Till/front") for text in texts)
    assert texts[-1].startswith("run done in ")
    assert not any(text.startswith("sends") for text in texts)


def test_debug_tells_every_record(store: str) -> None:
    """Nothing is logged twice, and nothing is missing: one line for each record."""
    counts = json.loads(
        CliRunner().invoke(app, ["show", "good", "--json", "--store", store]).stdout
    )
    every = lines(store, "good", "--level", "debug")

    assert len(every) == counts["counts"]["events"] + counts["counts"]["commands"]
    assert len({(line["agent"], line["step"], line["index"]) for line in every}) == len(every)
    assert [line["at_ns"] for line in every] == sorted(line["at_ns"] for line in every)


def test_problems_alone_can_be_asked_for(store: str) -> None:
    """What failed, with the reason, and nothing else."""
    told = lines(store, "bad", "--level", "warning")

    assert [line["event"] for line in told] == [
        "refuse failed: LookupError: no lamp left",
        "run failed: LookupError: no lamp left",
    ]
    assert {line["level"] for line in told} == {"error"}
    assert told[0]["error"]["type"] == "builtins.LookupError"


def test_lines_can_be_chosen_by_agent_and_kind(store: str) -> None:
    """By address or type; a kind is told whatever its level."""
    assert {line["agent"] for line in lines(store, "good", "--agent", "Till")} == {"Till/front"}
    assert {line["kind"] for line in lines(store, "good", "--kind", "sent")} == {"sent"}
    assert len(lines(store, "good", "--kind", "log", "--kind", "sent")) > 2


def test_the_last_lines_can_be_asked_for(store: str) -> None:
    """As with `tail -n`."""
    assert lines(store, "good", "--limit", "3") == lines(store, "good")[-3:]


@pytest.mark.parametrize(
    ("words", "shown"), [(["--kind", "nonsense"], "finish_turn"), (["--agent", "X"], "Till/front")]
)
def test_what_no_run_has_is_a_usage_error(store: str, words: list[str], shown: str) -> None:
    """With what there is."""
    done = log(store, "good", *words)

    assert done.exit_code == 2
    assert shown in done.stderr


def test_payloads_are_whole_in_json(store: str) -> None:
    """As values, not as text."""
    first = lines(store, "good")[0]

    assert first["detail"] == {"item": "lamp", "pieces": 2}
    assert first["kind"] == "delivered"
    assert first["time"].startswith("20")


def test_hostile_text_is_shown_and_not_obeyed(store: str) -> None:
    """Escape sequences, bidirectional overrides and rich's markup come from a model, say."""
    done = log(store, "odd")

    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert r"a\x1b[2Kb" in done.stdout
    assert r"evil=\x1b[31mred\u202edesrever" in done.stdout
    assert "name=[bold]not markup[/bold]" in done.stdout


def test_a_run_can_be_followed_to_its_end(tmp_path: Path) -> None:
    """Each line once, in order, and the command ends with the run."""
    with started("run", f"{SHOP}:tick", "--local", cwd=tmp_path) as run:
        line_with(run.stderr, "ready")
        with started("log", "--follow", "--json", "--kind", "log", cwd=tmp_path) as follower:
            out, err = follower.communicate(timeout=TIMEOUT_SECONDS)
        run.communicate(timeout=TIMEOUT_SECONDS)

    assert (run.returncode, follower.returncode, err) == (0, 0, "")
    assert [json.loads(line)["fields"]["number"] for line in out.splitlines()] == [*range(8)]


def test_following_a_run_that_has_ended_ends_at_once(store: str) -> None:
    """There is nothing to wait for."""
    assert log(store, "good", "--follow").stdout == log(store, "good").stdout
