"""The table: stable columns, and JSON that every database reads."""

import json
import re
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.journal import table
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import Step
from agentmesh.kernel.commands import (
    AnyCommand,
    CancelEffect,
    CancelTimer,
    FinishTurn,
    Log,
    Send,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import ASK, Envelope
from agentmesh.kernel.events import (
    AnyEvent,
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
    TimerFired,
)
from tests.journal.helpers import PLAIN, addresses, commands, events, payloads

ENVELOPE = Envelope(
    "A/1", 7, "B/x/y", ASK, "answer", "Question", b'{"text":"hi"}', 0, 90_000, ("A/1",)
)
COMMANDS = (
    Send(1, Envelope("B/x/y", 3, "A/1", 2, "", "Answer", b"{}", 7)),
    StartEffect(1, 2, "tool", "search", "k1", b'{"q":1}', 90),
    CancelEffect(1, 2),
    StartTimer(1, 3, 80_000),
    CancelTimer(1, 3),
    Log(1, "info", "hello", b'{"a":1}'),
    FinishTurn(1, "A/1#7", "failed", b'{"type":"builtins.ValueError","what":"no"}', "Traceback"),
)


def rows(event: AnyEvent, issued: tuple[AnyCommand, ...] = ()) -> list[dict[str, object]]:
    """Return the rows of a step, without what is null."""
    encoder = BodyEncoder(PLAIN)
    step = Step(4, event, tuple(encoder.command_record(command) for command in issued))
    found = table.batches(table.rows_of("B/x/y", [step]), table.schema())
    return [
        {name: value for name, value in row.items() if value is not None}
        for batch in found
        for row in batch.to_pylist()
    ]


def utc(microseconds: int) -> datetime:
    """Return a time of the first second there was, as the table has it."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).replace(tzinfo=None)


def shown(row: dict[str, object]) -> dict[str, object]:
    """Return what is special about a row."""
    common = (
        "agent",
        "agent_type",
        "agent_key",
        "step",
        "index",
        "kind",
        "time",
        "time_ns",
        "handled",
    )
    return {name: value for name, value in row.items() if name not in common}


def test_the_columns_are_these() -> None:
    """Queries, notebooks and dashboards depend on them: add at the end, change nothing."""
    assert [f"{field.name} {field.type}" for field in table.schema()] == [
        "agent string",
        "agent_type string",
        "agent_key string",
        "step int64",
        "index int32",
        "kind string",
        "time timestamp[us]",
        "time_ns int64",
        "turn int64",
        "n int64",
        "message string",
        "message_kind string",
        "peer string",
        "re int64",
        "handler string",
        "type string",
        "deadline timestamp[us]",
        "due timestamp[us]",
        "payload string",
        "outcome string",
        "effect_kind string",
        "effect_name string",
        "effect_key string",
        "digest string",
        "blob string",
        "error string",
        "level string",
        "text string",
        "reason string",
        "note string",
        "handled bool",
        "origin string",
        "idempotent bool",
    ]


def test_every_column_is_described() -> None:
    """The module's docstring is the documentation."""
    described = re.findall(r"^\| ([a-z_, ]+) \|", table.__doc__ or "", re.MULTILINE)
    names = [name for group in described[1:] for name in group.split(", ")]

    assert sorted(names) == sorted(table.COLUMNS)


def test_a_delivered_message() -> None:
    """Who asked whom for what, until when."""
    (row,) = rows(Delivered(5, ENVELOPE))

    assert (row["agent"], row["agent_type"], row["agent_key"]) == ("B/x/y", "B", "x/y")
    assert (row["step"], row["index"], row["kind"], row["handled"]) == (4, 0, "delivered", True)
    assert row["time_ns"] == 5
    assert shown(row) == {
        "message": "A/1#7",
        "message_kind": "ask",
        "peer": "A/1",
        "handler": "answer",
        "type": "Question",
        "deadline": utc(90),
        "payload": '{"text":"hi"}',
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Started(5, "B/x/y", "s", 1, b'{"n":1}'), {"payload": '{"n":1}'}),
        (EffectFinished(5, 1, 2, b'"r"'), {"turn": 1, "n": 2, "payload": '"r"'}),
        (EffectFailed(5, 1, 2, b"{}", "tb"), {"turn": 1, "n": 2, "error": "{}", "note": "tb"}),
        (EffectStreamed(5, 1, 2, b'"c"'), {"turn": 1, "n": 2, "payload": '"c"'}),
        (EffectStreamed(5, 1, 2, b"data: {"), {"turn": 1, "n": 2}),
        (TimerFired(5, 1, 2), {"turn": 1, "n": 2}),
        (Cancelled(5, "A/1#7", "deadline"), {"message": "A/1#7", "reason": "deadline"}),
        (Stopped(5, "stop"), {"reason": "stop"}),
    ],
)
def test_other_events(event: AnyEvent, expected: dict[str, object]) -> None:
    """What applies is there, and nothing else."""
    assert shown(rows(event)[0]) == expected


