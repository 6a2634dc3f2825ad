"""Runs that leave their store and come into another, whole or with less in them."""

import json
import shutil
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from agentmesh.errors import (
    JournalError,
    JournalVersionError,
    RunExistsError,
    StoreError,
    UsageError,
)
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.packing import write_pack
from agentmesh.journal.records import Sent
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.sharing import Exported, export, import_pack
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn, Log, Send, StartEffect
from agentmesh.kernel.envelope import TELL, Envelope
from agentmesh.kernel.events import Delivered, EffectFinished, EffectStreamed
from agentmesh.kernel.identity import key_of_effect, sameness
from tests.journal.corpus import CLOSED, OPEN, build

STORE_KEY = b"of the store"
OWN = Redactor(key=STORE_KEY)


def asked(request: bytes, occurrence: int = 0) -> StartEffect:
    """Return an effect with the key that the kernel gives it."""
    key = key_of_effect("B/1", "A/1#1", sameness("http", "POST x", request), occurrence)
    return StartEffect(1, occurrence + 1, "http", "POST x", key, request)


def recorded(folder: Path) -> RunDirectory:
    """Record a run in which Alice is spoken of."""
    run = Store(folder).create_run(
        RunInfo(id="r1", workflow="main", input={"who": "alice"}, result="alice", status="done")
    )
    note = Envelope("A/1", 1, "B/1", TELL, "note", "Note", b'{"who":"alice","n":5}')
    log = run.log_writer("one", OWN)
    log.event("A/1", 0, Delivered(1, Envelope("@client", 1, "A/1", TELL, payload=b"{}")))
    log.commands("A/1", 0, [Send(1, note)])
    log.event("B/1", 0, Delivered(2, note))
    log.commands("B/1", 0, [asked(b'{"q":"alice?"}'), asked(b'{"q":"alice?"}', 1)])
    log.event("B/1", 1, EffectStreamed(3, 1, 1, b'data: {"who":"alice"}\n\ndata: [DONE]\n\n'))
    log.commands("B/1", 1, [])
    log.event("B/1", 2, EffectFinished(4, 1, 1, b'{"text":"{\\"who\\":\\"alice\\"}"}'))
    log.commands("B/1", 2, [Log(1, "info", "alice!", b"{}"), FinishTurn(1, "A/1#1", "done")])
    log.close()
    return run


def opened(directory: RunDirectory) -> Run:
    """Open a run for reading."""
    return Run(directory.files, directory.path, directory.info)


def exported(directory: RunDirectory, to: Path, **more: object) -> Exported:
    """Export a run."""
    with opened(directory) as run:
        return export(run, to, OWN, **more)  # type: ignore[arg-type]  # the tests' own words


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """Before it is sealed, and after."""
    directory = recorded(tmp_path)
    one, other, sealed = (tmp_path / f"{name}.mesh" for name in ("one", "other", "sealed"))
    exported(directory, one)
    exported(directory, other)
    with opened(directory) as run:
        run.seal()
    exported(directory, sealed)

    assert one.read_bytes() == other.read_bytes() == sealed.read_bytes()


def test_a_run_that_goes_on_is_exported_and_goes_on(tmp_path: Path) -> None:
    """Logs of two hosts, of which one has lived twice, and sealed logs."""
    build(tmp_path)
    before = sorted((path, path.stat().st_size) for path in (tmp_path / OPEN).rglob("*"))
    with Store(tmp_path).open_run(OPEN) as run:
        export(run, tmp_path / "open.mesh", OWN)
        said = {address: list(run.steps(address)) for address in run.addresses()}

    assert sorted((path, path.stat().st_size) for path in (tmp_path / OPEN).rglob("*")) == before
    with Store(tmp_path).open_run(str(tmp_path / "open.mesh")) as packed:
        assert {address: list(packed.steps(address)) for address in packed.addresses()} == said


def test_a_file_that_is_there_is_replaced_only_on_demand(tmp_path: Path) -> None:
    """A typing error must not cost somebody's work."""
    directory, path = recorded(tmp_path), tmp_path / "thesis.txt"
    path.write_text("years of work")

    with pytest.raises(UsageError, match=r"thesis\.txt exists"):
        exported(directory, path)
    assert path.read_text() == "years of work"
    assert exported(directory, path, overwrite=True).events == 4


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """A read-only folder; root may write there, so that a file stands in the way instead."""
    directory = recorded(tmp_path)
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="can't be written"):
        exported(directory, tmp_path / "file" / "run.mesh")
    with pytest.raises(UsageError, match="is a directory"):
        exported(directory, tmp_path)


def test_a_missing_payload_is_no_silent_gap(tmp_path: Path) -> None:
    """The folder was copied without its blobs."""
    build(tmp_path)
    shutil.rmtree(tmp_path / CLOSED / "blobs")

    with (
        Store(tmp_path).open_run(CLOSED) as run,
        pytest.raises(JournalError, match=r"payload .* is missing"),
    ):
        export(run, tmp_path / "new.mesh", OWN)
    assert not (tmp_path / "new.mesh").exists()


