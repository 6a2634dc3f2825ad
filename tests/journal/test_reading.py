"""A journal cut anywhere reads up to the cut; a journal damaged anywhere says so."""

import io
import struct
from pathlib import Path
from typing import cast

import google_crc32c
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, JournalVersionError
from agentmesh.journal import framing
from agentmesh.journal.reading import LogReader
from agentmesh.journal.records import Entry, Handled
from agentmesh.kernel.commands import FinishTurn, Log
from agentmesh.kernel.events import Started
from tests.journal.helpers import delivered, histories, new_log, write_history

FRAMES = 5


def small_log(folder: Path, *, closed: bool = True) -> bytes:
    """Return a log of some frames."""
    log = new_log(folder)
    log.event("B/1", 0, Started(1, "B/1", "s", 1))
    log.commit()
    for step in range(1, FRAMES):
        log.event("B/1", step, delivered(step, "hello"))
        log.commands("B/1", step - 1, [Log(0, "info", "x\ud800", b"{}")])
        log.commit()
    if closed:
        log.close()
    else:
        log.abandon()
    return log.path.read_bytes()


def entries(data: bytes) -> tuple[list[Entry], LogReader]:
    """Read all of a log."""
    reader = LogReader(io.BytesIO(data), "events/h-0.log")
    return list(reader), reader


def frames(data: bytes) -> list[tuple[int, list[Entry]]]:
    """Return where each frame ends, and what was read by then."""
    reader = LogReader(io.BytesIO(data), "x")
    found: list[tuple[int, list[Entry]]] = []
    so_far: list[Entry] = []
    for offset, records in reader.frames():
        for place in reader.places(offset, records):
            so_far = [*so_far, Entry(place.cell, place.step, reader.body(offset, place.body))]
        found.append((offset + framing.FRAME_SIZE + len(records), so_far))
    return found


def test_a_log_cut_at_any_byte_reads_up_to_the_last_complete_frame(tmp_path: Path) -> None:
    """kill -9, at every moment."""
    data = small_log(tmp_path)
    start, ends = reader_start(data), frames(data)
    assert len(ends) == FRAMES
    for cut in range(len(data)):
        found, reader = entries(data[:cut])
        complete = [so_far for end, so_far in ends if end <= cut]

        assert found == (complete[-1] if complete else [])
        assert not reader.complete
        edges = [start, *(end for end, _ in ends)]
        before = [edge for edge in edges if edge <= cut]
        assert reader.torn_at == (None if cut in edges else before[-1] if before else 0)


def test_a_log_whose_tail_was_never_written_reads_up_to_it(tmp_path: Path) -> None:
    """The machine lost power: the file has its length and zeros where data should be."""
    data = small_log(tmp_path, closed=False)
    found, reader = entries(data + bytes(5000))

    assert found == entries(data)[0]
    assert reader.torn_at == len(data)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_is_never_read_as_something_else(
    tmp_path: Path, flip: int, *, closed: bool
) -> None:
    """A disk changes a byte, at every place: damage is reported, or the last frame is torn."""
    data = small_log(tmp_path, closed=closed)
    ends = frames(data)
    last = ends[-1][0] if closed else ends[-2][0]
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= flip
        if at < last:
            with pytest.raises(JournalDamagedError, match=r"events/h-0\.log .* at byte") as caught:
                entries(bytes(damaged))
            assert 0 <= cast("int", caught.value.fields["offset"]) <= at
        else:
            found, reader = entries(bytes(damaged))
            assert reader.torn_at == last
            assert found == [so_far for end, so_far in ends if end <= last][-1]


def reader_start(data: bytes) -> int:
    """Return where the first frame of a log starts."""
    return LogReader(io.BytesIO(data), "x")._start


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, st.data())
def test_any_history_survives_any_cut(tmp_path: Path, history, data) -> None:
    """Whatever agents do, with odd strings and large numbers."""
    log = new_log(tmp_path)
    write_history(log, history)
    log.abandon()
    content = log.path.read_bytes()
    cut = data.draw(st.integers(0, len(content)), label="cut")
    ends = [so_far for end, so_far in frames(content) if end <= cut]
    log.path.unlink()

    assert entries(content[:cut])[0] == (ends[-1] if ends else [])


@pytest.mark.parametrize("what", ["removed", "doubled", "swapped"])
def test_frames_that_were_moved_are_damage(tmp_path: Path, what: str) -> None:
    """A copy went wrong: each frame is sound, but not where it was."""
    data = small_log(tmp_path)
    start, *ends = [reader_start(data), *(end for end, _ in frames(data))]
    first, second, rest = data[start : ends[0]], data[ends[0] : ends[1]], data[ends[1] :]
    body = {
        "removed": second + rest,
        "doubled": first + first + second + rest,
        "swapped": second + first + rest,
    }[what]

    with pytest.raises(JournalDamagedError, match=r"written at byte \d+ is here"):
        entries(data[:start] + body)


