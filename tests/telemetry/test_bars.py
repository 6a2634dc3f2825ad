"""What happened in an agent, as intervals: complete, in order, and the same from any cursor."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.journal.records import Sent, Step
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import CONTINUED, DEAD, DONE, FinishTurn, StartEffect
from agentmesh.kernel.envelope import STARTS_TURN, Envelope
from agentmesh.kernel.events import Delivered, Started
from agentmesh.telemetry.bars import (
    RETRIED,
    UNFINISHED,
    AgentBars,
    Bar,
    EffectBar,
    SendBar,
    TurnBar,
)
from tests.replay import random_programs

_LOCKED = [{"op": "count"}, {"op": "tool", "ms": 1, "fail": False}, {"op": "sleep", "ms": 1}]
PROGRAMS: list[list[random_programs.Operation]] = [
    [{"op": "ask", "agent": "Left", "key": "a", "body": _LOCKED}] * 3,
    [
        {"op": "tell", "key": "b", "body": [{"op": "log"}]},
        {"op": "stream", "key": "a", "body": [{"op": "count"}, {"op": "count"}], "take": 3},
        {"op": "timeout", "ms": 5, "body": [{"op": "sleep", "ms": 2000}]},
        {"op": "timeout", "ms": 5, "body": [{"op": "tool", "ms": 2000, "fail": False}]},
        {"op": "catch", "body": [{"op": "tool", "ms": 1, "fail": True}]},
    ],
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, store: Path) -> list[Run]:
    """The newsroom, and runs of agents that do several things at once."""
    folder = tmp_path_factory.mktemp("bars")
    for number, operations in enumerate(PROGRAMS):
        program = random_programs.Program(operations=operations)
        am.run(random_programs.one, program, local=True, store=str(folder), run_id=f"r{number}")
    opened = [Store(folder).open_run(f"r{number}") for number in range(len(PROGRAMS))]
    return [Store(store).open_run("news"), *opened]


def bars_of(steps: list[Step], agent: str) -> list[Bar]:
    """Return all that ended in an agent."""
    made = AgentBars(agent)
    return [bar for step in steps for bar in made.take(step)]


def test_everything_that_began_has_one_bar(runs: list[Run]) -> None:
    """Turns by their messages, asks by their counters, effects by their numbers."""
    for run in runs:
        for agent in run.addresses():
            steps = list(run.steps(agent))
            commands = [command for step in steps for command in step.commands]
            bars = bars_of(steps, agent)

            ended = Counter(c.message for c in commands if isinstance(c, FinishTurn))
            assert ended == Counter(
                b.message for b in bars if isinstance(b, TurnBar) and b.outcome != RETRIED
            )
            sent = {c.n for c in commands if isinstance(c, Sent) and c.kind in STARTS_TURN}
            assert sent == {b.command.n for b in bars if isinstance(b, SendBar)}
            effects = {(c.turn, c.n) for c in commands if isinstance(c, StartEffect)}
            assert effects == {
                (b.command.turn, b.command.n) for b in bars if isinstance(b, EffectBar)
            }


def test_nothing_ends_before_it_began(runs: list[Run]) -> None:
    """And no turn begins before its message came, or before the one before it ended."""
    for run in runs:
        for agent in run.addresses():
            bars = bars_of(list(run.steps(agent)), agent)
            turns = [bar for bar in bars if isinstance(bar, TurnBar)]
            assert all(bar.began_ns <= bar.ended_ns for bar in bars)
            assert all(bar.delivered_ns <= bar.began_ns for bar in turns)
            turns.sort(key=lambda bar: bar.turn)
            for one, other in pairwise(turns):
                assert one.ended_ns <= other.began_ns  # these agents do one thing at a time


def test_a_rest_after_a_failure_is_no_part_of_the_next_attempt(runs: list[Run]) -> None:
    """The press rests; the second attempt begins when it goes on."""
    bars = bars_of(list(runs[0].steps("Press/main")), "Press/main")
    failed, done = [bar for bar in bars if isinstance(bar, TurnBar)]

    assert (failed.outcome, failed.turn, done.outcome, done.turn) == (RETRIED, 1, DONE, 2)
    assert b"a jam" in failed.error
    assert done.began_ns - failed.ended_ns > 10_000_000
    assert done.ended_ns - done.began_ns < 50_000_000


def test_a_poison_message_has_a_bar_for_each_attempt(runs: list[Run]) -> None:
    """All but the last are marked as retried."""
    bars = bars_of(list(runs[0].steps("Press/old")), "Press/old")

    assert [bar.outcome for bar in bars] == [RETRIED, RETRIED, DEAD]


def test_causes_are_what_was_waited_for(runs: list[Run]) -> None:
    """The model is asked once the tool has answered; what is told follows from an ask's answer."""
    writer = bars_of(list(runs[0].steps("Writer/w1")), "Writer/w1")
    tool, model = [bar for bar in writer if isinstance(bar, EffectBar)]
    root = bars_of(list(runs[0].steps("newsroom/root")), "newsroom/root")
    told = next(bar for bar in root if isinstance(bar, SendBar) and bar.command.handler == "keep")

    assert tool.cause is None
    assert model.cause is not None
    assert (model.cause.turn, model.cause.n, model.cause.is_ask) == (1, 1, False)
    assert told.cause is not None
    assert told.cause.is_ask


@settings(max_examples=40)
@given(st.data())
def test_who_goes_on_from_a_cursor_sees_the_same_ends(runs: list[Run], data: st.DataObject) -> None:
    """From the first step that is needed on, what ends after the cut is just as it was."""
    run = data.draw(st.sampled_from(runs))
    agent = data.draw(st.sampled_from(run.addresses()))
    steps = list(run.steps(agent))
    cut = data.draw(st.integers(0, len(steps)))
    whole, after = AgentBars(agent), []
    low = 0
    for step in steps:
        if step.number == cut:
            low = whole.low_step(cut)
        ended = whole.take(step)
        after += ended if step.number >= cut else []

    resumed = AgentBars(agent, whole=low == 0)
    again = []
    for step in steps[low:]:
        ended = resumed.take(step)
        again += ended if step.number >= cut else []

    assert again == after
    assert (resumed.open, resumed.queued) == (whole.open, whole.queued)
    assert resumed.low_step(len(steps)) == whole.low_step(len(steps))


def test_what_has_no_end_is_told_as_unfinished(runs: list[Run]) -> None:
    """A record that breaks off in the middle of the newsroom."""
    made = AgentBars("newsroom/root")
    for step in list(runs[0].steps("newsroom/root"))[:3]:
        made.take(step)

    rest = list(made.rest())

    assert [bar.outcome for bar in rest] == [UNFINISHED] * 2
    assert {type(bar) for bar in rest} == {TurnBar, SendBar}


def test_a_queue_is_what_came_and_has_not_begun() -> None:
    """Three messages come while one is handled."""
    made = AgentBars("A/x")
    made.take(Step(0, Started(0, "A/x", "", 1)))
    for number in (1, 2, 3):
        effects = (StartEffect(1, 1, "tool", "t", "k", b"{}"),) if number == 1 else ()
        made.take(Step(number, Delivered(number, Envelope("B/y", number, "A/x", 0)), effects))
    waiting = made.queued
    ended = made.take(Step(4, Started(9, "A/x", "", 1), (FinishTurn(1, "B/y#1", CONTINUED),)))

    assert (waiting, made.queued, made.open) == (2, 2, 2)
    assert [bar.outcome for bar in ended] == [CONTINUED]
