"""Branches in which an agent has another state, or another code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.mesh.recorded_run import RecordedRun
from tests.counterfactual import programs
from tests.counterfactual.test_forking import checked

FIXED = """
import agentmesh as am
from tests.counterfactual.programs import Bid, compute


@am.agent
class Counter:
    total: int = 0
    calls: int = 0

    @am.handler
    async def add(self, bid: Bid) -> int:
        self.calls += 1
        self.total += bid.amount + 100 * self.calls
        return await compute("sum", [self.total])
"""


@pytest.fixture(scope="module")
def counted(store: Path) -> Iterator[RecordedRun]:
    """A run in which two counters count: a 2, 4, 6 and b 1, 3, 5."""
    am.run(programs.counting, local=True, store=str(store), run_id="counted", quiet=True)
    with am.open_run("counted", store=str(store)) as run:
        yield run


def test_another_state_is_an_event_of_its_own(counted: RecordedRun, store: Path) -> None:
    """What follows from it is asked for; the other counter never notices."""
    programs.CALLS.clear()
    edit = am.edit.state("Counter/a", {"total": 50}, "Counter/a@2")
    report = checked(am.fork(counted, edit=edit, policy="live"), store)
    assert report.result == [2, 3, 5, 54 % 7 + 1, 3, 60 % 7 + 1]
    assert len(report.effects_issued) == len(programs.CALLS) == 2
    assert "Counter/b" not in report.cone
    with am.open_run(report.run_id, store=str(store)) as branch:
        state = branch.at("Counter/a@3").agent().state
        assert state is not None
        assert state["total"] == 50
        again = checked(
            am.fork(branch, edit=am.edit.result(9, "Counter/b@2"), policy="live"), store
        )
    assert again.result == [9, *report.result[1:]]
    assert am.diff("counted", report.run_id, store=str(store)).alignment.partings


def test_a_state_that_does_not_fit_is_refused(counted: RecordedRun) -> None:
    """The attribute is named, and no branch is made."""
    for edit, problem in (
        (am.edit.state("Counter/a", total="many"), "Counter.total can't be"),
        (am.edit.state("Counter/a", sum=3), "no attribute 'sum'"),
        (am.edit.state("Counter/c", total=3), "no agent 'Counter/c'"),
        (am.edit.state("counting/root", total=3), "has no state"),
    ):
        with pytest.raises(am.AgentMeshError, match=problem):
            am.fork(counted, at="Counter/a@2", edit=edit)
    with pytest.raises(am.UsageError, match="does not live yet"):
        am.fork(counted, at=0, edit=am.edit.state("Counter/a", total=3))
    with pytest.raises(am.UsageError, match="nothing says when"):
        am.fork(counted, edit=am.edit.state("Counter/a", total=3))


def test_agents_of_a_type_can_have_another_code(counted: RecordedRun, store: Path) -> None:
    """From an event on, with what they knew by then; who has done nothing yet begins with it."""
    edit = am.edit.code("Counter", programs.Doubler)
    report = checked(am.fork(counted, at="Counter/a@2", edit=edit, policy="live"), store)
    totals = [1, 2, 7, 10, 17, 22]
    assert report.result == [total % 7 + 1 for total in totals]


def test_code_can_come_from_a_file(counted: RecordedRun, store: Path, tmp_path: Path) -> None:
    """A replay of the branch finds it there."""
    file = tmp_path / "fixed.py"
    file.write_text(FIXED)
    edit = am.edit.code("Counter", file)
    report = checked(am.fork(counted, at="Counter/b@2", edit=edit, policy="live"), store)
    totals = [1, 102, 104, 306, 309, 612]
    assert report.result == [total % 7 + 1 for total in totals]


def test_code_that_does_not_fit_is_refused(counted: RecordedRun, tmp_path: Path) -> None:
    """Workflows, types that nobody defines, types that lack a handler."""
    (tmp_path / "empty.py").write_text("")
    for edit, problem in (
        (am.edit.code("counting", programs.Doubler), "it is a workflow"),
        (am.edit.code("Counter", "Doubbler"), "Doubbler"),
        (am.edit.code("Counter", programs.Auction), "has no handler add"),
        (am.edit.code("Counter", tmp_path / "none.py"), "There is no file"),
        (am.edit.code("Counter", tmp_path / "empty.py"), "defines no agent 'Counter'"),
    ):
        with pytest.raises(am.AgentMeshError, match=problem):
            am.fork(counted, at=0, edit=edit)
    with pytest.raises(am.UsageError, match="is no agent"):
        am.edit.code("Counter", programs.Bid)


def test_a_turn_ends_with_the_code_that_it_began_with(store: Path) -> None:
    """Whoever has one open until the branch ends is named."""
    am.run(programs.long_turn, local=True, store=str(store), run_id="long", quiet=True)
    edit = am.edit.code("Pair", programs.OtherPair)
    report = checked(am.fork("long", at="Pair/main@2", edit=edit, store=str(store)), store)
    assert (report.unchanged, report.changed) == ([], False)
    again = [edit, am.edit.ask_again("Pair/main@3")]
    report = am.fork("long", at="Pair/main@2", edit=again, store=str(store))
    assert (report.unchanged, report.stopped) == (["Pair/main"], "Pair/main asks for tool compute")
    early = am.fork("long", at="long_turn/root@1", edit=edit, store=str(store))
    assert checked(early, store).result == -1
