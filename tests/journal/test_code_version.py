"""Which code ran: exact inside a repository, honest outside."""

import os
import subprocess
from pathlib import Path

import pytest

from agentmesh.journal.code_version import collect_code_version


def git(folder: Path, *arguments: str) -> str:
    """Run git without the developer's own configuration."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one committed file."""
    git(tmp_path, "init", "-q")
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "package").mkdir()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    return tmp_path


def test_clean_code_is_its_commit(repository: Path) -> None:
    """Everything is committed."""
    version = collect_code_version(repository / "app.py")

    assert version.commit == git(repository, "rev-parse", "HEAD")
    assert (version.dirty, version.diff, version.problem) == (False, "", "")


def test_changed_code_has_a_digest_of_the_change(repository: Path) -> None:
    """Somebody tries something out."""
    (repository / "app.py").write_text("x = 2\n")
    two = collect_code_version(repository / "package")
    (repository / "app.py").write_text("x = 3\n")
    three = collect_code_version(repository)

    assert two.dirty
    assert two.commit == three.commit
    assert len(two.diff) == 64
    assert two.diff != three.diff


def test_a_new_module_is_a_change(repository: Path) -> None:
    """It was never added, and the run imports it."""
    (repository / "new.py").write_text("x = 1\n")
    one = collect_code_version(repository)
    (repository / "new.py").write_text("x = 2\n")

    assert one.dirty
    assert one.diff != collect_code_version(repository).diff


def test_outside_a_repository_the_reason_is_said(tmp_path: Path) -> None:
    """A script in the home directory."""
    version = collect_code_version(tmp_path)

    assert (version.commit, version.dirty) == ("", False)
    assert "not a git repository" in version.problem


def test_without_git_the_reason_is_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A slim container."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    assert collect_code_version(repository).problem == "git is not installed"


def test_a_slow_git_is_not_waited_for(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A repository on a network drive."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")

    assert collect_code_version(repository, deadline_seconds=0.2).problem == "git took too long"
