"""A run reads alike whether it goes on, has crashed, or is sealed."""

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, JournalError, UnknownAgentError
from agentmesh.journal.blobs import THRESHOLD
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn, StartEffect
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Delivered, Started
from tests.journal.helpers import PLAIN, delivered, histories, write_history

LARGE = b'{"text":"%s"}' % (b"x" * THRESHOLD)
quick = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def new_run(folder: Path) -> RunDirectory:
    """Make a run in a store of its own."""
    number = len(list(folder.iterdir()))
    return Store(folder / str(number)).create_run(RunInfo(id="r1"))


def opened(directory: RunDirectory) -> Run:
    """Open a run for reading."""
    return Run(directory.files, directory.path, directory.info)


def arrival(body: object) -> Envelope:
    """Return the message that an event delivered."""
    assert isinstance(body, Delivered)
    return body.envelope


def everything(run: Run) -> dict[str, object]:
    """Return all that a run can say."""
    return {
        "steps": {address: list(run.steps(address)) for address in run.addresses()},
        "entries": list(run.entries()),
        "counts": run.counts(),
        "table": run.table().to_pylist(),
    }


def small_run(folder: Path) -> RunDirectory:
    """Return a run with two agents on two hosts."""
    directory = new_run(folder)
    one, two = directory.log_writer("one", PLAIN), directory.log_writer("two", PLAIN)
    one.event("B/1", 0, Started(1, "B/1", "s", 1))
    one.event("B/1", 1, delivered(20, "question", n=7))
    one.commands("B/1", 0, [])
    one.commands("B/1", 1, [FinishTurn(1, "A/1#7", "done")])
    two.event("C/1", 0, Started(5, "C/1", "s", 1))
    two.event("C/1", 1, Delivered(20, Envelope("A/1", 8, "C/1", 0, payload=LARGE)))
    two.commands("C/1", 0, [StartEffect(0, 1, "tool", "t", "k", LARGE)])
    two.commands("C/1", 1, [])
    one.close()
    two.close()
    return directory


@quick
@given(histories)
def test_sealing_changes_nothing_that_is_read(tmp_path: Path, history) -> None:
    """Odd strings, payloads that are no JSON, crashes: all of it comes back."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    write_history(log, history)
    log.close()
    with opened(directory) as run:
        before = everything(run)
        run.seal()
        assert repr(everything(run)) == repr(before)  # by text: NaN is not equal to itself
        assert run.sealed
    with opened(directory) as run:
        assert repr(everything(run)) == repr(before)
    assert list((Path(directory.path) / "events").iterdir()) == []


@quick
@given(histories, st.data())
def test_a_crashed_run_reads_like_one_that_was_sealed_then(tmp_path: Path, history, data) -> None:
    """kill -9, then seal what is left."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    write_history(log, history)
    log.abandon()
    size = data.draw(st.integers(0, log.path.stat().st_size), label="size")
    with log.path.open("r+b") as file:
        file.truncate(size)
    with opened(directory) as run:
        before = everything(run)
        run.seal()
        assert repr(everything(run)) == repr(before)


def test_entries_are_in_the_order_of_time(tmp_path: Path) -> None:
    """Then by agent, then by step: the same each time."""
    with opened(small_run(tmp_path)) as run:
        order = [(entry.at, entry.address, entry.step, entry.index) for entry in run.entries()]

    assert order == [
        (1, "B/1", 0, 0),
        (5, "C/1", 0, 0),
        (5, "C/1", 0, 1),
        (20, "B/1", 1, 0),
        (20, "B/1", 1, 1),
        (20, "C/1", 1, 0),
    ]


@pytest.mark.parametrize("seal", [False, True], ids=["logs", "sealed"])
def test_large_payloads_are_fetched_when_asked_for(tmp_path: Path, *, seal: bool) -> None:
    """A list of what happened needs no megabytes; a replay does."""
    with opened(small_run(tmp_path)) as run:
        if seal:
            run.seal()
        plain = arrival([*run.steps("C/1", resolve=False)][1].event)
        full = arrival([*run.steps("C/1")][1].event)
        request = next(e.body for e in run.entries() if isinstance(e.body, StartEffect))

        assert (plain.payload, len(plain.blob)) == (b"", 64)
        assert (full.payload, full.blob) == (LARGE, "")
        assert (request.request, run.resolve(request).request) == (b"", LARGE)
        assert LARGE in [
            arrival(e.body).payload for e in run.entries(resolve=True) if e.step and not e.index
        ]


@pytest.mark.parametrize("seal", [False, True], ids=["logs", "sealed"])
def test_a_payload_is_found_by_its_message(tmp_path: Path, *, seal: bool) -> None:
    """The sender's record has only the digest."""
    with opened(small_run(tmp_path)) as run:
        if seal:
            run.seal()
        assert run.payload_of("A/1#7") == b'{"text":"question"}'
        assert run.payload_of("A/1#8") == LARGE
        assert run.payload_of("A/1#9") is None
        assert run.payload_of("nonsense") is None