def test_what_was_imported_is_the_run(tmp_path: Path) -> None:
    """With its large payloads; and only once."""
    build(tmp_path)
    there = Store(tmp_path / "there")
    info = import_pack(tmp_path / "run.mesh", there)

    assert info.id == CLOSED
    with there.open_run() as run, Store(tmp_path).open_run(CLOSED) as before:
        assert list(run.entries(resolve=True)) == list(before.entries(resolve=True))
    with pytest.raises(RunExistsError, match="imported before"):
        import_pack(tmp_path / "run.mesh", there)


def test_a_run_of_a_newer_version_is_not_imported(tmp_path: Path) -> None:
    """It says which version to install, and leaves nothing behind."""
    directory = recorded(tmp_path)
    path = Path(directory.path, "run.json")
    said = json.loads(path.read_bytes()) | {"journal_version": 2, "agentmesh": "9.1"}
    with opened(directory) as run:
        run.seal()
    write_pack(
        tmp_path / "new.mesh", json.dumps(said).encode(), Path(directory.path, "events.parquet"), ()
    )
    with pytest.raises(JournalVersionError, match=r"agentmesh==9\.1"):
        import_pack(tmp_path / "new.mesh", Store(tmp_path / "there"))
    assert not (tmp_path / "there").exists()


def test_nothing_of_what_is_redacted_is_in_the_file(tmp_path: Path) -> None:
    """In messages, requests, streams, JSON inside JSON, log lines, input and result."""
    done = exported(recorded(tmp_path), tmp_path / "r.mesh", patterns=["alice"])
    with Store(tmp_path).open_run(str(tmp_path / "r.mesh")) as run:
        said = repr((run.info, list(run.entries(resolve=True)), run.table().to_pylist()))

    kept = said.replace(repr(run.info.redaction.patterns), "")
    assert "alice" not in kept
    assert done.redacted == {
        "messages": 1,
        "requests": 2,
        "answers of models": 2,
        "log lines": 1,
    }
    assert done.inputs == run.info.redaction.inputs == {"B/1": 0}


def test_digests_and_keys_are_what_a_replay_computes(tmp_path: Path) -> None:
    """The sender sends placeholders then, and the effect asks with them."""
    exported(recorded(tmp_path), tmp_path / "r.mesh", patterns=["alice"])
    with Store(tmp_path).open_run(str(tmp_path / "r.mesh")) as run:
        (sent,) = next(run.steps("A/1")).commands
        arrived, first = next(run.steps("B/1")), next(run.steps("B/1")).commands
        redactor = Store(tmp_path).redactor_for(run.info)

    assert isinstance(arrived.event, Delivered)
    assert isinstance(sent, Sent)
    assert sent.digest == BodyEncoder(redactor).digest(arrived.event.envelope.payload)
    for occurrence, effect in enumerate(first):
        assert isinstance(effect, StartEffect)
        assert effect.key == asked(effect.request, occurrence).key
    assert redactor.patterns[-1] == "alice"


def test_fields_are_hidden_and_keep_their_form(tmp_path: Path) -> None:
    """A number stays a number, so that a message stays one."""
    exported(recorded(tmp_path), tmp_path / "r.mesh", fields=["who", "n"])
    with Store(tmp_path).open_run(str(tmp_path / "r.mesh")) as run:
        payload = json.loads(run.payload_of("A/1#1") or b"")
        stream, end = (step.event for step in run.steps("B/1", resolve=True) if step.number)
        input_ = run.info.input

    assert payload["n"] == 0
    assert payload["who"].startswith("[redacted:")
    assert input_ == {"who": payload["who"]}
    assert isinstance(stream, EffectStreamed)
    assert b"alice" not in stream.chunk
    assert stream.chunk.endswith(b"data: [DONE]\n\n")
    assert isinstance(end, EffectFinished)
    assert json.loads(json.loads(end.result)["text"]) == {"who": payload["who"]}


def test_hiding_twice_changes_nothing() -> None:
    """An export of an export, and a replay of it."""
    redactor = OWN.with_more(["al.ce"], ["who"])
    once = redactor.json(b'{"who":{"a":["x",1,true,null]},"b":"say \\"alice\\""}')

    assert redactor.json(once) == once
    assert OWN.with_more([], []) is OWN


def test_names_that_match_are_said_to_stay(tmp_path: Path) -> None:
    """Records refer to each other by them."""
    done = exported(recorded(tmp_path), tmp_path / "r.mesh", patterns=[r"B/\d"])

    assert done.kept_names == ("B/1",)


def test_patterns_that_can_not_work_are_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    directory = recorded(tmp_path)
    for pattern in ("(", ""):
        with pytest.raises(UsageError):
            exported(directory, tmp_path / "r.mesh", patterns=[pattern])
    assert not (tmp_path / "r.mesh").exists()


def test_the_table_of_an_export_is_plain_parquet(tmp_path: Path) -> None:
    """For whoever has the file and no agentmesh."""
    exported(recorded(tmp_path), tmp_path / "r.mesh")
    with zipfile.ZipFile(tmp_path / "r.mesh") as packed:
        packed.extract("events.parquet", tmp_path)

    assert pq.read_table(tmp_path / "events.parquet")["kind"].to_pylist()[0] == "delivered"
