"""`agentmesh audit`: a table of promises, what breaks them, and an exit code."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentmesh.kernel.commands import FinishTurn
from tests.causality.tampering import Record, Recorded, find, put
from tests.cli.conftest import ORDER
from tests.cli.helpers import SHOP, command


@pytest.mark.parametrize("name", ["good", "bad", "odd"])
def test_a_real_run_is_clean(name: str, recorded: Path) -> None:
    """Failed runs keep their promises as well as others."""
    done = command("audit", name, cwd=recorded)

    assert done.code == 0
    header, *lines, end = done.out.splitlines()
    assert header.split() == ["check", "checked", "violations", "open", *["what", "must", "hold"]]
    assert [line.split()[0] for line in lines][-1] == "replay"
    assert end.startswith("0 violations, 0 open: ")
    assert "the program prints this" not in done.out


def test_json_has_every_check(recorded: Path, store: str) -> None:
    """From anywhere, with the store named."""
    done = command("audit", "good", "--json", "--store", store, cwd=recorded.parent)

    assert done.code == 0
    assert done.json["clean"] is True
    assert done.json["settled"] is True
    assert len(done.json["checks"]) == 12
    assert all(check["violations"] == 0 for check in done.json["checks"])


def _double_ends(record: Record) -> None:
    place = find(record, FinishTurn)
    one = FinishTurn(1, "Nobody/x#1\x1b[2J", "done")
    put(record, place, *[replace(one, turn=n) for n in range(30)])


def test_violations_are_listed_with_their_total(recorded: Path, store: str, tmp_path: Path) -> None:
    """The first ones, with agent and step; a terminal takes no harm from them."""
    Recorded(Path(store), "good").tampered(_double_ends, tmp_path)
    done = command("audit", "good", "--no-replay", "--store", tmp_path, cwd=recorded)

    assert done.code == 1
    assert "Violations:" in done.out
    assert "Nobody/x#1\\x1b[2J" in done.out
    assert "... and 11 more" in done.out
    assert "\x1b" not in done.out


def test_a_run_that_goes_on_says_so(recorded: Path, store: str, tmp_path: Path) -> None:
    """What it has not done yet is open, and no violation."""

    def unfinished(record: Record) -> None:
        put(record, find(record, FinishTurn))

    Recorded(Path(store), "good").tampered(unfinished, tmp_path, "running")
    done = command("audit", "good", "--no-replay", "--store", tmp_path, cwd=recorded)

    assert done.code == 0
    assert "Open:" in done.out
    assert "has not come to an end" in done.err


def test_only_a_divergence_is_exit_code_3(tmp_path: Path) -> None:
    """The program was edited; without the replay there is nothing to say against the run."""
    program = tmp_path / "shop.py"
    shutil.copy(SHOP, program)
    command("run", "shop.py:buy", "--local", "--input", ORDER, cwd=tmp_path)
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace('f"{order.pieces} {', 'f"{order.pieces} x {'), encoding="utf-8")
    replayed = command("audit", cwd=tmp_path)
    program.unlink()
    without = command("audit", "--no-replay", cwd=tmp_path)
    gone = command("audit", cwd=tmp_path)

    assert replayed.code == 3
    assert "replay: Till/front step " in replayed.out
    assert "agentmesh replay " in replayed.err
    assert without.code == 0
    assert gone.code == 2
    assert "is not on this machine" in gone.err


def test_a_run_that_is_not_there_is_a_usage_error(recorded: Path) -> None:
    """With those that are."""
    assert command("audit", "nothing", cwd=recorded).code == 2
