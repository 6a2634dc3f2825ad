"""One idea each: they print what they promise, and their runs replay."""

from pathlib import Path

import pytest

from tests.examples.running import (
    EXAMPLES,
    assert_as_expected,
    expected_output,
    replay_elsewhere,
    run_example,
)

SMALL = ("hello.py", "long_running.py", "race.py", "stream_and_cancel.py", "supervision.py")
RACES_MAX = 6


@pytest.mark.parametrize("name", SMALL)
def test_a_small_example_prints_what_its_docstring_says_and_replays(name: str, tmp_path: Path):
    """A reader types the command from the docstring, and then `agentmesh replay`."""
    ran = run_example(name, store=tmp_path)

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert_as_expected(name, ran.out)
    assert replay_elsewhere(ran)["divergences"] == []


def test_races_end_differently_and_each_replays_with_its_own_winners(tmp_path: Path):
    """Five races a run: that several runs in a row have the same winners is next to impossible."""
    seen = set()
    for number in range(RACES_MAX):
        ran = run_example("race.py", store=tmp_path / str(number))
        assert replay_elsewhere(ran)["divergences"] == []
        seen.add(ran.out)
        if len(seen) > 1:
            break

    assert len(seen) == 2, seen


def test_every_example_ends_its_docstring_with_the_output_to_expect():
    """Also those that are added later; each of them also has a test that compares."""
    files = sorted(EXAMPLES.rglob("*.py"))

    assert len(files) >= len(SMALL)
    assert [
        file.name for file in files if not expected_output(str(file.relative_to(EXAMPLES)))
    ] == []


def test_an_experiment_comes_to_the_same_on_any_machine(tmp_path: Path):
    """Its worlds are virtual: the figures of the docstring are those of every reader."""
    ran = run_example("experiment.py", store=tmp_path)

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert_as_expected("experiment.py", ran.out)