def test_a_journal_inside_a_payload_is_no_frame(tmp_path: Path) -> None:
    """An agent reads journals, and its host is killed: the tail has valid frames of others."""
    other = small_log(tmp_path)
    log = new_log(tmp_path)
    log.event("B/1", 0, delivered(1))
    log.commit()
    whole = log.size
    log.event("B/1", 1, delivered(2, other.decode("latin-1")))
    log.commit()
    log.abandon()
    data = log.path.read_bytes()[: whole + framing.FRAME_SIZE + 600]
    found, reader = entries(data)

    assert len(found) == 2
    assert reader.torn_at == whole


def test_a_nonsense_length_in_the_middle_is_damage(tmp_path: Path) -> None:
    """Not even a length that points behind the end of the file hides what follows."""
    data = bytearray(small_log(tmp_path, closed=False))
    at = frames(bytes(data))[1][0]
    struct.pack_into("<I", data, at + 4, 0x7FFFFFFF)

    with pytest.raises(JournalDamagedError, match=f"at byte {at}: .*nonsense length"):
        entries(bytes(data))


def test_records_that_cannot_be_read_are_damage_even_with_a_right_checksum(
    tmp_path: Path,
) -> None:
    """Something else wrote to the file, or somebody made it up."""
    data = small_log(tmp_path, closed=False)
    reader = LogReader(io.BytesIO(data), "x")
    for records in (
        msgspec.msgpack.encode(["nonsense"] * 20),
        framing.pack_array_head(1) + msgspec.msgpack.encode([0, 1, ["unheard-of", 1]]),
        framing.pack_array_head(1) + msgspec.msgpack.encode([0, 1, ["fired", "x", 1, 1]]),
        framing.pack_array_head(1) + msgspec.msgpack.encode([0, 1, ["odd", ["fired"]]]),
        framing.pack_array_head(1) + b"\xc1" * 8,
        framing.pack_array_head(1) + msgspec.msgpack.encode([0, 1, msgspec.msgpack.Ext(5, b"x")]),
    ):
        made = data + framing.pack_frame(records, reader._seed, len(data))

        with pytest.raises(JournalDamagedError, match=f"at byte {len(data)}"):
            entries(made)


def test_another_version_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A newer agentmesh recorded the run."""
    data = bytearray(small_log(tmp_path))
    struct.pack_into("<I", data, len(framing.MAGIC), 99)
    crc = google_crc32c.value(bytes(data[: framing.PRELUDE_SIZE - 4]))
    struct.pack_into("<I", data, framing.PRELUDE_SIZE - 4, crc)

    with pytest.raises(JournalVersionError, match=r"version 99.*Install the version") as caught:
        entries(bytes(data))
    assert caught.value.fields == {"file": "events/h-0.log", "version": 99}


def test_what_is_no_journal_is_not_read() -> None:
    """Some other file was put into the folder."""
    with pytest.raises(JournalDamagedError, match="does not start like a journal"):
        entries(b"PK\x03\x04" + bytes(100))


def test_an_empty_file_is_an_empty_journal() -> None:
    """The host was killed between making the file and writing to it."""
    found, reader = entries(b"")

    assert (found, reader.torn_at) == ([], 0)


def test_the_search_behind_a_tear_looks_across_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next sound frame is megabytes behind the damage, and its mark is cut in two."""
    data = small_log(tmp_path)
    at = frames(data)[0][0]
    damaged = data[:at] + b"?" + data[at + 1 :]
    for size in range(4, 60):
        monkeypatch.setattr("agentmesh.journal.reading._SEARCH_BYTES", size)
        with pytest.raises(JournalDamagedError, match=f"at byte {at}"):
            entries(damaged)


def test_reading_streams(tmp_path: Path) -> None:
    """A log of any size is read with a frame in memory."""
    log = new_log(tmp_path)
    for step in range(50):
        log.event("B/1", step, delivered(step, "x" * 1000))
        log.commit()
    log.close()
    largest = 0

    class Measured(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal largest
            data = super().read(size)
            largest = max(largest, len(data) if self.tell() > 70000 else 0)
            return data

    reader = LogReader(Measured(log.path), "x")

    assert sum(1 for _ in reader) == 51
    assert 0 < largest < 2000 or log.path.stat().st_size < 70000
    reader.close()


def test_an_entry_keeps_its_commands_in_order(tmp_path: Path) -> None:
    """Commands are compared one by one, in order."""
    log = new_log(tmp_path)
    issued = [FinishTurn(n, f"A/1#{n}", "done") for n in range(20)]
    log.event("B/1", 0, delivered(1))
    log.commands("B/1", 0, issued)
    log.close()

    assert entries(log.path.read_bytes())[0][-1].body == Handled([*issued])