def test_commands_follow_their_event() -> None:
    """In order, at the event's time."""
    found = rows(Delivered(5, ENVELOPE), COMMANDS)
    sent, started, cancelled, timer, forgotten, log, finished = map(shown, found[1:])

    assert [row["index"] for row in found] == list(range(8))
    assert {row["time_ns"] for row in found} == {5}
    assert len(str(sent.pop("digest"))) == 16
    assert sent == {
        "turn": 1,
        "message": "B/x/y#3",
        "message_kind": "reply",
        "peer": "A/1",
        "re": 7,
        "type": "Answer",
    }
    assert (started["effect_kind"], started["effect_name"], started["effect_key"]) == (
        "tool",
        "search",
        "k1",
    )
    assert started["payload"] == '{"q":1}'
    assert cancelled == {"turn": 1, "n": 2}
    assert timer["due"] == utc(80)
    assert forgotten == {"turn": 1, "n": 3}
    assert (log["level"], log["text"], log["payload"]) == ("info", "hello", '{"a":1}')
    assert (finished["outcome"], finished["message"], finished["note"]) == (
        "failed",
        "A/1#7",
        "Traceback",
    )
    assert json.loads(str(finished["error"]))["what"] == "no"


@given(addresses, st.lists(st.tuples(events, st.lists(commands, max_size=2)), max_size=3))
def test_anything_fits_into_the_columns(address: str, history) -> None:
    """Odd strings, large numbers, payloads that are no JSON."""
    encoder = BodyEncoder(PLAIN)
    steps = [
        Step(number, event, tuple(map(encoder.command_record, issued)))
        for number, (event, issued) in enumerate(history)
    ]
    made = pa.Table.from_batches(
        table.batches(table.rows_of(address, steps), table.schema()), table.schema()
    )
    made.validate(full=True)

    assert made.num_rows == sum(1 + len(step.commands) for step in steps)


def test_numbers_that_do_not_fit_are_cut_to_the_largest() -> None:
    """Only a made-up journal has them; reading it is no reason to fail."""
    (row,) = rows(TimerFired(2**63, 2**64 - 1, 1))

    assert row["turn"] == 2**63 - 1


@given(payloads)
def test_json_in_a_column_is_json_for_the_database(payload: bytes) -> None:
    """One bad payload must not make a query over a million rows fail."""
    text = table.sql_json(payload)
    if text is not None:
        found = duckdb.execute("SELECT json_valid(?), ?::VARCHAR->>'$.text'", [text, text])
        assert found.fetchall()[0][0] is True


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"text": "hi"}', '{"text": "hi"}'),
        (b'"a\\ud800b"', '"a\ufffdb"'),
        (b'"\\ud83d\\ude00"', '"\\ud83d\\ude00"'),
        (b'{"n": NaN, "m": [Infinity]}', '{"n":null,"m":[null]}'),
        (b"", None),
        (b"hello", None),
        (b'{"a":', None),
        (b'"\xff"', None),
        (b"[" * 5000 + b"]" * 5000, None),
    ],
)
def test_json_is_shown_as_it_was_unless_a_database_would_refuse_it(
    payload: bytes, text: str | None
) -> None:
    """The rule, by example."""
    assert table.sql_json(payload) == text
