"""`agentmesh run`: the result on standard output, everything else beside it."""

import json
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import ORDER
from tests.cli.helpers import SHOP, TIMEOUT_SECONDS, UNSEEDED, command, line_with, started

RECEIPT = {"text": "2 lamp", "price": 20.0}


def test_the_result_is_json_on_standard_output(tmp_path: Path) -> None:
    """What the program prints goes to standard error, or nothing could parse the result."""
    done = command("run", f"{SHOP}:buy", "--local", "--input", ORDER, cwd=tmp_path)

    assert done.code == 0
    assert done.json == RECEIPT
    assert "the program prints this" in done.err
    assert "agentmesh replay" in done.err


def test_json_tells_all_about_the_run(tmp_path: Path) -> None:
    """For scripts that want the run's id, too."""
    words = ("--local", "--input", ORDER, "--run-id", "mine", "--json")
    done = command("run", f"{SHOP}:buy", *words, cwd=tmp_path)

    assert done.json["run"] == "mine"
    assert done.json["status"] == "done"
    assert done.json["result"] == RECEIPT
    assert done.json["error"] is None
    assert Path(done.json["location"], "run.json").is_file()


def test_a_workflow_that_raises_fails_with_its_line(tmp_path: Path) -> None:
    """The remote exception in a line, the place in the program, where to look further."""
    done = command("run", f"{SHOP}:fail", "--local", "--input", ORDER, cwd=tmp_path)

    assert done.code == 1
    assert done.out == ""
    assert "Error: LookupError: no lamp left" in done.err
    assert f'File "{SHOP}", line' in done.err
    assert "Traceback" not in done.err
    assert "agentmesh show" in done.err


def test_a_workflow_that_raises_is_json_on_demand(tmp_path: Path) -> None:
    """With the whole remote traceback."""
    done = command("run", f"{SHOP}:fail", "--local", "--input", ORDER, "--json", cwd=tmp_path)

    assert done.code == 1
    assert done.json["status"] == "failed"
    assert done.json["error"]["type"] == "builtins.LookupError"
    assert "in refuse" in done.json["error"]["traceback"]


@pytest.mark.parametrize("how", [("--input", "-"), ("--input-file", "-")])
def test_the_input_may_come_from_standard_input(tmp_path: Path, how: tuple[str, str]) -> None:
    """Also after the process has replaced itself for its hash seed."""
    done = command("run", f"{SHOP}:buy", "--local", *how, cwd=tmp_path, given=ORDER)

    assert done.json == RECEIPT


def test_the_input_may_come_from_a_file(tmp_path: Path) -> None:
    """For inputs that no command line takes."""
    file = tmp_path / "order.json"
    file.write_text(ORDER, encoding="utf-8")
    done = command("run", f"{SHOP}:buy", "--local", "--input-file", file, cwd=tmp_path)

    assert done.json == RECEIPT


def test_a_module_of_this_folder_can_be_run(tmp_path: Path) -> None:
    """`package.module:main`, as `python -m` finds it."""
    package = tmp_path / "market"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "stall.py").write_text(SHOP.read_text(encoding="utf-8"), encoding="utf-8")
    done = command("run", "market.stall:buy", "--local", "--input", ORDER, cwd=tmp_path)

    assert done.json == RECEIPT
    assert command("replay", cwd=tmp_path).code == 0


def test_a_run_knows_its_hash_seed(tmp_path: Path) -> None:
    """Drawn if nobody says one: the process starts itself again under it."""
    words = ("run", f"{SHOP}:letters", "--local", "--json")
    done = command(*words, cwd=tmp_path, env=UNSEEDED)
    info = json.loads(Path(done.json["location"], "run.json").read_text(encoding="utf-8"))

    assert info["hash_seed"].isdigit()


def test_two_runs_under_one_hash_seed_iterate_alike(tmp_path: Path) -> None:
    """The seed does what it is for: the order of a set of strings."""
    words = ("run", f"{SHOP}:letters", "--local", "--hash-seed")
    one, again = (command(*words, "7", cwd=tmp_path).json for _ in range(2))
    others = [command(*words, str(seed), cwd=tmp_path).json for seed in (8, 9)]

    assert one == again
    assert any(other != one for other in others)


def test_a_hash_seed_from_outside_is_kept(tmp_path: Path) -> None:
    """Whoever sets PYTHONHASHSEED has decided; `--hash-seed random` decides otherwise."""
    words = ("run", f"{SHOP}:letters", "--local", "--json")
    given = {"PYTHONHASHSEED": "12345"}
    kept = command(*words, cwd=tmp_path, env=given)
    drawn = command(*words, "--hash-seed", "random", cwd=tmp_path, env=given)
    seeds = [
        json.loads(Path(done.json["location"], "run.json").read_text(encoding="utf-8"))["hash_seed"]
        for done in (kept, drawn)
    ]

    assert seeds[0] == "12345"
    assert seeds[1] != "12345"


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    """`--seed` keys the run's randomness, `--set` its settings; both are recorded."""
    words = ("--local", "--input", ORDER, "--seed", "s1", "--set", "OPENAI_MODEL=m1", "--json")
    done = command("run", f"{SHOP}:buy", *words, cwd=tmp_path)
    info = json.loads(Path(done.json["location"], "run.json").read_text(encoding="utf-8"))

    assert info["seed"] == "s1"
    assert info["settings"]["OPENAI_MODEL"] == "m1"


def test_a_store_can_be_named(tmp_path: Path) -> None:
    """The hint for the next command names it, too."""
    store = tmp_path / "elsewhere"
    words = ("--local", "--input", ORDER, "--store", store)
    done = command("run", f"{SHOP}:buy", *words, cwd=tmp_path)

    assert f"--store {store}" in done.err
    assert command("replay", "--store", store, cwd=tmp_path).code == 0
    assert not (tmp_path / ".agentmesh").exists()


def test_two_runs_with_one_id_are_refused(tmp_path: Path) -> None:
    """The second one would overwrite the first one's journal."""
    words = ("run", f"{SHOP}:buy", "--local", "--input", ORDER, "--run-id", "twice")
    command(*words, cwd=tmp_path)
    done = command(*words, cwd=tmp_path)

    assert done.code == 2
    assert "'twice' is in the store already" in done.err


def test_ctrl_c_ends_the_run_and_keeps_what_it_did(tmp_path: Path) -> None:
    """Exit code 130, as shells expect; the journal has everything until then."""
    with started("run", f"{SHOP}:wait", "--local", cwd=tmp_path) as process:
        line_with(process.stderr, "ready")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Interrupted" in err
    shown = command("show", "--json", cwd=tmp_path).json
    assert shown["run"]["status"] == "cancelled"
    assert shown["messages"] == {"cancelled": 1}
    assert shown["agents"][0]["log_lines"] == 1


def test_a_run_that_is_told_to_terminate_fails(tmp_path: Path) -> None:
    """SIGTERM: a stopped job, a machine that goes down."""
    with started("run", f"{SHOP}:wait", "--local", cwd=tmp_path) as process:
        line_with(process.stderr, "ready")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)

    assert process.returncode == 1
    assert "SIGTERM" in err
    assert command("show", "--json", cwd=tmp_path).json["run"]["status"] == "failed"
