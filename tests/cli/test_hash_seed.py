"""Starting again under a known hash seed: once, and only where it is ours to do."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from agentmesh.cli import hash_seed
from agentmesh.errors import UsageError
from tests.cli.helpers import TIMEOUT_SECONDS, environment


@pytest.fixture
def restarts(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The environments of processes that would have taken this one's place."""
    taken: list[Mapping[str, str]] = []
    monkeypatch.setattr(
        "os.execve", lambda _file, _words, environment: taken.append(dict(environment))
    )
    monkeypatch.setattr(hash_seed, "_own_process", False)
    monkeypatch.setattr(hash_seed, "_rounds", 0)
    monkeypatch.delenv(hash_seed.ROUNDS, raising=False)
    monkeypatch.delenv(hash_seed.VARIABLE, raising=False)
    return taken


def test_a_process_that_is_not_ours_is_never_replaced(restarts: list[Mapping[str, str]]) -> None:
    """A test runner or notebook that calls a command as a function."""
    assert not hash_seed.ensure("7")
    assert restarts == []


def test_the_process_starts_again_under_the_seed(
    restarts: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a mark, so that it does not do so for ever."""
    monkeypatch.setenv("SOMETHING", "kept")
    hash_seed.claim_process()
    hash_seed.ensure("7")

    assert restarts[0][hash_seed.VARIABLE] == "7"
    assert restarts[0][hash_seed.ROUNDS] == "1"
    assert restarts[0]["SOMETHING"] == "kept"


def test_a_process_with_the_seed_stays(
    restarts: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it was written with zeros in front."""
    monkeypatch.setenv(hash_seed.VARIABLE, "007")
    hash_seed.claim_process()

    assert hash_seed.ensure("7")
    assert restarts == []


def test_it_never_loops(restarts: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Something between two starts takes the variable away again."""
    monkeypatch.setenv(hash_seed.ROUNDS, "2")
    hash_seed.claim_process()

    assert not hash_seed.ensure("7")
    assert restarts == []


def test_the_mark_is_not_inherited_by_others(
    restarts: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that calls `agentmesh` itself gets a fresh count."""
    import os

    monkeypatch.setenv(hash_seed.ROUNDS, "1")
    hash_seed.claim_process()

    assert hash_seed.ROUNDS not in os.environ
    assert restarts == []


def test_a_known_seed_is_kept_and_an_unknown_one_drawn(
    restarts: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`random` draws even where one is known, but not twice."""
    hash_seed.claim_process()
    hash_seed.settle()
    monkeypatch.setenv(hash_seed.VARIABLE, "5")
    hash_seed.settle()
    hash_seed.settle(hash_seed.RANDOM)
    monkeypatch.setattr(hash_seed, "_rounds", 1)
    hash_seed.settle(hash_seed.RANDOM)
    drawn = [each[hash_seed.VARIABLE] for each in restarts]

    assert len(drawn) == 2
    assert all(seed.isdigit() for seed in drawn)
    assert "5" not in drawn


@pytest.mark.parametrize("value", ["", "-1", "4294967296", "seven", "1.5", "recorded"])
def test_what_is_no_seed_is_refused(value: str) -> None:
    """Python would refuse to start."""
    with pytest.raises(UsageError, match="is not a hash seed"):
        hash_seed.check(value, hash_seed.RANDOM)


def test_seeds_are_written_in_one_way() -> None:
    """They are compared as texts."""
    assert hash_seed.check("007") == "7"
    assert hash_seed.check("random", hash_seed.RANDOM) == "random"
    assert hash_seed.check(None) is None


@pytest.mark.parametrize(
    ("options", "variable", "known"),
    [
        ([], "42", "42"),
        ([], "random", "None"),
        ([], "0", "0"),
        (["-I"], "42", "None"),
        (["-E"], "0", "None"),
    ],
)
def test_a_process_knows_its_seed_or_that_it_does_not(
    options: list[str], variable: str, known: str
) -> None:
    """A Python that ignores its environment ignores this variable, too."""
    text = "from agentmesh.cli import hash_seed; print(hash_seed.current())"
    done = subprocess.run(
        [sys.executable, *options, "-c", text],
        env=environment(PYTHONHASHSEED=variable),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )

    assert done.stdout.strip() == known
