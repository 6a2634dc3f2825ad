"""What a record costs, and how many bytes a message takes."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.log import LogWriter
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel.commands import DONE, FinishTurn, Send
from agentmesh.kernel.envelope import TELL, Envelope
from agentmesh.kernel.events import Delivered
from tests.benchmarks.message_programs import Note
from tests.benchmarks.table import Row

MESSAGES = 20_000
PER_COMMIT = 100
ROUNDS = 5


def measure() -> list[Row]:
    """Journal messages as a host does: an event, its commands, one commit for a hundred."""
    found = [_round() for _ in range(ROUNDS + 1)][1:]
    return [
        Row(
            name="journal a message (event and commands)",
            unit="us",
            values=[ours for ours, _, _ in found],
            baseline="write() of the same bytes",
            baseline_values=[raw for _, raw, _ in found],
        ),
        Row(name="bytes per 300-byte message", unit="bytes", values=[size for _, _, size in found]),
    ]


def _round() -> tuple[float, float, float]:
    payload = Note(number=1).model_dump_json().encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events" / "h-0.log"
        path.parent.mkdir()
        writer = LogWriter(path, BodyEncoder(Redactor()), run="r", host="h")
        started = time.perf_counter()
        for step, (event, commands) in enumerate(_steps(payload)):
            writer.event("A/x", step, event)
            writer.commands("A/x", step, commands)
            if step % PER_COMMIT == PER_COMMIT - 1:
                writer.commit()
        writer.commit()
        ours = time.perf_counter() - started
        writer.close()
        size = path.stat().st_size
        raw = _raw(Path(folder) / "raw", size)
    return ours / MESSAGES * 1e6, raw / MESSAGES * 1e6, size / MESSAGES


def _steps(payload: bytes) -> Iterator[tuple[Delivered, list[Send | FinishTurn]]]:
    for number in range(MESSAGES):
        message = Envelope("B/y", number, "A/x", TELL, "take", "Note", payload)
        sent = Envelope("A/x", number, "C/z", TELL, "take", "Note", payload)
        finish = FinishTurn(number, message.id, DONE)
        yield Delivered(1_700_000_000_000_000_000 + number, message), [Send(number, sent), finish]


def _raw(path: Path, size: int) -> float:
    chunk = os.urandom(size * PER_COMMIT // MESSAGES)
    with path.open("wb", buffering=0) as file:
        started = time.perf_counter()
        for _ in range(MESSAGES // PER_COMMIT):
            file.write(chunk)
        return time.perf_counter() - started
