"""Packed runs: read where they lie; whatever is not exactly one is refused before it is read."""

import io
import json
import os
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, StoreError
from agentmesh.journal import packing
from agentmesh.journal.packing import PackedFiles
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import load_info
from agentmesh.journal.store import Store
from tests.journal import mutations
from tests.journal.corpus import CLOSED, PACKED, build


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in every form, which nobody changes."""
    folder = tmp_path_factory.mktemp("corpus")
    build(folder)
    return folder


def told(run: Run) -> str:
    """Return all that a run has, as text."""
    steps = {address: list(run.steps(address)) for address in run.addresses()}
    return repr((steps, list(run.entries()), run.counts(), run.payload_of("A/1#1")))


def packed_with(folder: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    """Write a zip of these entries and of what a pack must have."""
    path = folder / "made.mesh"
    names = {each if isinstance(each, str) else each.filename for each, _ in entries}
    with zipfile.ZipFile(path, "w") as made:
        for name in sorted({"run.json", "events.parquet"} - names):
            made.writestr(name, b"{}")
        for entry, content in entries:
            made.writestr(entry, content)
    return path


def info_of(name: str, **about: int) -> zipfile.ZipInfo:
    """Return what a zip says of an entry."""
    made = zipfile.ZipInfo(name)
    for field, value in about.items():
        setattr(made, field, value)
    return made


def test_a_packed_run_says_what_the_run_says(corpus: Path) -> None:
    """Steps, entries, payloads of 64 KB and more, and SQL."""
    store = Store(corpus)
    with store.open_run(CLOSED) as run, store.open_run(str(corpus / PACKED)) as packed:
        assert told(packed) == told(run)
        count = "SELECT count(*) AS n FROM events"
        assert packed.sql(count).to_pylist() == run.sql(count).to_pylist()
        assert packed.sealed
        assert packed.path == str(corpus / PACKED)


def test_a_pack_that_is_unpacked_is_a_runs_directory(corpus: Path, tmp_path: Path) -> None:
    """With any tool that knows zip."""
    with zipfile.ZipFile(corpus / PACKED) as packed:
        packed.extractall(tmp_path / "run")

    with Store(tmp_path).open_run(str(tmp_path / "run")) as run:
        assert run.id == CLOSED
        assert run.payload_of("A/1#2") is not None


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_pack_that_is_cut_anywhere_is_refused(corpus: Path, seed: int) -> None:
    """A download that broke off."""
    data = (corpus / PACKED).read_bytes()
    path = corpus / f"cut-{os.getpid()}.mesh"
    path.write_bytes(data[: random.Random(seed).randrange(len(data))])

    with pytest.raises(JournalDamagedError, match=r"no run that `agentmesh export` wrote"):
        PackedFiles(path)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("../run.json", "no name that a pack may have"),
        ("/etc/passwd", "no name that a pack may have"),
        ("blobs/aa/../../run.json", "no name that a pack may have"),
        (info_of("run.json", external_attr=0o120777 << 16), "is a link"),
        (info_of("run.json", compress_type=zipfile.ZIP_DEFLATED), "is compressed"),
        (f"blobs/ab/{'cd' * 32}.zst", "no name that a pack may have"),
    ],
)
def test_an_entry_that_a_pack_may_not_have_is_named(
    tmp_path: Path, entry: zipfile.ZipInfo | str, problem: str
) -> None:
    """Paths that lead out, links, whatever has to be unpacked."""
    path = packed_with(tmp_path, (entry, b"x" * 1000))

    with pytest.raises(JournalDamagedError, match=problem):
        PackedFiles(path)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Two readers could take different ones."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = packed_with(tmp_path, ("run.json", b"{}"), ("run.json", b"[]"))

    with pytest.raises(JournalDamagedError, match="twice"):
        PackedFiles(path)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of contents takes memory, too."""
    monkeypatch.setattr(packing, "ENTRIES_MAX", 1)

    with pytest.raises(JournalDamagedError, match="claims 2 entries"):
        PackedFiles(packed_with(tmp_path))


def test_entries_that_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    """Two names for the same bytes: how a small zip becomes a large one."""
    path = packed_with(tmp_path)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        first, _ = packed.infolist()
    listed = data.rindex(b"PK\1\2")
    data[listed + 42 : listed + 46] = first.header_offset.to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(JournalDamagedError, match="is not where its table"):
        PackedFiles(path)


def test_a_changed_byte_of_run_json_is_seen(corpus: Path, tmp_path: Path) -> None:
    """The zip's own checksums count."""
    data = (corpus / PACKED).read_bytes()
    path = tmp_path / "changed.mesh"
    path.write_bytes(data.replace(b'"status": "done"', b'"status": "dome"', 1))

    with pytest.raises(JournalDamagedError, match=r"checksum of run\.json"):
        Store(tmp_path).open_run(str(path))


def test_columns_that_would_fill_the_memory_are_refused(corpus: Path, tmp_path: Path) -> None:
    """Some kilobytes of Parquet that stand for a hundred gigabytes of text."""
    with zipfile.ZipFile(corpus / PACKED) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    bomb = mutations.bomb(random.Random(0), files["events.parquet"], rows=20_000)
    path = packed_with(tmp_path, ("run.json", files["run.json"]), ("events.parquet", bomb))
    assert path.stat().st_size < 50_000

    with (
        Store(tmp_path).open_run(str(path)) as run,
        pytest.raises(JournalDamagedError, match="payload unpacks to 100,000"),
    ):
        run.table()


def test_a_pack_is_not_written_to(corpus: Path) -> None:
    """Whoever tries is told so by the operating system's own error."""
    files = PackedFiles(corpus / PACKED)
    for attempt in (
        lambda: files.write("x", b""),
        lambda: files.create("x", b""),
        lambda: files.remove("run.json"),
    ):
        with pytest.raises(OSError, match="not written to"):
            attempt()


def test_a_file_that_is_no_zip_is_said_to_be_none(tmp_path: Path) -> None:
    """Somebody renamed a picture."""
    path = tmp_path / "photo.mesh"
    path.write_bytes(b"\x89PNG" + bytes(1000))

    with pytest.raises(JournalDamagedError, match="can't be read as a zip"):
        Store(tmp_path).open_run(str(path))


def test_a_pack_that_may_not_be_read_is_no_damage(tmp_path: Path) -> None:
    """It is a matter of the operating system."""
    with pytest.raises(StoreError, match="can't be read"):
        PackedFiles(tmp_path)


def test_a_table_of_contents_is_not_read_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read before anything is known of a file."""
    monkeypatch.setattr(packing, "_DIRECTORY_MAX", 100)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for number in range(10):
            made.writestr(f"{number}", b"")

    with pytest.raises(JournalDamagedError, match="more than 100 bytes"):
        packing._entries_of(target, "x.mesh")


def test_run_json_keeps_fields_that_this_version_does_not_know(corpus: Path) -> None:
    """As a run's directory does."""
    data = PackedFiles(corpus / PACKED).read("run.json")

    assert json.loads(data)["id"] == load_info(data, "run.json").id == CLOSED
