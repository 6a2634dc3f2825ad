"""What a host process does before it runs anything: find its program."""

from pathlib import Path

import pytest

from agentmesh.fabric.opening import found_here
from agentmesh.host.plan import Entry


def entry(file: str) -> Entry:
    """A workflow that somebody's script defines."""
    return Entry(module="__main__", file=file, workflow="main", sys_path=("/somewhere/else",))


def test_a_program_is_where_the_driver_said(tmp_path: Path) -> None:
    """On one machine, or with a file system that all nodes share."""
    script = tmp_path / "app.py"
    script.touch()

    assert found_here(entry(str(script))) == entry(str(script))


def test_a_program_in_an_unpacked_directory_is_found_by_the_end_of_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray unpacked the job's directory at another place on this node."""
    script = tmp_path / "src" / "app.py"
    script.parent.mkdir()
    script.touch()
    monkeypatch.chdir(tmp_path)
    found = found_here(entry("/head/node/copies/src/app.py"))

    assert found.file == str(script)
    assert found.sys_path == (str(script.parent), str(tmp_path), "/somewhere/else")


def test_a_program_that_is_nowhere_stays_where_it_was_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever imports it says that it is not on this machine."""
    monkeypatch.chdir(tmp_path)

    assert found_here(entry("/head/node/app.py")) == entry("/head/node/app.py")


def test_a_program_without_a_file_is_imported_by_name() -> None:
    """A notebook, or a module that is installed."""
    assert found_here(entry("")) == entry("")
