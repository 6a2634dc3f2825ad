"""Each rule objects to what it is for, and to nothing in the repaired program."""

from pathlib import Path

import pytest

from agentmesh.linting.checking import RULES, check_targets
from tests.linting.cases import CASES, HEAD, agent


def found(text: str, folder: Path) -> list[str]:
    (folder / "app.py").write_text(text, encoding="utf-8")
    return [one.rule for one in check_targets(["app.py"], folder=folder).findings]


PAIRS = [(rule, bad, good) for rule, pairs in CASES.items() for bad, good in pairs]


@pytest.mark.parametrize(("rule", "bad", "good"), PAIRS)
def test_a_rule_reports_the_bad_program_and_not_the_good_one(
    rule: str, bad: str, good: str, tmp_path: Path
) -> None:
    """One agent, one handler, one sin; other rules may object to the same line."""
    assert rule in found(bad, tmp_path)
    assert [one for one in found(good, tmp_path) if one != "AM501" or rule != "AM202"] == []


def test_every_rule_has_a_case_and_an_example() -> None:
    """A rule without them could be one that never fires."""
    own = [rule for rule in RULES if not rule.startswith("AM0")]

    assert sorted(CASES) == own
    assert [rule for rule in own if not (RULES[rule].bad and RULES[rule].good)] == []


def test_code_without_agents_has_no_findings(tmp_path: Path) -> None:
    """The same sins in a class that is no agent."""
    for pairs in CASES.values():
        for bad, _ in pairs:
            plain = bad.replace("@am.agent", "").replace("@on", "")
            assert found(plain, tmp_path) == []


def test_tools_and_opaque_handlers_may_do_anything(tmp_path: Path) -> None:
    """They run outside, and what they return is recorded."""
    opaque = agent("return open(job.name)").replace("@on", "@on(opaque=True)")
    tool = f"{HEAD}\n@am.tool\nasync def t(n: str) -> list[str]:\n    return os.listdir(n)\n"

    assert found(opaque, tmp_path) == []
    assert found(tool, tmp_path) == []


def test_an_excuse_needs_a_rule_and_a_reason(tmp_path: Path) -> None:
    """Only then anybody can tell later whether it still holds."""
    excused = agent("time.sleep(1)  # am: ignore[AM301] the host has one agent")
    bare = agent("time.sleep(1)  # am: ignore")
    silent = agent("time.sleep(1)  # am: ignore[AM301]")

    assert found(excused, tmp_path) == []
    assert sorted(found(bare, tmp_path)) == sorted(found(silent, tmp_path)) == ["AM002", "AM301"]


def test_calls_are_followed_into_other_modules(tmp_path: Path) -> None:
    """A helper beside the program is read, and the finding stands in the helper."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    (tmp_path / "pack" / "deep.py").write_text("import time\ndef nap():\n    time.sleep(1)\n")
    (tmp_path / "pack" / "app.py").write_text(
        agent("nap()", before="from .deep import nap"), encoding="utf-8"
    )
    (one,) = check_targets(["pack.app"], folder=tmp_path).findings

    assert one.place == "pack/deep.py:3:5"
    assert "reached from Desk.take" in one.what


def test_a_closure_counts_where_it_outlives_the_call(tmp_path: Path) -> None:
    """Every coroutine judged as a handler: one that is returned is, one that is only called is not.

    So is what a coroutine that others await returns: that is no reply.
    """
    inner = "def f(run):\n    n = 0\n    async def step():\n        nonlocal n\n        n += 1\n"
    helper = "async def names(a: set[str]):\n    return list(a)\n"
    for body, rules in (
        (f"{inner}    return step\n", ["AM105"]),
        (f"{inner}    run(step)\n    return n\n", []),
        (helper, ["AM201"]),
        (f"{helper}async def f(a: set[str]):\n    return len(await names(a))\n", []),
    ):
        (tmp_path / "app.py").write_text(body, encoding="utf-8")
        report = check_targets(["app.py"], folder=tmp_path, every_async=True)
        assert [one.rule for one in report.findings] == rules


def test_what_several_handlers_reach_is_told_once(tmp_path: Path) -> None:
    """At its place, for the first of them."""
    more = "\n    @on\n    async def again(self, job: Job):\n        return f()\n"
    text = agent("return f()", before="def f():\n    time.sleep(1)") + more

    assert found(text, tmp_path) == ["AM301"]


def test_what_a_thread_runs_is_not_looked_at(tmp_path: Path) -> None:
    """The thread itself is told."""
    text = agent("threading.Thread(target=f).start()", before="def f():\n    time.sleep(1)")

    assert set(found(text, tmp_path)) == {"AM504"}
