"""`am.check`: recorded runs on today's code, of programs that were edited, moved, or break."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.cli import check_command, exit_codes
from agentmesh.cli.junit import junit
from agentmesh.mesh.check_report import DIFFERS, SAME, UNCHECKED, Checked, CheckReport

PROGRAM = '''"""A till: sums up, with a discount for large orders."""

import sys

import agentmesh as am

LARGE = 100


class Order(am.Message):
    """What it costs."""

    cost: int


@am.tool
async def tax(cost: int) -> int:
    """Ask the tax office."""
    return cost // 10


@am.agent
class Till:
    """Sums up."""

    @am.handler
    async def pay(self, order: Order) -> int:
        """Say what is to be paid."""
        total = order.cost + await tax(order.cost)
        if order.cost > LARGE:
            total -= 5
        return total


@am.workflow(deadline="10s")
async def main(order: Order) -> int:
    """Pay one order."""
    return await am.ref(Till).pay(order)


if __name__ == "__main__":
    for run_id in sys.argv[2:]:
        order = Order(cost=int(run_id.partition("-")[2]))
        am.run(main, order, local=True, store=sys.argv[1], run_id=run_id, quiet=True)
'''
DISCOUNT = "            total -= 5\n"
CHANGED = """            if am.changed("another tax"):
                total += await tax(total)
"""


def record(folder: Path, *run_ids: str) -> None:
    """Run the program of a folder, once for each id."""
    subprocess.run(
        [sys.executable, str(folder / "till.py"), str(folder / "runs"), *run_ids],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONHASHSEED": "3"},
    )


def edited(folder: Path, old: str, new: str) -> None:
    """Edit the program of a folder."""
    text = (folder / "till.py").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / "till.py").write_text(text.replace(old, new), encoding="utf-8")


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose program was committed, recorded, and then edited."""
    made = tmp_path_factory.mktemp("till")
    (made / "till.py").write_text(PROGRAM, encoding="utf-8")
    git(made, "init", "-q")
    git(made, "add", "till.py")
    git(made, "commit", "-qm", "first")
    record(made, "small-10", "large-200", "larger-500")
    edited(made, DISCOUNT, DISCOUNT.replace("5", "7"))
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> CheckReport:
    """What a check of the edited program found, and of runs that can't be checked."""
    runs = folder / "more"
    shutil.copytree(folder / "runs" / "small-10", runs / "gone")
    tell(runs / "gone", id="gone", entry={"module": "__main__", "file": str(folder / "old.py")})
    shutil.copytree(folder / "runs" / "small-10", runs / "newer")
    tell(runs / "newer", id="newer", journal_version=99)
    shutil.copytree(folder / "runs" / "small-10", runs / "dies")
    (folder / "dies.py").write_text("import os\nos._exit(7)\n", encoding="utf-8")
    tell(runs / "dies", id="dies", entry={"module": "__main__", "file": str(folder / "dies.py")})
    return am.check(folder / "runs", f"{runs}/*", store=str(folder / "runs"))


def tell(run: Path, **fields: object) -> None:
    """Change what `run.json` says."""
    path = run / "run.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**info, **fields}), encoding="utf-8")


def named(report: CheckReport) -> dict[str, Checked]:
    """Return what came of each run, by the last part of its name."""
    return {Path(one.run).name: one for one in report.runs}


def test_only_runs_that_take_the_edited_path_differ(report: CheckReport) -> None:
    """The discount is for large orders; the small one never got there."""
    found = named(report)

    assert {name: found[name].status for name in ("small-10", "large-200", "larger-500")} == {
        "small-10": SAME,
        "large-200": DIFFERS,
        "larger-500": DIFFERS,
    }
    assert found["large-200"].event == "Till/main@2"
    assert found["large-200"].first["pointer"] == "/payload"
    assert found["large-200"].first["last_common"] == "Till/main@1"
    assert (found["large-200"].divergences, found["large-200"].agents) == (1, 2)


