"""`run.when` and `run.at`: agents by name, questions over their state, moments of a run."""

from collections.abc import Iterator
from typing import Any

import pytest

import agentmesh as am
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.replay import watching
from tests.replay import travelled

NOTES = 25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedRun]:
    """A recorded run, open."""
    store = str(tmp_path_factory.mktemp("store"))
    note = travelled.Note(number=NOTES)
    am.run(travelled.keep_books, note, local=True, store=store, run_id="books", quiet=True)
    with am.open_run("books", store=store) as run:
        yield run


def counts(run: RecordedRun) -> list[int]:
    """Return what `Ledger.count` is after each of its events, as `run.at` shows it."""
    steps = range(run.count_steps("Ledger/main"))
    views = [run.at(("Ledger/main", step)).agent() for step in steps]
    return [view.state["count"] if view.state else 0 for view in views]


@pytest.mark.parametrize(
    ("about", "predicate"),
    [
        ("ledger.count > 20", None),
        ("Ledger.count > 20", None),
        ("Ledger['main'].count > 20", None),
        ("Ledger/main", "count > 20"),
        ("ledger", "self.count > 20"),
        ("LEDGER", lambda ledger: ledger.count > 20),
    ],
)
def test_first_and_last_are_those_that_a_look_at_every_event_finds(
    run: RecordedRun, about: str, predicate: Any
) -> None:
    """However the agent is named, and whether a text or a function asks."""
    holding = [step for step, count in enumerate(counts(run)) if count > 20]

    found = run.when(about, predicate)

    assert found
    assert found.first is not None
    assert found.last is not None
    assert (found.first.step, found.last.step) == (holding[0], holding[-1])
    assert found.holds == len(holding)
    assert str(found.first) == f"Ledger/main@{holding[0]}"


def test_changed_holds_after_each_event_that_changes_it(run: RecordedRun) -> None:
    """`count` grows by one a message."""
    seen = counts(run)
    changes = [step for step in range(1, len(seen)) if seen[step] != seen[step - 1]]

    found = run.when("changed('ledger.count')")

    assert next(each.first.step for each in found.spans if each.events == 1) == changes[0]
    assert found.holds == len(changes) == NOTES


def test_several_agents_are_asked_in_the_order_of_what_happened(run: RecordedRun) -> None:
    """After each event of either, at a cut that is causally consistent."""
    found = run.when("ledger.count == 1 and len(reader.seen) == 4")

    assert found.first is not None
    assert found.first.address == "Reader/r1"
    assert {each.first.address for each in found.spans} <= {"Reader/r1", "Ledger/main"}
    moment = run.at(str(found.first))
    assert moment.agent("ledger").state == run.at(str(found.last)).agent("ledger").state
    assert len((moment.agent().state or {})["seen"]) == 4


def test_rows_beyond_the_limit_are_counted_and_the_last_is_kept(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that holds after every second event of a long run."""
    whole = run.when("ledger.status == 'odd'")
    monkeypatch.setattr(watching, "SPANS_MAX", 3)

    found = run.when("ledger.status == 'odd'")

    assert len(found.spans) == 3
    assert found.left_out == len(whole.spans) - 3
    assert (found.holds, found.first, found.last) == (whole.holds, whole.first, whole.last)


def test_where_asking_fails_is_counted_told_once_and_does_not_hold(run: RecordedRun) -> None:
    """Before the first row there is none to look at."""
    found = run.when("ledger.rows[1][0] == 10")

    assert found
    assert found.failures > 5
    assert found.failure is not None
    assert str(found.failure.at) == "Ledger/main@0"
    assert found.failure.error == "IndexError: list index out of range"
    assert found.failure.values == {"rows": "[]"}


@pytest.mark.parametrize(
    ("about", "error", "match"),
    [
        ("ledger.status > 3", am.UsageError, "fails after each of"),
        ("ledger.nothing", am.UsageError, "has no attribute 'nothing'"),
        ("keep_books.count", am.UsageError, "has no attribute"),
        ("clerk.count", am.UnknownAgentError, "never lived"),
        ("ledger.rows.clear()", am.UsageError, "is refused"),
    ],
)
def test_questions_that_make_no_sense_are_refused(
    run: RecordedRun, about: str, error: type[Exception], match: str
) -> None:
    """Always failing, unknown attributes and agents, side effects."""
    with pytest.raises(error, match=match):
        run.when(about)


def test_a_function_can_look_and_not_touch(run: RecordedRun) -> None:
    """What it is given are copies, and nothing can be set."""

    def meddle(ledger: Any) -> bool:
        ledger.rows.clear()
        ledger.entries.append("x")
        with pytest.raises(AttributeError, match="only looked at"):
            ledger.count = 7
        return bool(ledger.rows)

    found = run.when("ledger", meddle)

    assert found.divergences == []
    assert found.failures == 0
    assert found.holds > NOTES - 3


def test_an_agent_is_watched_up_to_its_divergence(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A handler that reads a module global."""
    from tests.replay import planted

    store = str(tmp_path_factory.mktemp("store"))
    note = planted.Note(sin="global")
    am.run(planted.sin_once, note, local=True, store=store, run_id="sin", quiet=True)
    with am.open_run("sin", store=store) as run:
        found = run.when("sinner.notes > 0")

    assert [(each.agent, each.step) for each in found.divergences] == [("Sinner/main", 2)]
    assert (str(found.first), str(found.last)) == ("Sinner/main@1", "Sinner/main@1")


def test_a_moment_has_all_agents_at_a_consistent_cut(run: RecordedRun) -> None:
    """No agent has taken in a message that nobody has sent by then."""
    for number in range(0, len(run.order()), 7):
        moment = run.at(number)
        views = {each.address: each for each in moment.views()}
        assert sorted(views) == moment.agents
        assert {each: view.step for each, view in views.items()} == moment.cut
        assert moment.number == number
        asked = {ask.message for view in views.values() for ask in view.asks}
        for address, view in views.items():
            for turn in view.turns:
                sender = turn.message.sender
                assert sender == "@client" or turn.message.id in asked or turn.finished, address


def test_what_an_event_changed_is_told_by_pointer(run: RecordedRun) -> None:
    """One message: a counter, a text, a list in a list."""
    first = run.when("ledger.count == 4").first
    assert first is not None

    changed = {each.pointer: (each.before, each.after) for each in run.at(str(first)).changes()}

    assert changed["/state/count"] == (3, 4)
    assert changed["/state/status"] == ("even", "odd")
    assert changed["/state/rows/0/3"] == (None, 3)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("Ledger/main@999999", am.UnknownEventError),
        (999_999, am.UnknownEventError),
        ("Ledger/other@1", am.UnknownAgentError),
        ("nonsense", am.UsageError),
        (-1, am.UsageError),
    ],
)
def test_events_that_are_not_there_are_refused(
    run: RecordedRun, event: Any, error: type[Exception]
) -> None:
    """Numbers too high, agents that never lived, no event at all."""
    with pytest.raises(error):
        run.at(event)


def test_an_agent_that_has_not_begun_has_no_state(run: RecordedRun) -> None:
    """At the very first event of the run only one agent is there."""
    moment = run.at(0)

    assert moment.agents == ["keep_books/root"]
    seen = moment.agent("Reader")
    assert (seen.step, seen.state, seen.lifecycle) == (-1, None, "new")
