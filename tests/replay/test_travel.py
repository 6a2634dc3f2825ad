"""A replay stands at any step, wherever it comes from, and shows what was."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.host import checkpoints
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.run import Run
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.replay import resting
from agentmesh.replay.driver import Replayer
from agentmesh.replay.recorded import recorded_rests
from agentmesh.replay.travel import ReplayTimeline
from agentmesh.replay.view import view
from tests.replay import planted, travelled

NOTES = 300
LEDGER, READER, ROOT = "Ledger/main", "Reader/r1", "keep_books/root"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one run."""
    store = str(tmp_path_factory.mktemp("store"))
    note = travelled.Note(number=NOTES)
    am.run(travelled.keep_books, note, local=True, store=store, run_id="books", quiet=True)
    return store


@pytest.fixture(scope="module")
def run(store: str) -> Iterator[RecordedRun]:
    """The run, open."""
    with am.open_run("books", store=store) as run:
        yield run


@pytest.fixture(scope="module")
def replayer(run: RecordedRun) -> Replayer:
    """What replays it."""
    return run.timelines().replayer


Look = tuple[dict[str, Any], list[Any], list[Any]]


def look(timeline: ReplayTimeline) -> Look:
    """Return all that can be seen of an agent, and what JSON does not say of it."""
    seen = view(timeline.cell, timeline.position, under_way=timeline.under_way)
    instance: Any = timeline.cell.instance
    entries = getattr(instance, "entries", [])
    return seen.as_json(), [entry._hidden for entry in entries], timeline.issued


def look_at(timeline: ReplayTimeline, step: int) -> Look:
    """Go to a step and look."""
    timeline.goto(step)
    return look(timeline)


@pytest.fixture(scope="module")
def truth(replayer: Replayer) -> dict[str, list[Look]]:
    """What each agent was after each step, replayed from its start without any shortcut."""
    found: dict[str, list[Look]] = {}
    for address in (LEDGER, READER, ROOT):
        timeline = ReplayTimeline(replayer, address)
        timeline._rests.trusted = False
        steps = replayer.run.count_steps(address)
        found[address] = [look_at(timeline, step) for step in range(steps)]
        assert timeline.kept == 0
    return found


@pytest.mark.parametrize("address", [LEDGER, READER, ROOT])
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_wherever_one_comes_from_a_step_shows_the_same(
    address: str, data: st.DataObject, replayer: Replayer, truth: dict[str, list[Look]]
) -> None:
    """State, mailbox, stacks, what is pending, and what the next step issues."""
    known = truth[address]
    places = st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=12)
    timeline = ReplayTimeline(replayer, address)

    for place in data.draw(places):
        timeline.goto(place)
        assert look(timeline) == known[place]
        if place + 1 < len(known):
            timeline.forward()
            assert look(timeline) == known[place + 1]
            timeline.back()
            assert look(timeline) == known[place]


def test_stepping_back_through_everything_replays_few_steps_each(
    replayer: Replayer, truth: dict[str, list[Look]]
) -> None:
    """An agent that comes to rest between two messages: no jump back starts at its start."""
    known = truth[LEDGER]
    timeline = ReplayTimeline(replayer, LEDGER)
    timeline.goto(len(known) - 1)
    replayed = timeline.replayed

    for step in range(len(known) - 2, -1, -1):
        timeline.back()
        assert look(timeline) == known[step]

    assert (timeline.replayed - replayed) / len(known) < 12
    assert timeline.kept <= resting.SPINE_MAX + resting.NEAR_MAX


