"""A place with runs: made, found by any name people use, and clear about what is wrong."""

import stat
from pathlib import Path

import pytest

from agentmesh.errors import (
    JournalVersionError,
    RunExistsError,
    StoreError,
    UnknownRunError,
    UsageError,
)
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run_info import Redaction, RunInfo
from agentmesh.journal.store import Store, shown
from tests.journal.helpers import delivered


def store_with(folder: Path, *ids: str) -> Store:
    """Return a store with runs, the first the oldest."""
    store = Store(folder)
    for number, run_id in enumerate(ids, start=1):
        store.create_run(RunInfo(id=run_id, created_at_ns=number))
    return store


def test_a_run_that_was_made_is_found(tmp_path: Path) -> None:
    """By its id, by the start of it, by its path, as the latest."""
    store = store_with(tmp_path / "new" / "runs", "20260101-aa", "20260102-bb")
    names: list[str | Path] = [
        "20260102-bb",
        "20260102",
        "latest",
        tmp_path / "new" / "runs" / "20260102-bb",
    ]

    assert [store.open_run(name).id for name in names] == ["20260102-bb"] * 4
    assert store.open_run().id == "20260102-bb"


def test_an_id_wins_over_ids_that_start_with_it(tmp_path: Path) -> None:
    """demo, demo-2, demo-3."""
    assert store_with(tmp_path, "demo", "demo-2").open_run("demo").id == "demo"


def test_runs_are_listed_oldest_first(tmp_path: Path) -> None:
    """Whatever their names."""
    assert [info.id for info in store_with(tmp_path, "b", "c", "a").list_runs()] == ["b", "c", "a"]


def test_a_store_without_runs_lists_none(tmp_path: Path) -> None:
    """The first command in a fresh directory."""
    assert Store(tmp_path / "nothing").list_runs() == []


def test_two_runs_with_one_id_are_refused(tmp_path: Path) -> None:
    """--run-id nightly, twice."""
    store = store_with(tmp_path, "nightly")

    with pytest.raises(RunExistsError, match="'nightly' is in the store already"):
        store.create_run(RunInfo(id="nightly", input="other"))
    assert store.open_run("nightly").info.input is None


def test_an_unknown_run_names_the_nearest(tmp_path: Path) -> None:
    """A typing error."""
    store = store_with(tmp_path, "monday", "tuesday")

    with pytest.raises(UnknownRunError, match=r"no run 'tusday'.*nearest are tuesday") as caught:
        store.open_run("tusday")
    assert caught.value.fields["nearest"] == ["tuesday"]


def test_an_ambiguous_start_names_what_it_could_be(tmp_path: Path) -> None:
    """Two runs of one day."""
    with pytest.raises(UnknownRunError, match=r"2 runs start with 'day'.*day-1, day-2"):
        store_with(tmp_path, "day-1", "day-2").open_run("day")


@pytest.mark.parametrize("name", ["nothing", "latest", "some/where"])
def test_a_store_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    """agentmesh show, in the wrong directory."""
    with pytest.raises(StoreError, match=r"no store at .*--store"):
        Store(tmp_path / "missing").open_run(name)


def test_an_empty_store_says_that_it_is_empty(tmp_path: Path) -> None:
    """agentmesh show latest, too early."""
    with pytest.raises(UnknownRunError, match="It has no runs"):
        Store(tmp_path).open_run()


@pytest.mark.parametrize(
    "run_id", ["", "../x", "a/b", ".hidden", "x" * 200, "a b", "a\n", "latest", "redaction.key"]
)
def test_an_id_that_is_no_folder_is_refused(tmp_path: Path, run_id: str) -> None:
    """Ids come from command lines and from other people's programs."""
    with pytest.raises(UsageError, match="can't be the id of a run"):
        Store(tmp_path).create_run(RunInfo(id=run_id))
    assert not (tmp_path.parent / "x").exists()


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file is where the store should be."""
    (tmp_path / "runs").write_text("")

    with pytest.raises(StoreError, match=r"runs/r1 can't be made: .*AGENTMESH_STORE"):
        Store(tmp_path / "runs").create_run(RunInfo(id="r1"))


def test_a_read_only_store_is_named() -> None:
    """Linux lets nobody make folders there, not even root."""
    with pytest.raises(StoreError, match=r"can't be made: .*(not permitted|denied|Read-only)"):
        Store("/sys/agentmesh-runs").create_run(RunInfo(id="r1"))


def test_one_broken_run_does_not_hide_the_others(tmp_path: Path) -> None:
    """A newer agentmesh used the same store."""
    store = store_with(tmp_path, "old", "new")
    (tmp_path / "new" / "run.json").write_text('{"journal_version": 99}')
    (tmp_path / "no-run").mkdir()
    problems: dict[str, Exception] = {}

    assert [info.id for info in store.list_runs(problems.__setitem__)] == ["old"]
    assert [*problems] == ["new"]
    with pytest.raises(JournalVersionError):
        store.open_run("new")


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Placeholders of two runs compare, and nobody else can guess secrets from them."""
    one, other = Store(tmp_path), Store(tmp_path)

    assert one.key() == other.key()
    assert len(one.key()) == 32
    assert stat.S_IMODE((tmp_path / "redaction.key").stat().st_mode) == 0o600
    assert one.list_runs() == []


def test_a_run_is_redacted_as_it_was_recorded(tmp_path: Path) -> None:
    """Its replay uses the same patterns, whatever today's settings are."""
    store = Store(tmp_path)
    info = RunInfo(id="r1", redaction=Redaction((r"tok_\w+",), ("x-token",)))
    redactor = store.redactor_for(info)

    assert redactor.patterns == (r"tok_\w+",)
    assert redactor.headers == {"x-token"}
    assert redactor.key_id == store.redactor().key_id != Redactor().key_id
    assert store.redactor_for(RunInfo(id="r2")).patterns == Redactor().patterns


def test_another_process_attaches_and_writes(tmp_path: Path) -> None:
    """A host knows the store's location and the run's id."""
    Store(tmp_path).create_run(RunInfo(id="r1"))
    store = Store(str(tmp_path))
    log = store.attach("r1").log_writer("host-1", store.redactor())
    log.event("B/1", 0, delivered(1))
    log.close()

    assert store.open_run("r1").addresses() == ["B/1"]


def test_attaching_needs_the_exact_id(tmp_path: Path) -> None:
    """A host must never write to another run."""
    with pytest.raises(UnknownRunError):
        store_with(tmp_path, "run-12").attach("run-1")


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    """--store file:///..."""
    (tmp_path / "with space").mkdir()
    store_with(tmp_path / "with space", "r1")

    assert Store(f"{tmp_path.as_uri()}/with%20space").open_run().id == "r1"


def test_an_unknown_kind_of_url_is_named() -> None:
    """A typing error in the scheme."""
    with pytest.raises(StoreError, match=r"s4://bucket/runs can't be opened.*s4://"):
        Store("s4://bucket/runs")


def test_keys_in_a_url_are_not_printed() -> None:
    """Errors end up in logs and bug reports."""
    with pytest.raises(StoreError, match=r"The store s4://bucket/runs can't") as caught:
        Store("s4://AKIA123:secret@bucket/runs")

    assert "secret" not in f"{caught.value} {caught.value.fields}"
    assert shown("/plain/path@home") == "/plain/path@home"
