"""The pytest plugin of agentmesh: recorded runs as regression tests.

    @pytest.mark.agentmesh_replay("runs/checkout.mesh")  the run must replay on today's code
    def test_checkout(mesh_recording): ...               effects are answered from a recording
    pytest --mesh-record=none|once|new|all               what may be recorded, as with VCR
    def test_checkout(world, seeds): ...                 worlds under any schedule

It is installed as a module of its own, beside agentmesh, so that it costs nothing where nobody
uses it: pytest imports the plugins of everything that is installed, and a module of a package
imports the package. What it does is in `agentmesh.testing`, which is imported when a test asks.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agentmesh.testing.exploring import Worlds
    from agentmesh.testing.recording import Recording

MARK = "agentmesh_replay"
_OPTION = "--mesh-record"
_SEEDS = "--mesh-seeds"
_SETTING = "mesh_record"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--mesh-record`, and its default as a setting."""
    group = parser.getgroup("agentmesh", "recorded runs of agentmesh")
    group.addoption(
        _OPTION,
        choices=("none", "once", "new", "all"),
        help="what mesh_recording may record: nothing, what has no recording (the default), "
        "what is missing, or everything again",
    )
    group.addoption(
        _SEEDS, type=int, default=20, help="how many seeds the fixture `seeds` has (20)"
    )
    parser.addini(_SETTING, f"default of {_OPTION}", default="once")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(path, ..., program=None, agents=()): replay recorded runs (directories or .mesh "
        "files, relative to the test's file) before the test; it fails where one diverges",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Replay what the test is marked with, then run it."""
    for mark in item.iter_markers(MARK):
        _replay(item, mark)
    return (yield)


def _replay(item: pytest.Item, mark: pytest.Mark) -> None:
    from agentmesh.testing.regression import check

    if not mark.args:
        pytest.fail(f'@pytest.mark.{MARK}("PATH") names no recorded run', pytrace=False)
    for name in mark.args:
        problem = check(_path_of(item, name), **mark.kwargs)
        if problem:
            pytest.fail(problem, pytrace=False)


def _path_of(item: pytest.Item, name: str) -> Path:
    """Return a path relative to the test's file, or to pytest's root if it is only there."""
    beside = item.path.parent / name
    return (
        beside
        if beside.exists() or not (item.config.rootpath / name).exists()
        else (item.config.rootpath / name)
    )


@pytest.fixture
def world() -> "Iterator[Worlds]":
    """Make worlds, `world(workflow, message, ...)`, which are closed when the test has ended."""
    from agentmesh.testing.exploring import Worlds

    made = Worlds()
    yield made
    made.close()


@pytest.fixture
def seeds(pytestconfig: pytest.Config) -> list[str]:
    """Return seeds to try worlds with; `--mesh-seeds N` says how many."""
    from agentmesh.testing.exploring import seeds_of

    return seeds_of(pytestconfig.getoption(_SEEDS))


@pytest.fixture
def mesh_recording(request: pytest.FixtureRequest) -> "Recording":
    """Run workflows whose effects are recorded once, and answered from the recording later.

    `mesh_recording.run(workflow, message)` is `am.run`. Recordings are packed runs in the
    folder `recordings` beside the test's file, named after file and test.
    """
    from agentmesh.testing.recording import FOLDER, Recording, mode_of

    item, config = request.node, request.config
    mode = config.getoption(_OPTION) or config.getini(_SETTING)
    folder = item.path.parent / FOLDER / item.path.stem
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", _name_of(item)).strip("-.")
    command = f"pytest {shlex.quote(item.nodeid)}"
    return Recording(folder, name, mode_of(mode), command)


def _name_of(item: pytest.Item) -> str:
    """Return the test's name with its classes and parameters."""
    return item.nodeid.partition("::")[2].replace("::", ".")