def test_there_are_never_more_rests_than_allowed(
    replayer: Replayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long run: the rests thin out, and lie further and further apart."""
    monkeypatch.setattr(resting, "SPINE_MAX", 4)
    monkeypatch.setattr(resting, "STRIDE", 2)
    timeline = ReplayTimeline(replayer, LEDGER)

    timeline.goto(replayer.run.count_steps(LEDGER) - 1)

    spine = timeline._rests._spine
    assert 1 < len(spine) <= 4
    apart = [two.step - one.step for one, two in itertools.pairwise(spine)]
    assert min(apart) > 16


def test_before_the_first_step_there_is_nobody(replayer: Replayer) -> None:
    """The step -1: the agent has not begun."""
    timeline = ReplayTimeline(replayer, LEDGER)
    timeline.goto(5)

    seen = view(timeline.before(0), timeline.position, address=LEDGER)

    assert (seen.step, seen.state, seen.lifecycle) == (-1, None, "new")
    assert timeline.forward().instance is not None


@pytest.mark.parametrize("step", [-2, 10_000])
def test_a_step_that_is_not_there_is_refused_and_nothing_moves(
    step: int, replayer: Replayer
) -> None:
    """The error names the steps there are; the timeline stays usable."""
    timeline = ReplayTimeline(replayer, LEDGER)
    timeline.goto(3)
    last = replayer.run.count_steps(LEDGER) - 1

    with pytest.raises(am.UnknownEventError, match=f"0 to {last}"):
        timeline.goto(step)

    timeline.goto(2)
    assert timeline.position == 2


def test_an_agent_that_never_lived_is_refused(replayer: Replayer) -> None:
    """No such address in the run."""
    with pytest.raises(am.UnknownAgentError, match="Ledger/nobody"):
        ReplayTimeline(replayer, "Ledger/nobody")


def test_a_rest_that_does_not_go_on_alike_is_not_used_again(
    replayer: Replayer, truth: dict[str, list[Look]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What copies lose shows in a command: the state is then that of a replay from the start."""
    plain = resting.take

    def lossy(cell: Any, step: int) -> resting.Rest | None:
        rest = plain(cell, step)
        return rest and resting.Rest(rest.step, rest.taken, None)  # JSON only: hidden parts go

    monkeypatch.setattr(resting, "take", lossy)
    timeline = ReplayTimeline(replayer, LEDGER)
    timeline.goto(300)
    assert timeline.kept

    timeline.goto(240)

    assert look(timeline) == truth[LEDGER][240]
    assert timeline.divergence is None


def test_looking_changes_nothing(replayer: Replayer, truth: dict[str, list[Look]]) -> None:
    """Between any two steps of a busy agent somebody looks, twice."""
    timeline = ReplayTimeline(replayer, READER)

    for known in truth[READER]:
        timeline.forward()
        assert look(timeline) == look(timeline) == known

    assert timeline.divergence is None


def test_a_cell_given_away_is_made_again(replayer: Replayer, truth: dict[str, list[Look]]) -> None:
    """Whoever takes a cell goes on with it; the timeline is where it was."""
    timeline = ReplayTimeline(replayer, LEDGER)
    timeline.goto(50)

    taken = timeline.take()

    assert timeline.cell is not taken
    assert look(timeline) == truth[LEDGER][50]


def test_stacks_show_where_every_task_of_a_turn_stands(
    replayer: Replayer, truth: dict[str, list[Look]]
) -> None:
    """A handler in a task group, and one in an asynchronous generator."""
    turns = [turn for seen, _, _ in truth[READER] for turn in seen["turns"]]
    stacks = {
        tuple(frame["function"] for frame in task["stack"] if not frame["library"])
        for turn in turns
        for task in turn["tasks"]
    }
    assert ("Reader.read",) in stacks
    assert ("Reader._later",) in stacks
    assert ("Reader.read", "Reader._pieces") in stacks
    frames = [frame for turn in turns for task in turn["tasks"] for frame in task["stack"]]
    assert "found = await look_up(note.number)" in {frame["source"] for frame in frames}
    assert {"note": "Note(number=0)"} in [frame["locals"] for frame in frames]
    waits = {task["waits_for"] for turn in turns for task in turn["tasks"]}
    assert "tool look_up" in waits
    assert any(each.startswith("time: ") for each in waits)


def test_divergence_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    """A handler that reads a module global: what it is now is not what was recorded."""
    store = str(tmp_path)
    note = planted.Note(sin="global")
    am.run(planted.sin_once, note, local=True, store=store, run_id="sin", quiet=True)

    with am.open_run("sin", store=store) as run:
        with pytest.raises(am.DivergenceError, match="differs from the record at event 2"):
            run.at("Sinner/main@3").agent()
        assert run.at("Sinner/main@1").agent().state == {"notes": 1}
        assert run.at("Sinner/main@2").before() == run.at("Sinner/main@1").agent()
        anyway = run.at("Sinner/main@3", anyway=True).agent()
        assert anyway.diverged
        assert anyway.state == {"notes": 3}
        assert not run.at("Sinner/main@1", anyway=True).agent().diverged


def test_the_runs_own_snapshots_are_starting_points_as_long_as_the_code_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that broke off: its logs and the latest snapshot of its host are still there."""
    store = str(tmp_path)
    with monkeypatch.context() as broken_off:
        broken_off.setattr(checkpoints, "SEGMENT_BYTES", 40_000)
        broken_off.setattr(RunDirectory, "clear_leavings", lambda _: None)
        broken_off.setattr(RecordedRun, "seal", lambda _: None)
        broken_off.setattr(Run, "seal", lambda _: None)
        note = travelled.Note(number=NOTES)
        am.run(travelled.keep_books, note, local=True, store=store, run_id="b", quiet=True)

    with am.open_run("b", store=store) as run:
        replayer = run.timelines().replayer
        known = recorded_rests(run, READER, replayer.today)
        assert [rest.step for rest in known] > [20]
        timeline = ReplayTimeline(replayer, READER, known=known)
        timeline.goto(known[0].step + 2)
        plain = ReplayTimeline(replayer, READER)
        plain.goto(known[0].step + 2)
        changed = dataclasses.replace(replayer.today, sources={})

        assert timeline.replayed == 2
        assert look(timeline) == look(plain)
        assert recorded_rests(run, READER, changed) == []
