"""`agentmesh replay`: the same again, or the first difference and exit code 3."""

import shutil
from pathlib import Path

import pytest

from agentmesh.cli.replay_command import faster
from tests.cli.conftest import ORDER
from tests.cli.helpers import SHOP, UNSEEDED, command


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A folder with a run whose program was edited after it was recorded."""
    program = tmp_path / "shop.py"
    shutil.copy(SHOP, program)
    command("run", "shop.py:buy", "--local", "--input", ORDER, cwd=tmp_path)
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace('f"{order.pieces} {', 'f"{order.pieces} x {'), encoding="utf-8")
    return tmp_path


def test_a_run_replays_identically(recorded: Path) -> None:
    """The answer is one line, and counts under it; what the program prints is none of it."""
    done = command("replay", "good", cwd=recorded)

    assert done.code == 0
    first, second = done.out.splitlines()
    assert first.endswith(" events, 0 divergences")
    assert second.strip().startswith("2 agents, 3 turns, ")
    assert "the program prints this" in done.err


@pytest.mark.parametrize("name", ["good", "bad", "odd"])
def test_json_has_the_counts(recorded: Path, name: str) -> None:
    """Failed runs replay as well as others."""
    done = command("replay", name, "--json", cwd=recorded, env=UNSEEDED)

    assert done.code == 0
    assert done.json["run"] == name
    assert done.json["identical"] is True
    assert done.json["divergences"] == []
    assert done.json["events"] > 0
    assert done.json["seconds"] > 0
    assert done.json["hash_seed"] == done.json["hash_seed_recorded"]


def test_a_replay_needs_no_model_key_or_ray(recorded: Path) -> None:
    """Nor does it run a tool: it costs nothing but its own steps."""
    nobody = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "RAY_ADDRESS": "127.0.0.1:9"}
    done = command("replay", "good", cwd=recorded, env=nobody)

    assert done.code == 0


def test_another_hash_seed_can_be_asked_for(recorded: Path) -> None:
    """The shop sends nothing whose order depends on it."""
    done = command("replay", "good", "--hash-seed", "4711", "--json", cwd=recorded)

    assert done.json["hash_seed"] == "4711"
    assert done.json["identical"] is True


def test_an_order_that_depends_on_the_hash_seed_is_found(tmp_path: Path) -> None:
    """Under the recorded seed it replays; under another one the likely cause is named."""
    command("run", f"{SHOP}:letters", "--local", "--hash-seed", "7", cwd=tmp_path)
    same = command("replay", cwd=tmp_path)
    other = command("replay", "--hash-seed", "8", cwd=tmp_path)

    assert same.code == 0
    assert other.code == 3
    assert "had the hash seed 8, the run 7" in other.err


def test_edited_code_diverges_with_exit_code_3(edited: Path) -> None:
    """The first difference, both sides, and the likely cause."""
    done = command("replay", cwd=edited)

    assert done.code == 3
    assert "1 divergence" in done.out
    assert "Till/front@" in done.out
    assert "replayed differently at command" in done.out
    assert "/payload/text" in done.out
    assert "2 x lamp" in done.out
    assert "code" in done.out


def test_a_divergence_is_json_on_demand(edited: Path) -> None:
    """For who wants to know where exactly."""
    done = command("replay", "--json", cwd=edited)

    assert done.code == 3
    assert done.json["identical"] is False
    first = done.json["divergences"][0]
    assert first["agent"] == "Till/front"
    assert first["cause"] == "code"
    assert first["pointer"] == "/payload/text"


def test_some_agents_can_be_replayed_alone(edited: Path) -> None:
    """Cells are independent: who did not diverge does not."""
    root = command("replay", "--agent", "buy", "--json", cwd=edited)
    till = command("replay", "--agent", "Till/front", "--json", cwd=edited)

    assert (root.code, root.json["agents"]) == (0, 1)
    assert (till.code, till.json["agents"]) == (3, 1)


def test_several_processes_find_the_same(edited: Path) -> None:
    """As one process does."""
    one, two = (command("replay", "--json", "--processes", n, cwd=edited) for n in ("1", "2"))
    kept = ("run", "identical", "agents", "events", "turns", "commands", "divergences")

    assert (one.code, two.code) == (3, 3)
    assert [two.json[name] for name in kept] == [one.json[name] for name in kept]
    assert two.json["processes"] == 2


def test_errors_of_other_processes_come_home(edited: Path) -> None:
    """A program that is gone is said once, shortly, whoever looked for it."""
    (edited / "shop.py").unlink()
    done = command("replay", "--processes", "2", cwd=edited)

    assert done.code == 2
    assert "is not on this machine" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_agent_is_a_usage_error(recorded: Path) -> None:
    """With those that the run has."""
    done = command("replay", "good", "--agent", "Nobody", cwd=recorded)

    assert done.code == 2
    assert "Till/front" in done.err


def test_a_run_is_told_from_start_to_end(tmp_path: Path) -> None:
    """Record, list, show, log, replay: each finds what the one before has left."""
    made = command("run", f"{SHOP}:buy", "--local", "--input", ORDER, "--json", cwd=tmp_path)
    run = made.json["run"]

    assert [each["id"] for each in command("runs", "--json", cwd=tmp_path).json] == [run]
    assert command("show", run[:12], "--json", cwd=tmp_path).json["run"]["result"] == {
        "text": "2 lamp",
        "price": 20.0,
    }
    assert command("log", run, "--kind", "log", cwd=tmp_path).out.count("sold item=lamp") == 2
    assert command("replay", run, cwd=tmp_path).code == 0


def test_only_a_gain_is_told() -> None:
    """A run of no time is not replayed faster than it ran."""
    assert faster(2.0, 0.01) == "; recorded in 2.0 s, 200x faster"
    assert faster(0.01, 2.0) == ""
