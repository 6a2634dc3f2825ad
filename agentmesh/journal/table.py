"""A run as typed columns: one row per event and per command.

The columns are stable: later versions add some at the end, and never change one.

| column | what it is |
|---|---|
| agent, agent_type, agent_key | address of the agent that the row is about, and its parts |
| step, index | the agent's events count from 0; index 0 is the event, its commands follow |
| kind | see `Kinds` below |
| time, time_ns | logical time of the event: UTC; nanoseconds since the epoch, exactly |
| turn, n | turn that the row belongs to; issue number of an effect or timer within it |
| message | id of the message that was delivered, sent, finished or cancelled |
| message_kind | tell, ask, reply, fail, chunk, cancel, spawn, stop, continue |
| peer | the other agent: sender of a delivered message, receiver of a sent one |
| re | counter of the ask that a reply belongs to, or that a continued turn is to answer |
| handler, type | handler that is to run; type of the message |
| deadline, due | when nobody wants the work any more; when a timer fires; UTC |
| payload | JSON: a message, state, request, result, piece of a result, or a log line's fields |
| outcome | of a message: done, failed, expired, cancelled, dead, continued |
| effect_kind, effect_name, effect_key | of an effect that starts |
| digest | of the payload that was sent: xxh3-64, in hex |
| blob | name of the payload in the blob store, if it is there; then `payload` is null |
| error | JSON: type, what, cause, fix |
| level, text | of a log line |
| reason | why something was cancelled or stopped |
| note | traceback, for people |
| handled | whether the journal has what the event led to; null for commands |
| origin | of a message that a turn goes on with: who sent the first of them |
| idempotent | of an effect that starts: whether it may be performed again if its host dies |

Kinds: started, delivered, finished, failed, streamed, fired, cancelled, stopped (events);
sent, start_effect, cancel_effect, start_timer, cancel_timer, log, finish_turn (commands).

A column is null where it does not apply. `payload` and `error` are always valid JSON or
null: lone surrogates read U+FFFD and NaN reads null there, and a payload that is no
JSON is null. The journal itself has the exact bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from agentmesh.journal import strings
from agentmesh.journal.records import (
    JOURNAL_VERSION,
    CommandRecord,
    EventRecord,
    Recorded,
    Sent,
    Step,
    kind_of,
)
from agentmesh.kernel.commands import FinishTurn, Log, StartEffect, StartTimer
from agentmesh.kernel.envelope import KIND_NAMES, agent_type_of, key_of
from agentmesh.kernel.events import (
    Cancelled,
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    Stopped,
)

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 10_000
"""Rows that are made at a time."""

VERSION_KEY = b"agentmesh.journal_version"
"""Names the version in the metadata of a schema."""

_TEXT, _INT, _SMALL, _TIME, _FLAG = "string", "int64", "int32", "timestamp", "bool"

COLUMNS: dict[str, str] = {
    "agent": _TEXT,
    "agent_type": _TEXT,
    "agent_key": _TEXT,
    "step": _INT,
    "index": _SMALL,
    "kind": _TEXT,
    "time": _TIME,
    "time_ns": _INT,
    "turn": _INT,
    "n": _INT,
    "message": _TEXT,
    "message_kind": _TEXT,
    "peer": _TEXT,
    "re": _INT,
    "handler": _TEXT,
    "type": _TEXT,
    "deadline": _TIME,
    "due": _TIME,
    "payload": _TEXT,
    "outcome": _TEXT,
    "effect_kind": _TEXT,
    "effect_name": _TEXT,
    "effect_key": _TEXT,
    "digest": _TEXT,
    "blob": _TEXT,
    "error": _TEXT,
    "level": _TEXT,
    "text": _TEXT,
    "reason": _TEXT,
    "note": _TEXT,
    "handled": _FLAG,
    "origin": _TEXT,
    "idempotent": _FLAG,
}
"""Names and types of the columns, in order."""

LATER: dict[str, tuple[str, bool] | None] = {"origin": None, "idempotent": ("start_effect", True)}
"""Columns that files of earlier releases do not have, and what is read there instead: nothing,
or a value in the rows of one kind."""

Row = dict[str, Any]
_INT_MAX = (1 << 63) - 1
_JSON = msgspec.json.Decoder(msgspec.Raw)


def schema(extra: dict[str, str] | None = None) -> pa.Schema:
    """Return the table's schema, with further columns at the end."""
    import pyarrow as pa

    types = {
        _TEXT: pa.string(),
        _INT: pa.int64(),
        _SMALL: pa.int32(),
        _TIME: pa.timestamp("us"),
        _FLAG: pa.bool_(),
        "binary": pa.binary(),
    }
    fields = [(name, types[kind]) for name, kind in {**COLUMNS, **(extra or {})}.items()]
    return pa.schema(fields, metadata={VERSION_KEY: str(JOURNAL_VERSION).encode()})