@pytest.mark.parametrize("seal", [False, True], ids=["logs", "sealed"])
@pytest.mark.parametrize("sender", ["A/\ud800", "A/\\", "A/é#1", ""])
def test_a_payload_is_found_whatever_its_sender_is_called(
    tmp_path: Path, sender: str, *, seal: bool
) -> None:
    """Keys of agents come from users' data."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    log.event("B/1", 0, Delivered(1, Envelope(sender, 5, "B/1", 0, payload=b"1")))
    log.close()
    with opened(directory) as run:
        if seal:
            run.seal()
        assert run.payload_of(f"{sender}#5") == b"1"


@pytest.mark.parametrize("seal", [False, True], ids=["logs", "sealed"])
def test_counts_add_up(tmp_path: Path, *, seal: bool) -> None:
    """What `agentmesh runs` shows."""
    with opened(small_run(tmp_path)) as run:
        if seal:
            run.seal()
        assert run.counts() == {
            "agents": 2,
            "events": 4,
            "commands": 2,
            "delivered": 2,
            "finish_turn": 1,
            "start_effect": 1,
            "started": 2,
        }


def test_a_run_that_goes_on_is_read_up_to_its_last_commit(tmp_path: Path) -> None:
    """Somebody looks while it runs, and again a moment later."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    log.event("B/1", 0, delivered(1))
    log.commit()
    log.event("B/1", 1, delivered(2))
    first = opened(directory)
    counts = [first.counts()["events"]]
    log.commit()
    counts += [first.counts()["events"], opened(directory).counts()["events"]]

    assert counts == [1, 1, 2]
    log.close()


def test_a_torn_tail_is_told(tmp_path: Path) -> None:
    """agentmesh show says that a host was killed, and where its journal ends."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    log.event("B/1", 0, delivered(1))
    log.commit()
    size = log.size
    log.abandon()
    with log.path.open("ab") as file:
        file.write(b"\xc1AMf half a frame")

    assert opened(directory).torn == {str(log.path): size}


def test_a_log_that_comes_after_sealing_is_read_too(tmp_path: Path) -> None:
    """The run was sealed, then resumed; then sealed again."""
    directory = small_run(tmp_path)
    opened(directory).seal()
    log = directory.log_writer("three", PLAIN)
    log.open_cell("B/1", epoch=1)
    log.event("B/1", 2, delivered(30, "late"))
    log.commands("B/1", 2, [])
    log.event("D/1", 0, Started(31, "D/1", "s", 1))
    log.close()
    with opened(directory) as run:
        before = everything(run)
        assert not run.sealed
        assert [step.number for step in run.steps("B/1")] == [0, 1, 2]
        assert run.addresses() == ["B/1", "C/1", "D/1"]
        assert run.payload_of("A/1#1") == b'{"text":"late"}'
        run.seal()
        assert everything(run) == before
        assert run.sealed


def test_a_crash_between_sealing_and_removing_the_logs_changes_nothing(tmp_path: Path) -> None:
    """The file is there and so are the logs: nothing is read twice."""
    directory = small_run(tmp_path)
    folder = Path(directory.path) / "events"
    logs = {path: path.read_bytes() for path in folder.iterdir()}
    with opened(directory) as run:
        before = everything(run)
        run.seal()
    for path, content in logs.items():
        path.write_bytes(content)
    with opened(directory) as run:
        assert run.sealed
        assert everything(run) == before


def test_a_log_that_grew_after_sealing_is_kept_and_merged(tmp_path: Path) -> None:
    """A host was thought to be gone, and wrote on."""
    directory = new_run(tmp_path)
    log = directory.log_writer("one", PLAIN)
    log.event("B/1", 0, delivered(1))
    log.commit()
    early = opened(directory)
    early.addresses()
    log.event("B/1", 1, delivered(2))
    log.close()
    early.seal()
    with opened(directory) as run:
        assert log.path.exists()
        assert [step.number for step in run.steps("B/1")] == [0, 1]


def test_sealing_twice_is_sealing_once(tmp_path: Path) -> None:
    """A driver seals when the run ends, and somebody asks for it again."""
    directory = small_run(tmp_path)
    opened(directory).seal()
    path = Path(directory.path) / "events.parquet"
    before = path.stat().st_mtime_ns
    opened(directory).seal()

    assert path.stat().st_mtime_ns == before


def test_a_damaged_log_is_not_sealed_away(tmp_path: Path) -> None:
    """The logs stay as they are, for somebody to repair."""
    directory = small_run(tmp_path)
    path = Path(directory.path) / "events" / "one-0.log"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(JournalDamagedError):
        opened(directory).seal()
    assert path.exists()
    assert not (Path(directory.path) / "events.parquet").exists()


def test_an_unknown_agent_is_named_with_those_there_are(tmp_path: Path) -> None:
    """A typing error."""
    with pytest.raises(UnknownAgentError, match=r"no agent 'B/2'.*B/1, C/1"):
        opened(small_run(tmp_path)).steps("B/2")


def test_a_run_without_events_is_empty(tmp_path: Path) -> None:
    """It failed before its first agent started."""
    run = opened(new_run(tmp_path))

    assert (run.addresses(), list(run.entries()), run.table().num_rows) == ([], [], 0)
    run.seal()
    assert (run.addresses(), list(run.entries()), run.table().num_rows) == ([], [], 0)


def test_a_missing_blob_is_an_error_only_for_who_needs_it(tmp_path: Path) -> None:
    """A run was shared without its large payloads."""
    directory = small_run(tmp_path)
    for path in Path(directory.path).glob("blobs/*/*"):
        path.unlink()
    run = opened(directory)

    assert len(list(run.steps("C/1", resolve=False))) == 2
    with pytest.raises(JournalError, match="is missing"):
        list(run.steps("C/1"))


def test_a_forgotten_run_closes_its_files(tmp_path: Path) -> None:
    """run = am.open_run(); nobody thinks of closing it."""
    run = opened(small_run(tmp_path))
    run.addresses()
    del run
    gc.collect()  # a warning about an unclosed file would fail this test
