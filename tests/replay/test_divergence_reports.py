"""Planted nondeterminism is reported at the right event, with the line and both sides."""

import inspect
from pathlib import Path

import pytest

import agentmesh as am
from tests.replay import planted
from tests.replay.conftest import OtherProcess

SECOND_NOTE = 2
"""Step of the sinner's second message: 0 is its start, 1 the first message."""


def record(sin: str, store: Path, run_id: str) -> None:
    """Run the workflow once, in this process."""
    am.run(
        planted.sin_once,
        planted.Note(sin=sin),
        local=True,
        store=str(store),
        run_id=run_id,
        quiet=True,
    )


@pytest.mark.parametrize("sin", ["global", "id", "clock"])
def test_a_sin_is_reported_at_the_event_where_it_happened(
    sin: str, tmp_path: Path, other_process: OtherProcess
) -> None:
    """What no event contains makes the replay differ: there, and not earlier or later."""
    record("global", tmp_path, "before")  # so that the global is not what a new process has
    record(sin, tmp_path, "sinful")

    found = other_process.replay(tmp_path, "sinful")

    assert len(found["divergences"]) >= 1
    first = found["divergences"][0]
    assert (first["agent"], first["step"], first["index"]) == ("Sinner/main", SECOND_NOTE, 0)
    assert first["recorded"]["payload"]["value"] != first["replayed"]["payload"]["value"]
    assert first["pointer"] == "/payload/value"
    assert first["cause"] == "unrecorded input"
    line = line_of("# the line to be named")
    assert first["source"][-1].startswith(f"{planted.__file__}:{line} in note")


def test_a_program_without_sin_replays_without_divergence(
    tmp_path: Path, other_process: OtherProcess
) -> None:
    """The check can pass: the same workflow, sinless."""
    record("none", tmp_path, "good")

    found = other_process.replay(tmp_path, "good")

    assert found["divergences"] == []


def test_the_report_shows_both_sides_under_each_other(
    tmp_path: Path, other_process: OtherProcess
) -> None:
    """A person reads the report: recorded, replayed, where it differs, who issued it."""
    record("clock", tmp_path, "sinful")

    text = other_process.replay(tmp_path, "sinful")["divergences"][0]["text"]

    lines = [line.split(":")[0].strip() for line in text.splitlines()[1:5]]
    assert lines == ["recorded", "replayed", "differs", "issued by"]


def test_replaying_an_unknown_run_or_agent_says_what_there_is(tmp_path: Path) -> None:
    """A slip of the pen is answered with the nearest names."""
    record("none", tmp_path, "good")

    with pytest.raises(am.UnknownRunError, match="good"):
        am.replay_run("god", store=str(tmp_path))
    with pytest.raises(am.UnknownAgentError, match="Sinner/main"):
        am.replay_run("good", store=str(tmp_path), agents=["Siner"])


def test_any_subset_of_agents_replays_alone(tmp_path: Path) -> None:
    """Cells are independent: one type, without the others."""
    record("none", tmp_path, "good")

    report = am.replay_run("good", store=str(tmp_path), agents=["Sinner"])

    assert (report.agents, report.identical) == (1, True)


def line_of(text: str) -> int:
    """Return the number of the line of `planted` that contains a text."""
    lines = inspect.getsource(planted).splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)
