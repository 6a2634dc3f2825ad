"""Runs that end in the middle: copies of a recorded run, cut after any record."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agentmesh.journal import framing
from agentmesh.journal.reading import LogReader


def records_of(log: Path) -> list[bytes]:
    """Return the records of a log, as they are stored."""
    with log.open("rb") as file:
        reader = LogReader(file, str(log))
        return [
            msgspec.msgpack.encode(place)
            for offset, records in reader.frames()
            for place in reader.places(offset, records)
        ]


def cut_copy(run: Path, copy: Path, log: str, records: list[bytes]) -> None:
    """Copy a run whose only log ends after some records, as if its process was killed there."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    path = copy / "events" / log
    with path.open("rb") as file:
        header = LogReader(file, str(path)).header
    assert header is not None
    path.write_bytes(b"".join(_file_of(header, records)))
    (copy / "driver.json").unlink(missing_ok=True)


def _file_of(header: framing.LogHeader, records: list[bytes]) -> Iterator[bytes]:
    start = framing.write_start(header, 7)
    offset, seed = len(start), framing.seed_of(7)
    yield start
    for record in records:
        frame = framing.pack_frame(framing.pack_array_head(1) + record, seed, offset)
        offset += len(frame)
        yield frame
