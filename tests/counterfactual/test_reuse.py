"""What is reused although numbers move, and what goes wrong on purpose."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.counterfactual.reaching import Reach
from agentmesh.mesh.recorded_run import RecordedRun
from tests.counterfactual import programs
from tests.counterfactual.test_forking import checked


@pytest.fixture(scope="module")
def done(store: Path) -> Iterator[RecordedRun]:
    """A run without a warm-up."""
    am.run(programs.chores, local=True, store=str(store), run_id="done", quiet=True)
    with am.open_run("done", store=str(store)) as run:
        yield run


@pytest.mark.parametrize("more", [1, 3])
def test_one_message_more_moves_numbers_and_no_answer_is_asked_for_again(
    done: RecordedRun, store: Path, more: int
) -> None:
    """All later messages of the workflow have other numbers; what they ask for was answered."""
    programs.CALLS.clear()
    edit = am.edit.result(more, "chores/root@2")
    report = checked(am.fork(done, edit=edit, policy="live"), store)
    assert report.result == done.info.result
    assert report.effects_issued == [f"Node/warm{n} tool compute" for n in range(more)]
    assert len(programs.CALLS) == more


def test_one_message_less_moves_numbers_and_asks_for_nothing(
    done: RecordedRun, store: Path
) -> None:
    """Back from a branch with two more."""
    edit = am.edit.result(2, "chores/root@2")
    longer = am.fork(done, edit=edit, policy="live")
    back = am.fork(
        longer.run_id, edit=am.edit.result(0, "chores/root@2"), policy="live", store=str(store)
    )
    assert checked(back, store).effects_issued == []
    assert back.result == done.info.result
    assert "Node/warm0" not in am.open_run(back.run_id, store=str(store)).addresses()


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("fail", "500 The server had an error"),
        ("429", "429 Rate limit reached"),
        ("truncate", "closed before the answer was complete"),
        ("malformed", "malformed"),
        ("stale", ""),
    ],
)
def test_an_effect_can_go_wrong(sold: RecordedRun, store: Path, how: str, result: str) -> None:
    """As its provider or the network would have it; a stale answer is an earlier one."""
    report = am.fork(sold, edit=am.edit.fault(how, "Auction/a@2"))
    checked(report, store)
    assert report.effects_edited == 1
    said = report.error["what"] if report.error else str(report.result)
    assert result in said


def test_a_process_can_end_while_it_waits(sold: RecordedRun, store: Path) -> None:
    """A payment that was under way may have been made or not; what may be repeated is."""
    crashed = am.edit.fault("crash", "Auction/a@1")
    report = checked(am.fork(sold, edit=crashed), store)
    assert "whether it was done is unknown" in report.error["what"]
    assert (report.kept, report.effects_edited) == (sold.order().find("Auction/a@1").number + 1, 1)
    harmless = am.fork(sold, edit=am.edit.fault("crash", "Bidder/Ann@1"))
    assert checked(harmless, store).result == sold.info.result


def test_a_fault_that_is_none_is_refused() -> None:
    """Slow is a delay."""
    with pytest.raises(am.UsageError, match="is no fault of an effect"):
        am.edit.fault("slow")


def test_who_nobody_looks_at_is_as_if_everybody_had_been(
    done: RecordedRun, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Branches in which all agents are looked at from the cut on are the same, event for event."""
    edits = [
        am.edit.result(1, "chores/root@2"),
        am.edit.result(5, "Node/n1@2"),
        am.edit.delay("1s", "Node/n2@1"),
        am.edit.drop("Node/n0@3"),
    ]
    brief = [
        am.fork(done, edit=edit, policy="live", run_id=f"b{n}") for n, edit in enumerate(edits)
    ]
    begin = Reach._begin

    def at_all(self: Reach) -> None:
        begin(self)
        for address in self._parent.order.addresses:
            if address not in self.players:
                self._look_at(address, self._parent.first(address))

    monkeypatch.setattr(Reach, "_begin", at_all)
    for edit, report in zip(edits, brief, strict=True):
        whole = am.fork(done, edit=edit, policy="live")
        assert (whole.result, whole.effects_issued) == (report.result, report.effects_issued)
        with (
            am.open_run(whole.run_id, store=str(store)) as one,
            am.open_run(report.run_id, store=str(store)) as other,
        ):
            assert one.addresses() == other.addresses()
            for address in one.addresses():
                assert list(one.steps(address)) == list(other.steps(address))
