"""Which code had a say in a divergence, and how it differs from what was recorded."""

import subprocess
from pathlib import Path

import pytest

from agentmesh.journal.run_info import CodeVersion, EntryPoint, RunInfo
from agentmesh.journal.source_units import digests_of
from agentmesh.replay.code_changes import CodeChanges, code_changes

SOURCE = """LIMIT = 3
GREETING = make("hello")


def make(text):
    return text


def unused():
    return LIMIT


class Till:
    rate: int = 1

    def pay(self):
        # sums up
        return LIMIT + self.rate

    def other(self):
        return unused()
"""


class Repository:
    """A module under git, what was recorded of it, and what is there now."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "till.py"
        self.file.write_text(SOURCE, encoding="utf-8")
        self.git("init", "-q")
        self.commit()
        self.recorded = SOURCE

    def git(self, *words: str) -> str:
        """Run git there, as somebody."""
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *words],
            cwd=self.file.parent,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.strip()

    def commit(self) -> None:
        """Commit what is there."""
        self.git("add", "till.py")
        self.git("commit", "-qm", "x")

    def edit(self, old: str, new: str) -> None:
        """Edit what is there."""
        text = self.file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def changes(self, *ran: str, commit: str | None = None) -> CodeChanges:
        """Compare what is there with what was recorded, after these functions ran."""
        info = RunInfo(
            id="r",
            entry=EntryPoint(module="till", file=str(self.file)),
            functions={"till": digests_of(self.recorded.encode())},
            code=CodeVersion(commit=self.git("rev-parse", "HEAD") if commit is None else commit),
        )
        today = digests_of(self.file.read_bytes())
        steps = {(str(self.file), name): step for step, name in enumerate(ran)}
        return code_changes(info, {"till": today}, {"till": str(self.file)}, steps)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository whose module was recorded as it is committed."""
    return Repository(tmp_path)


def test_a_function_that_ran_is_shown_against_the_commit(repository: Repository) -> None:
    """Git has what its digest says ran."""
    repository.edit("return LIMIT + self.rate", "return LIMIT - self.rate")

    (found,) = repository.changes("Till.pay").used

    assert (found.name, found.ran_at, found.how) == ("Till.pay", 0, "changed")
    assert "-    return LIMIT + self.rate" in found.diff
    assert "+    return LIMIT - self.rate" in found.diff
    assert "not committed" not in found.note


def test_what_did_not_run_had_no_say(repository: Repository) -> None:
    """It is named apart: an agent is a function of the code that it runs."""
    repository.edit("return unused()", "return 0")
    repository.edit("    return LIMIT\n\n", "    return 0\n\n")

    found = repository.changes("Till.pay")

    assert (found.used, found.others) == ([], ["Till.other", "unused"])


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("LIMIT = 3", "LIMIT = 4", "LIMIT"),
        ("rate: int = 1", "rate: int = 2", "Till"),
    ],
)
def test_what_a_function_names_had_a_say(
    repository: Repository, old: str, new: str, name: str
) -> None:
    """A constant that it reads, and the class that it is in."""
    repository.edit(old, new)

    (found,) = repository.changes("Till.pay").used

    assert (found.name, found.ran_at) == (name, None)


def test_a_function_that_made_a_constant_had_a_say(repository: Repository) -> None:
    """It ran when the module was imported, which no replay sees."""
    repository.edit("    return text", "    return text.upper()")
    repository.edit("return LIMIT + self.rate", "return GREETING")
    repository.recorded = SOURCE.replace("return LIMIT + self.rate", "return GREETING")

    (found,) = repository.changes("Till.pay").used

    assert found.name == "make"


def test_comments_and_layout_change_nothing(repository: Repository) -> None:
    """As far as git can show it."""
    repository.edit("# sums up", "# sums it all up")

    assert repository.changes("Till.pay").used == []


def test_a_new_function_is_told_as_new_and_after_what_changed(repository: Repository) -> None:
    """Who calls it has changed, and comes first."""
    repository.edit("return LIMIT + self.rate", "return fresh()")
    repository.edit("def make", "def fresh():\n    return 1\n\n\ndef make")

    found = repository.changes("Till.pay", "fresh").used

    assert [(one.name, one.how) for one in found] == [("Till.pay", "changed"), ("fresh", "new")]


def test_a_dirty_tree_is_told(repository: Repository) -> None:
    """What ran was never committed: the commit is near it, and not it."""
    repository.recorded = SOURCE.replace("return LIMIT + self.rate", "return LIMIT * self.rate")

    (same,) = repository.changes("Till.pay").used
    repository.edit("return LIMIT + self.rate", "return LIMIT - self.rate")
    (other,) = repository.changes("Till.pay").used

    assert "has today's text: what ran had changes that were not committed" in same.note
    assert same.diff == []
    assert "what ran had changes that were not committed" in other.note
    assert "-    return LIMIT + self.rate" in other.diff


@pytest.mark.parametrize("commit", ["", "0" * 40, "--output=x"])
def test_without_the_commit_there_is_no_difference_to_show(
    repository: Repository, commit: str
) -> None:
    """No repository, a commit that git does not have, or none at all: it says so."""
    repository.edit("return LIMIT + self.rate", "return LIMIT - self.rate")

    (found,) = repository.changes("Till.pay", commit=commit).used

    assert found.diff == []
    assert "no commit is on record" in found.note or "at the recorded commit" in found.note
    assert not (repository.file.parent / "x").exists()
