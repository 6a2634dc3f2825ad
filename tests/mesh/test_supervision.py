"""Agents that fail, run through the front door in this process, and replayed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.cli.facts import gather
from tests.mesh import supervised_programs as programs

DRAIN_SECONDS = 5.0
"""How long a run waits for what is still under way."""


def run(workflow: Callable[[], Any], store: Path, **options: Any) -> Any:
    """Run locally and quietly."""
    return am.run(workflow, local=True, store=str(store), run_id="r", quiet=True, **options)


def assert_it_replays(store: Path) -> None:
    """The recorded run is repeated exactly: restarts, rests and attempts included."""
    report = am.replay_run("r", store=str(store))
    assert report.divergences == []
    assert report.turns > 0


def test_bad_messages_leave_no_trace_in_the_state(tmp_path: Path) -> None:
    """Each is tried twice and set aside; the count is that of the good ones."""
    twice = [f"ValueError(by -{n}) ValueError(by -{n})" for n in (3, 6, 9)]

    assert run(programs.counts, tmp_path) == [
        *("1", "3", twice[0]),
        *("7", "12", twice[1]),
        *("19", "27", twice[2]),
        "37",
    ]
    assert_it_replays(tmp_path)


def test_dead_letters_are_known_with_every_attempt(tmp_path: Path) -> None:
    """From whom, to whom, why, and when it was tried."""
    run(programs.counts, tmp_path)
    with am.open_run("r", store=str(tmp_path)) as opened:
        letters = gather(opened).dead_letters

    assert [(one.sender, one.agent, one.handler) for one in letters] == [
        ("counts/root", "Counter/main", "add")
    ] * 3
    assert [[one["attempt"] for one in letter.history] for letter in letters] == [[1, 2]] * 3
    assert "in add" in letters[0].traceback


def test_a_fresh_restart_goes_back_to_what_was_spawned(tmp_path: Path) -> None:
    """The asker gets the handler's own error."""
    assert run(programs.forgets, tmp_path) == [105, 101]
    assert_it_replays(tmp_path)


def test_monitors_tell_how_agents_stopped(tmp_path: Path) -> None:
    """By policy, when asked, and afterwards."""
    assert run(programs.watches, tmp_path) == [
        "Fragile/main failed LookupError",
        "Counter/main asked NoneType",
        "Fragile/main failed LookupError",
    ]
    assert_it_replays(tmp_path)


def test_an_escalation_ends_the_turns_of_who_spawned_the_agent(tmp_path: Path) -> None:
    """And only those: the parent keeps its state."""
    assert run(programs.escalates, tmp_path) == "Worker/w LookupError 1"
    assert_it_replays(tmp_path)


def test_an_escalation_of_an_agent_that_nobody_spawned_fails_the_run(tmp_path: Path) -> None:
    """Long before the workflow would have come to an end."""
    with pytest.raises(am.EscalatedError, match="Worker/main failed") as caught:
        run(programs.fails_with_its_worker, tmp_path)

    assert isinstance(caught.value.original, LookupError)
    assert_it_replays(tmp_path)


def test_who_watches_does_not_keep_a_run_from_ending(tmp_path: Path) -> None:
    """Nothing is due, so nobody waits for it; it is ended with the run."""
    started = time.monotonic()
    assert run(programs.leaves_a_watcher, tmp_path) == "done"
    took = time.monotonic() - started
    with am.open_run("r", store=str(tmp_path)) as opened:
        facts = gather(opened)

    assert dict(facts.outcomes) == {"done": 1, "cancelled": 1}
    assert facts.agents[0].address == "Counter/7"
    assert took < DRAIN_SECONDS
