"""Branches of recorded runs: what is reused, what runs, what is refused."""

from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.counterfactual.report import Report
from agentmesh.mesh.recorded_run import RecordedRun
from tests.counterfactual import programs


def checked(report: Report, store: Path) -> Report:
    """Return a report after its branch was replayed and audited."""
    assert am.replay_run(report.run_id, store=str(store)).identical
    findings = [
        finding
        for check in am.audit_run(report.run_id, store=str(store)).checks
        for finding in check.findings
    ]
    assert not findings
    return report


def test_a_branch_without_a_change_is_its_parent(sold: RecordedRun, store: Path) -> None:
    """Nothing runs, and nothing differs."""
    report = checked(am.fork(sold, at=0, store=str(store)), store)
    assert (report.executed, report.effects_issued, report.changed) == (0, [], False)
    assert report.events == len(sold.order())
    assert am.diff("sold", report.run_id, store=str(store)).identical


def test_an_edit_that_changes_nothing_reuses_everything_else(
    sold: RecordedRun, store: Path
) -> None:
    """The same result again: only the agent that gets it runs, and only until it rests."""
    edit = am.edit.result(4, "Bidder/Ann@2")
    report = checked(am.fork(sold, edit=edit, policy="live"), store)
    assert report.cone == {"Bidder/Ann": 2}
    assert report.reconverged == ["Bidder/Ann@3"]
    assert not report.effects_issued
    assert am.diff("sold", report.run_id, store=str(store)).identical


def test_what_an_edit_reaches_runs_again_and_the_rest_is_reused(
    sold: RecordedRun, store: Path
) -> None:
    """Another offer is paid for anew; the other bidder never notices."""
    programs.CALLS.clear()
    report = am.fork(
        sold,
        edit=am.edit.result(6, "Bidder/Ann@2"),
        answers={"pay": lambda amount: f"would pay {amount}"},
    )
    assert checked(report, store).result == {"Ann": "would pay 6", "Bernd": "too late"}
    assert report.effects_issued == ["Auction/a tool pay"]
    assert "Bidder/Bernd" not in report.cone
    assert not programs.CALLS
    diff = am.diff("sold", report.run_id, store=str(store))
    assert diff.alignment.partings[0].agent == "Bidder/Ann"


def test_a_parent_is_never_touched(sold: RecordedRun, store: Path) -> None:
    """Its files are what they were."""
    folder = Path(sold.path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    am.fork(sold, edit=am.edit.failure("no network", "Bidder/Ann@2"))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_branch_knows_its_parent_and_can_be_branched_off(sold: RecordedRun, store: Path) -> None:
    """Branches are runs like any other; what their handlers see has no branch's id."""
    first = am.fork(sold, edit=am.edit.failure("no network", "Bidder/Ann@2"))
    with am.open_run(first.run_id, store=str(store)) as branch:
        assert branch.info.parent == "sold"
        assert branch.info.interventions[0]["event"] == "Bidder/Ann@2"
        second = checked(am.fork(branch, at=0), store)
    with am.open_run(second.run_id, store=str(store)) as branch:
        assert (branch.info.parent, branch.info.known_as) == (first.run_id, "sold")
    assert second.error == first.error


def test_a_branch_stops_where_the_parent_has_no_answer(sold: RecordedRun, store: Path) -> None:
    """Nothing is performed unless somebody says so."""
    report = am.fork(sold, edit=am.edit.result(6, "Bidder/Ann@2"))
    assert report.status == "cancelled"
    assert report.stopped == "Auction/a asks for tool pay"
    assert am.replay_run(report.run_id, store=str(store)).identical


def test_what_cannot_be_taken_back_is_refused_without_a_word(
    sold: RecordedRun, store: Path
) -> None:
    """And done once it is allowed."""
    edit = am.edit.result(6, "Bidder/Ann@2")
    with pytest.raises(am.UsageError, match="can't be taken back"):
        am.fork(sold, edit=edit, policy="live")
    programs.CALLS.clear()
    report = am.fork(sold, edit=edit, policy="live", irreversible=True)
    assert checked(report, store).result == {"Ann": "paid 6", "Bernd": "too late"}
    assert programs.CALLS == ["pay"]


def test_a_message_that_comes_later_lets_the_other_win(sold: RecordedRun, store: Path) -> None:
    """Time goes on for everybody else; whoever waits for it comes later, too."""
    report = am.fork(sold, edit=am.edit.delay("2s", "Auction/a@1"), policy="live")
    assert checked(report, store).result == sold.info.result
    assert not report.effects_issued


@pytest.mark.parametrize(
    ("edit", "result"),
    [
        (am.edit.message({"who": "Zoe"}, "Auction/a@1"), ["paid 4", "too late"]),
        (am.edit.message("paid 400", "Bidder/Ann@3"), ["paid 400", "too late"]),
        (am.edit.duplicate("Auction/a@1"), ["paid 4", "too late"]),
        (am.edit.drop("Auction/a@3"), "not done by its deadline"),
        (am.edit.drop("Bidder/Bernd@3"), "not done by its deadline"),
    ],
)
def test_each_change_of_a_message_makes_a_run_that_replays(
    sold: RecordedRun, store: Path, edit: am.edit.Edit, result: list[str] | str
) -> None:
    """An audit knows what was changed on purpose, and finds nothing else wrong."""
    report = checked(am.fork(sold, edit=edit), store)
    assert not report.effects_issued
    if isinstance(result, list):
        assert list(report.result.values()) == result
    else:
        assert result in report.error["what"]


def test_a_message_that_nobody_sent_can_come_first(sold: RecordedRun, store: Path) -> None:
    """It has the auction before anybody else does."""
    edit = am.edit.insert("Auction/a", "offer", programs.Bid(who="Eve", amount=4))
    report = checked(am.fork(sold, at="Bidder/Ann@2", edit=edit, answers={"pay": "paid"}), store)
    assert report.result == {"Ann": "too late", "Bernd": "too late"}


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (am.edit.message({"amount": "much"}, "Auction/a@1"), "amount: Input should be a valid int"),
        (am.edit.message({"price": 3}, "Auction/a@1"), "price: Extra inputs are not permitted"),
        (am.edit.message(7, "Bidder/Ann@3"), "Input should be a valid string"),
        (am.edit.drop("Bidder/Ann@2"), "is no message that could be changed"),
        (am.edit.result(3, "Auction/a@0"), "is not the end of an effect"),
        (am.edit.insert("Auction/a", "sell", {}), "nothing says when"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(
    sold: RecordedRun, edit: am.edit.Edit, problem: str
) -> None:
    """The field is named, and no branch is made."""
    with pytest.raises(am.AgentMeshError, match=problem):
        am.fork(sold, edit=edit)


def test_a_branch_at_an_event_that_is_not_there_is_refused(sold: RecordedRun) -> None:
    """By agent and step, and by number."""
    for at in ("Auction/a@99", 9999):
        with pytest.raises(am.UnknownEventError):
            am.fork(sold, at=at)
    with pytest.raises(am.UsageError, match="begins only after it"):
        am.fork(sold, at="Auction/a@2", edit=am.edit.result(3, "Bidder/Ann@2"))


def test_code_that_changed_before_the_branch_begins_is_named(
    sold: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that has to run can't be brought to where it was."""
    monkeypatch.setattr(programs, "EXTRA", [1])
    with pytest.raises(am.DivergenceError, match="before that, today's program already does"):
        am.fork(sold, edit=am.edit.message("paid 5", "Bidder/Ann@3"))