def test_what_differs_is_grouped_by_its_cause(report: CheckReport) -> None:
    """One edit is one group, however many runs it touches; the rest follows."""
    first, *others = report.groups()

    assert (first.status, first.why) == (DIFFERS, "code: Till.pay changed")
    assert [Path(one.run).name for one in first.runs] == ["large-200", "larger-500"]
    assert {one.status for one in others} == {UNCHECKED}
    assert not report.clean


def test_the_edit_is_shown_against_the_recorded_commit(report: CheckReport) -> None:
    """Git has the text that ran, which its digest proves."""
    text = named(report)["large-200"].report

    assert "Till.pay in till.py, against commit" in text
    assert "-        total -= 5" in text
    assert "+        total -= 7" in text
    assert "not committed" not in text


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone", "is not on this machine"),
        ("newer", "journal version 99"),
        ("dies", "died with code 7"),
    ],
)
def test_what_can_not_be_checked_is_never_the_same(
    report: CheckReport, name: str, why: str
) -> None:
    """The source is gone, a newer version recorded it, or importing it ends the process."""
    one = named(report)[name]

    assert one.status == UNCHECKED
    assert why in one.why


def test_a_program_that_hangs_costs_its_own_run(folder: Path) -> None:
    """And no more than the time that a run may take."""
    (folder / "hangs.py").write_text("import signal\nsignal.pause()\n", encoding="utf-8")

    report = am.check(
        folder / "runs" / "small-10", program=folder / "hangs.py", deadline_seconds=1.5
    )

    assert [one.why for one in report.runs] == ["its replay took more than 1.5 s"]


def test_a_change_keeps_its_old_path_for_old_runs(tmp_path: Path) -> None:
    """Recorded before and after the edit, both replay on what there is now."""
    (tmp_path / "till.py").write_text(PROGRAM, encoding="utf-8")
    record(tmp_path, "old-200")
    edited(tmp_path, DISCOUNT, DISCOUNT + CHANGED)
    record(tmp_path, "new-200")

    report = am.check("*-200", store=str(tmp_path / "runs"))

    assert report.clean, [one.report for one in report.runs]
    results = {one.id: one.result for one in am.runs(store=str(tmp_path / "runs"))}
    assert results == {"old-200": 215, "new-200": 236}


def test_junit_has_a_case_for_each_run_and_stays_xml(report: CheckReport) -> None:
    """Whatever characters a program prints into its messages."""
    odd = Checked(
        run="odd\x00", status=DIFFERS, why="\ud800 & <", report="\x1b[31mred", event="A@1"
    )

    suite = ET.fromstring(junit(CheckReport(runs=[*report.runs, odd])))[0]

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("7", "3", "3")
    assert [case.get("classname") for case in suite][:2] == ["main", "main"]
    assert suite[-1].get("name") == "odd\ufffd"


def test_the_command_says_it_all_and_exits_with_3(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that counts, a group with its runs, the first report; and a file for CI."""
    code = check_command.check_runs(
        ["l*"],
        store=str(folder / "runs"),
        program=None,
        agents=(),
        processes=1,
        timeout_seconds=60,
        junit_file=str(tmp_path / "out" / "check.xml"),
        as_json=False,
    )

    out = capsys.readouterr().out
    assert code == exit_codes.DIVERGED
    assert out.startswith("2 runs: 0 the same, 2 differ\n\ncode: Till.pay changed\n")
    assert "large-200   main      Till/main@2  1 of 2" in out
    assert "Till/main@2 replayed differently" in out
    assert "<failure" in (tmp_path / "out" / "check.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("names", [["nobody"], ["x*"], ["large-200", "none/at/all"]])
def test_a_name_that_stands_for_no_run_is_told(folder: Path, names: list[str]) -> None:
    """A slip in a name must not pass for a check."""
    with pytest.raises(am.UnknownRunError):
        am.check(*names, store=str(folder / "runs"))
    with pytest.raises(am.UsageError, match="No run was named"):
        am.check(store=str(folder / "runs"))
