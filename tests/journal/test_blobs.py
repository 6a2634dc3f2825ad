"""Large payloads: stored once, checked when read, and never outside their folder."""

import hashlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, JournalError
from agentmesh.journal import blobs as blobs_module
from agentmesh.journal.blobs import Blobs, digest_of


def files_of(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_content_comes_back(tmp_path: Path, content: bytes) -> None:
    """Payloads are JSON mostly, and results anything."""
    assert Blobs(tmp_path).get(Blobs(tmp_path).put(content)) == content


def test_equal_contents_are_one_file(tmp_path: Path) -> None:
    """One document is sent to twenty agents on several hosts."""
    first, other_host = Blobs(tmp_path), Blobs(tmp_path)
    digests = {first.put(b"x" * 100_000), first.put(b"x" * 100_000), other_host.put(b"x" * 100_000)}

    assert digests == {hashlib.sha256(b"x" * 100_000).hexdigest()}
    assert len(files_of(tmp_path)) == 1


def test_contents_are_compressed(tmp_path: Path) -> None:
    """Text shrinks."""
    Blobs(tmp_path).put(b"hello world " * 10_000)

    assert files_of(tmp_path)[0].stat().st_size < 1000


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    """Where the folder should be there is a file."""
    (tmp_path / "blobs").write_text("")

    with pytest.raises(JournalError, match="can't be stored"):
        Blobs(tmp_path).put(b"x")
    assert files_of(tmp_path) == [tmp_path / "blobs"]


def test_a_changed_blob_is_damage(tmp_path: Path) -> None:
    """The disk changed a byte, or somebody swapped the file."""
    digest = Blobs(tmp_path).put(b"hello")
    path = files_of(tmp_path)[0]
    original = path.read_bytes()
    for content in (
        zstandard.compress(b"other"),
        original[:-1],
        b"",
        b"nonsense",
        original[:4] + bytes([original[4] ^ 0xFF]) + original[5:],
    ):
        path.write_bytes(content)
        with pytest.raises(JournalDamagedError, match=digest) as caught:
            Blobs(tmp_path).get(digest)
        assert caught.value.fields["file"] == str(path)


def test_a_missing_blob_says_what_to_copy(tmp_path: Path) -> None:
    """A run was copied without its blobs."""
    with pytest.raises(JournalError, match="Copy the folder"):
        Blobs(tmp_path).get(digest_of(b"x"))


@pytest.mark.parametrize("name", ["../../run", "", "x" * 64, "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_made_up_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    """Somebody else's journal names a file of mine."""
    with pytest.raises(JournalDamagedError, match="no name of a payload"):
        Blobs(tmp_path).get(name)


def test_a_blob_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kilobyte that claims to be terabytes."""
    digest = Blobs(tmp_path).put(bytes(100_000))
    monkeypatch.setattr(blobs_module, "CONTENT_MAX", 1000)

    with pytest.raises(JournalDamagedError, match="claims to unpack to 100000 bytes"):
        Blobs(tmp_path).get(digest)