def completed(found: Any, of: pa.Schema) -> pa.Table:
    """Return a table with exactly the columns of a schema: later ones have their defaults.

    Args:
        found: A table that may lack columns of `LATER`.
        of: Which columns, in which order.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if found.schema.names == of.names:
        return found
    columns = []
    for field in of:
        default = LATER.get(field.name)
        if field.name in found.schema.names:
            columns.append(found[field.name])
        elif default is None:
            columns.append(pa.nulls(found.num_rows, field.type))
        else:
            kind, value = default
            nothing = pa.scalar(None, field.type)
            columns.append(pc.if_else(pc.equal(found["kind"], kind), value, nothing))
    return pa.Table.from_arrays(columns, schema=of)


def batches(rows: Iterable[Row], of: pa.Schema, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Yield rows as record batches."""
    import pyarrow as pa

    remaining = iter(rows)
    while some := list(islice(remaining, size)):
        columns: dict[str, list[Any]] = {name: [None] * len(some) for name in of.names}
        for number, row in enumerate(some):
            for name, value in row.items():
                columns[name][number] = value
        arrays = [_array(columns[field.name], field.type) for field in of]
        yield pa.record_batch(arrays, schema=of)


def rows_of(
    address: str, steps: Iterable[Step], finish: Callable[[Row, Recorded], None] | None = None
) -> Iterator[Row]:
    """Yield the rows of one agent.

    Args:
        address: The agent.
        steps: What happened to it.
        finish: Adds further columns to each row.
    """
    agent = strings.escape(address)
    about = {"agent": agent, "agent_type": agent_type_of(agent), "agent_key": key_of(agent)}
    for step in steps:
        bodies = (step.event, *step.commands)
        for index, body in enumerate(bodies):
            recorded = Recorded(address, step.number, index, step.event.at, body)
            row = row_of(recorded)
            row.update(about)
            if index == 0:
                row["handled"] = step.handled
            if finish is not None:
                finish(row, recorded)
            yield row


def row_of(recorded: Recorded) -> Row:
    """Return the columns of one event or command that apply, without the agent's."""
    body = recorded.body
    row: Row = {
        "step": recorded.step,
        "index": recorded.index,
        "kind": kind_of(body),
        "time": _time(recorded.at),
        "time_ns": recorded.at,
        "turn": getattr(body, "turn", None),
        "n": getattr(body, "n", None),
    }
    special = _SPECIAL.get(type(body))
    if special is not None:
        row.update(special(body, recorded.address))
    return row


def payload_of(body: EventRecord | CommandRecord) -> bytes:
    """Return the bytes that the column `payload` shows; empty if there are none."""
    if isinstance(body, Delivered):
        return body.envelope.payload
    name = PAYLOAD_FIELDS.get(type(body))
    return getattr(body, name) if name is not None else b""


def sql_json(data: bytes) -> str | None:
    """Return JSON that every database reads, or None if it is no JSON."""
    if not data:
        return None
    try:
        _JSON.decode(data)
        return data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _tamed(data)


def _tamed(data: bytes) -> str | None:
    """Return JSON without what not every database reads: lone surrogates and NaN."""
    try:
        text = strings.dumps_readable(_without_nan(strings.loads(data)))
        _JSON.decode(text.encode())
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
    return text


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return value


