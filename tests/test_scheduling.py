"""Which tests stay together when the suite is shared among processes."""

import pytest

from tests.scheduling import ROOT, group_of

TESTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py"))


def test_tests_with_ray_share_one_process() -> None:
    """Wherever they are, and with whatever arguments."""
    ids = ("tests/fabric/test_driver.py::test_x", "tests/replay/test_replay_of_ray_runs.py::t[1]")

    assert {group_of(each) for each in ids} == {"ray"}


def test_tests_that_start_their_own_ray_share_another_process() -> None:
    """One after the other, beside those that share one."""
    modules = ("tests/fabric/test_scripts.py", "tests/chaos/test_lost_nodes.py")

    assert {group_of(f"{each}::test_x") for each in modules} == {"own ray"}


def test_tests_with_a_fixture_for_all_of_them_share_a_process() -> None:
    """It is made once."""
    module = "tests/typing/test_api_types.py"

    assert group_of(f"{module}::test_one") == group_of(f"{module}::test_other") == module


def test_any_other_test_goes_to_whoever_is_free() -> None:
    """Also beside others of its module."""
    module = "tests/ambient/test_clocks.py"

    assert group_of(f"{module}::test_one") != group_of(f"{module}::test_other")


@pytest.mark.parametrize("fixture", ["local_ray", "on_ray"])
def test_who_asks_for_ray_is_in_its_group(fixture: str) -> None:
    """A module that forgets the marker would start a second Ray beside the first."""
    asking = [each for each in TESTS if f"{fixture}:" in (ROOT / each).read_text(encoding="utf-8")]

    assert [each for each in asking if group_of(f"{each}::t") != "ray"] == []
