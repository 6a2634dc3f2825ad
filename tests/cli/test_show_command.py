"""`agentmesh show`: one run on one page."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli.app import app


def show(store: str | Path, *words: str) -> Result:
    """Call `agentmesh show`."""
    return CliRunner().invoke(app, ["show", *words, "--store", str(store)])


def as_json(store: str | Path, *words: str) -> Any:
    """Return what `agentmesh show --json` says."""
    return json.loads(show(store, *words, "--json").stdout)


def test_a_good_run_tells_what_it_was(store: str) -> None:
    """Program, input, result, versions, and what it can be repeated with."""
    done = show(store, "good")

    assert done.exit_code == 0
    for words in (
        "Run good  done in ",
        "shop.py",
        '{"item": "lamp", "pieces": 2}',
        '{"text": "2 lamp", "price": 20.0}',
        "in one process, without Ray",
        "hash seed ",
        "2 agents, ",
        "3 messages (3 done)",
    ):
        assert words in done.stdout


def test_the_next_commands_are_named(store: str) -> None:
    """Beside the answer: on standard error."""
    done = show(store, "good")

    assert f"agentmesh replay good --store {store}" in done.stderr


def test_agents_and_effects_are_counted(store: str) -> None:
    """Two sales, each with a tool."""
    told = as_json(store, "good")
    till = next(agent for agent in told["agents"] if agent["address"] == "Till/front")

    assert told["counts"]["agents"] == 2
    assert told["counts"]["effects"] == 2
    assert (till["received"], till["turns"], till["effects"], till["log_lines"]) == (2, 2, 2, 2)
    assert till["outcomes"] == {"done": 2}
    assert [(each["kind"], each["name"], each["started"]) for each in told["effects"]] == [
        ("tool", "look_up", 2)
    ]
    assert told["effects"][0]["median_seconds"] >= 0


def test_a_failed_run_shows_the_error_and_the_users_lines(store: str) -> None:
    """The traceback from where it was raised, without agentmesh's own frames."""
    shown = show(store, "bad").stdout

    assert "LookupError: no lamp left" in shown
    assert "in refuse" in shown
    assert "/agentmesh/kernel/" not in shown


def test_messages_that_failed_are_listed_with_the_reason(store: str) -> None:
    """Both: the one that raised, and the one that waited for it."""
    problems = as_json(store, "bad")["problems"]

    assert [(each["agent"], each["handler"], each["outcome"]) for each in problems] == [
        ("Till/front", "refuse", "failed"),
        ("fail/root", "run", "failed"),
    ]
    assert problems[0]["error"]["what"] == "no lamp left"
    assert "in refuse" in problems[0]["traceback"]


def test_one_agents_turns_can_be_asked_for(store: str) -> None:
    """By address or type: which message, from whom, how long, how it ended."""
    by_type, by_address = (
        as_json(store, "good", "--agent", "Till"),
        as_json(store, "good", "--agent", "Till/front"),
    )
    first, second = by_type["turns"]

    assert by_type == by_address
    assert (first["turn"], first["handler"], first["outcome"]) == (1, "sell", "done")
    assert first["payload"] == {"item": "lamp", "pieces": 2}
    assert second["sender"] == "buy/root"
    assert second["effects"] == 1


def test_an_agents_failed_turn_shows_why(store: str) -> None:
    """With the line."""
    shown = show(store, "bad", "--agent", "Till").stdout

    assert "LookupError: no lamp left" in shown
    assert "in refuse" in shown


def test_an_agent_that_is_not_there_is_a_usage_error(store: str) -> None:
    """With those that are."""
    done = show(store, "good", "--agent", "Nobody")

    assert done.exit_code == 2
    assert "Till/front" in done.stderr


def test_a_run_without_an_end_says_so(store: str, tmp_path: Path) -> None:
    """Its process was killed, or it still goes on: what is known is told."""
    shutil.copytree(Path(store, "good"), tmp_path / "good")
    file = tmp_path / "good" / "run.json"
    info = json.loads(file.read_text(encoding="utf-8"))
    info |= {"status": "running", "ended_at_ns": 0, "result": None}
    file.write_text(json.dumps(info), encoding="utf-8")
    shown = show(tmp_path, "good").stdout

    assert "Nobody drives it; the last event was " in shown
    assert "Till/front" in shown


@pytest.mark.parametrize("name", ["latest", "od", "odd"])
def test_a_run_is_found_by_id_by_its_start_and_as_the_latest(store: str, name: str) -> None:
    """Nobody types a whole id."""
    assert show(store, name).stdout.startswith("Run odd ")


def test_the_latest_is_meant_where_none_is_named(store: str) -> None:
    """Usually it is the one that was just made."""
    assert show(store).stdout.startswith("Run odd ")


def test_a_run_can_be_named_by_its_directory(store: str) -> None:
    """Somebody sent it."""
    assert CliRunner().invoke(app, ["show", f"{store}/good"]).stdout.startswith("Run good ")


def test_control_characters_of_a_run_are_made_visible(store: str) -> None:
    """A payload must not move the cursor of who looks at it."""
    done = show(store, "odd")

    assert "\x1b" not in done.output
