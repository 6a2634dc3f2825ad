"""`agentmesh demo` as people type it first: on a Ray that it starts itself."""

from pathlib import Path

import pytest

from tests.cli.demos import UNLUCKY, check_demo
from tests.cli.helpers import command

pytestmark = [pytest.mark.ray, pytest.mark.own_ray, pytest.mark.timeout(300)]


def test_the_demo_runs_on_ray(tmp_path: Path) -> None:
    """The real thing: hosts are processes, messages travel, and it replays all the same."""
    words = ("demo", "--runs", "1", "--seed", UNLUCKY, "--json")
    check_demo(command(*words, cwd=tmp_path, seconds=240.0), runs=1)
