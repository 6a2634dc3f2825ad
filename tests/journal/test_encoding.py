"""A record's bytes are the same wherever they are made, and say what a replay compares."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given

from agentmesh.journal.blobs import THRESHOLD, Blobs
from agentmesh.journal.encoding import BodyEncoder, comparable_record
from agentmesh.journal.reading import decode_record
from agentmesh.journal.records import CommandRecord, Sent
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel.commands import FinishTurn, Log, Send, StartEffect
from agentmesh.kernel.envelope import REPLY, Envelope
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished, Started
from tests.journal.helpers import KEY, PLAIN, commands, delivered, events

ENCODER = BodyEncoder(PLAIN)
LARGE = b'"%s"' % (b"x" * THRESHOLD)


@given(events)
def test_any_event_comes_back_as_it_was(event) -> None:
    """Nothing is lost on the way to the file and back."""
    assert decode_record(ENCODER.event(event)) == ENCODER.event_record(event)


@given(commands)
def test_any_command_comes_back_as_it_was_recorded(command) -> None:
    """The same for commands, sends by their digest."""
    assert decode_record(ENCODER.command(command)) == ENCODER.command_record(command)


@given(events)
def test_an_event_without_secrets_is_recorded_as_it_is(event) -> None:
    """The record is the kernel's own event: payloads are not copied."""
    record = BodyEncoder(Redactor(patterns=(), key=KEY)).event_record(event)

    assert record == event


@given(commands)
def test_what_is_compared_follows_from_what_is_stored(command) -> None:
    """A replay has the record on one side and the command on the other."""
    stored = cast("CommandRecord", decode_record(ENCODER.command(command)))

    assert comparable_record(stored) == ENCODER.comparable(command)


def test_a_send_is_recorded_by_its_digest() -> None:
    """The payload is stored once, by its receiver."""
    envelope = Envelope("A/1", 7, "B/1", REPLY, "", "Answer", b'{"text":"hi"}', 3, 9, ("C/1",))
    record = ENCODER.command_record(Send(4, envelope))

    digest = ENCODER.digest(b'{"text":"hi"}')
    assert record == Sent(4, 7, "B/1", REPLY, "", "Answer", digest, 3, 9, ("C/1",))


def test_a_secret_has_the_digest_of_its_placeholder() -> None:
    """The run sent the secret; its replay sends the placeholder."""
    encoder = BodyEncoder(Redactor(key=KEY))
    secret = b'{"key":"am-secret:hunter2"}'
    placeholder = Redactor(key=KEY).json(secret)

    assert encoder.digest(secret) == encoder.digest(placeholder)
    assert b"hunter2" not in placeholder


@pytest.mark.parametrize(
    "event",
    [
        Started(1, "A/1", "s", 1, b'"am-secret:hunter2"'),
        Delivered(1, Envelope("A/1", 1, "B/1", 0, payload=b'"am-secret:hunter2"')),
        Delivered(1, Envelope("A/1", 1, "B/1", 3, note="x am-secret:hunter2")),
        EffectFinished(1, 1, 1, b'"am-secret:hunter2"'),
        EffectFailed(1, 1, 1, b'{"what":"am-secret:hunter2"}', "x am-secret:hunter2"),
    ],
)
def test_no_field_of_an_event_leaks_a_secret(event) -> None:
    """Wherever user data can be, a secret can be."""
    assert b"hunter2" not in BodyEncoder(Redactor(key=KEY)).event(event)


@pytest.mark.parametrize(
    "command",
    [
        StartEffect(1, 1, "tool", "t", "k", b'"am-secret:hunter2"'),
        Log(1, "info", "am-secret:hunter2", b'{"k":"am-secret:hunter2"}'),
        FinishTurn(1, "A/1#1", "failed", b'{"what":"am-secret:hunter2"}', "am-secret:hunter2"),
    ],
)
def test_no_field_of_a_command_leaks_a_secret(command) -> None:
    """The same for what agents ask of the world."""
    assert b"hunter2" not in BodyEncoder(Redactor(key=KEY)).command(command)


def test_notes_are_stored_and_not_compared() -> None:
    """A traceback names files, which differ between machines."""
    one = FinishTurn(1, "A/1#1", "failed", b"{}", "File one.py, line 1")
    other = FinishTurn(1, "A/1#1", "failed", b"{}", "File other.py, line 2")

    assert ENCODER.comparable(one) == ENCODER.comparable(other)
    assert ENCODER.command(one) != ENCODER.command(other)


def test_large_payloads_are_behind_a_digest(tmp_path: Path) -> None:
    """A document of some megabytes is sent around."""
    blobs = Blobs(tmp_path)
    encoder = BodyEncoder(PLAIN, blobs)
    arrived = Delivered(1, Envelope("A/1", 1, "B/1", 0, payload=LARGE))
    finished = EffectFinished(1, 1, 1, LARGE)
    started = StartEffect(1, 1, "tool", "t", "k", LARGE)
    records: list[Any] = [
        encoder.event_record(arrived),
        encoder.event_record(finished),
        encoder.command_record(started),
    ]
    digests = [records[0].envelope.blob, records[1].blob, records[2].blob]

    assert [blobs.get(digest) for digest in digests] == [LARGE] * 3
    assert len({*digests}) == 1
    assert len(encoder.event(arrived)) < 1000


def test_a_replay_without_blobs_compares_large_requests_alike(tmp_path: Path) -> None:
    """Whoever replays need not have, or write, a blob store."""
    command = StartEffect(1, 1, "tool", "t", "k", LARGE)
    recording, replaying = BodyEncoder(PLAIN, Blobs(tmp_path)), BodyEncoder(PLAIN)
    recorded = comparable_record(recording.command_record(command))

    assert recorded == replaying.comparable(command) == recording.comparable(command)
    assert recorded == comparable_record(replaying.command_record(command))


def test_bytes_do_not_depend_on_the_process() -> None:
    """A replay runs in another process, with another hash seed."""
    code = (
        "from tests.journal.test_encoding import ENCODER, delivered, Send\n"
        "print((ENCODER.event(delivered(1)) + "
        "ENCODER.comparable(Send(1, delivered(1).envelope))).hex())"
    )
    paths = [path for path in sys.path if path]
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(paths)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    here = ENCODER.event(delivered(1)) + ENCODER.comparable(Send(1, delivered(1).envelope))

    assert answers == {here.hex().encode()}


def test_records_use_no_extension_types() -> None:
    """Decoding somebody else's journal builds lists, numbers, strings and bytes."""
    plain = msgspec.msgpack.decode(ENCODER.event(delivered(5)))

    assert plain[:2] == ["delivered", 5]
    assert plain[2][:4] == ["A/1", 1, "B/1", 0]