def _array(values: list[Any], of: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, type=of)
    except (OverflowError, pa.ArrowInvalid):
        # Only a made-up journal has numbers of more than 64 bits.
        return pa.array([each and max(-_INT_MAX, min(each, _INT_MAX)) for each in values], type=of)


def _started(body: Started, _: str) -> Row:
    return {"payload": sql_json(body.state)}


def _delivered(body: Delivered, _: str) -> Row:
    envelope = body.envelope
    return {
        "message": strings.readable(envelope.id),
        "message_kind": _kind_name(envelope.kind),
        "peer": strings.escape(envelope.src),
        "re": envelope.re or None,
        "handler": _text(envelope.handler),
        "type": _text(envelope.type),
        "deadline": _time(envelope.deadline),
        "payload": sql_json(envelope.payload),
        "blob": envelope.blob or None,
        "note": _text(envelope.note),
        "origin": _text(envelope.origin),
    }


def _finished(body: EffectFinished, _: str) -> Row:
    return {"payload": sql_json(body.result), "blob": body.blob or None}


def _failed(body: EffectFailed, _: str) -> Row:
    return {"error": sql_json(body.error), "note": _text(body.note)}


def _streamed(body: EffectStreamed, _: str) -> Row:
    return {"payload": sql_json(body.chunk)}


def _cancelled(body: Cancelled, _: str) -> Row:
    return {"message": _text(body.message), "reason": _text(body.reason)}


def _stopped(body: Stopped, _: str) -> Row:
    return {"reason": _text(body.reason)}


def _sent(body: Sent, address: str) -> Row:
    return {
        "n": None,
        "message": strings.readable(f"{address}#{body.n}"),
        "message_kind": _kind_name(body.kind),
        "peer": strings.escape(body.dst),
        "re": body.re or None,
        "handler": _text(body.handler),
        "type": _text(body.type),
        "deadline": _time(body.deadline),
        "digest": f"{body.digest:016x}",
        "origin": _text(body.origin),
    }


def _start_effect(body: StartEffect, _: str) -> Row:
    return {
        "effect_kind": _text(body.kind),
        "effect_name": _text(body.name),
        "effect_key": _text(body.key),
        "deadline": _time(body.deadline),
        "payload": sql_json(body.request),
        "blob": body.blob or None,
        "idempotent": body.idempotent,
    }


def _start_timer(body: StartTimer, _: str) -> Row:
    return {"due": _time(body.due)}


def _log(body: Log, _: str) -> Row:
    return {
        "level": _text(body.level),
        "text": strings.readable(body.event),
        "payload": sql_json(body.fields),
    }


def _finish_turn(body: FinishTurn, _: str) -> Row:
    return {
        "message": _text(body.message),
        "outcome": _text(body.outcome),
        "error": sql_json(body.error),
        "note": _text(body.note),
    }


def _text(text: str) -> str | None:
    return strings.readable(text) if text else None


def _time(at_ns: int) -> int | None:
    """Return microseconds, which Python's times have; 0 stands for no time."""
    return at_ns // 1000 or None


def _kind_name(kind: int) -> str:
    return KIND_NAMES[kind] if 0 <= kind < len(KIND_NAMES) else str(kind)


PAYLOAD_FIELDS: dict[type, str] = {
    Started: "state",
    EffectFinished: "result",
    EffectStreamed: "chunk",
    StartEffect: "request",
    Log: "fields",
}
"""Where the payload is, of those who have one themselves; a message has it in its envelope."""

_SPECIAL: dict[type, Callable[[Any, str], Row]] = {
    Started: _started,
    Delivered: _delivered,
    EffectFinished: _finished,
    EffectFailed: _failed,
    EffectStreamed: _streamed,
    Cancelled: _cancelled,
    Stopped: _stopped,
    Sent: _sent,
    StartEffect: _start_effect,
    StartTimer: _start_timer,
    Log: _log,
    FinishTurn: _finish_turn,
}
