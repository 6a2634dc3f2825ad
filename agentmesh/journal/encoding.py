"""The exact bytes of a record: what is journaled, and what a replay compares.

An encoder redacts, hashes and, for large payloads, calls the blob store; then it writes
msgpack. Encoding is a function of its arguments alone: the same command gives the same
bytes in every process, on every machine, with or without a blob store.

Notes (tracebacks) are recorded and never compared. Records without one, which is
nearly all, are compared by the bytes that were stored.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from xxhash import xxh3_64_intdigest

from agentmesh.journal import strings
from agentmesh.journal.blobs import THRESHOLD, Blobs, digest_of
from agentmesh.journal.records import CommandRecord, EventRecord, Handled, Odd, Opened, Sent
from agentmesh.journal.redaction import Redactor
from agentmesh.kernel.commands import Command, FinishTurn, Log, Send, StartEffect
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Event,
    Started,
)

_ENCODER = msgspec.msgpack.Encoder()


class BodyEncoder:
    """Turns the kernel's events and commands into records, and records into bytes.

    Args:
        redactor: Replaces secrets.
        blobs: Takes payloads over `blobs.THRESHOLD`. Without one they stay in the
            record, and only what a replay compares is right: enough for a replay.
    """

    def __init__(self, redactor: Redactor, blobs: Blobs | None = None) -> None:
        self._redact = redactor.json
        self._redact_text = redactor.text
        self._blobs = blobs

    def event(self, event: Event) -> bytes:
        """Return the bytes of an event as they are journaled."""
        return encode(self.event_record(event))

    def command(self, command: Command) -> bytes:
        """Return the bytes of a command as they are journaled."""
        return encode(self.command_record(command))

    def comparable(self, command: Command) -> bytes:
        """Return what identifies a command: two that do the same have the same bytes."""
        return comparable_record(self.command_record(command))

    def digest(self, payload: bytes) -> int:
        """Return the digest by which a sender's record knows a payload."""
        return xxh3_64_intdigest(self._redact(payload))

    def event_record(self, event: Event) -> EventRecord:
        """Return an event as it is journaled: itself, if nothing is secret or large."""
        cls = type(event)
        if cls is Delivered:
            return self._delivered(event)  # type: ignore[arg-type]  # mypy can't narrow `is`
        if isinstance(event, EffectFinished):
            return self._finished(event)
        if isinstance(event, EffectFailed):
            error, note = self._redact(event.error), self._redact_text(event.note)
            return replace(event, error=error, note=note)
        if isinstance(event, EffectStreamed):
            chunk = self._redact(event.chunk)
            return event if chunk is event.chunk else replace(event, chunk=chunk)
        if isinstance(event, Started):
            state = self._redact(event.state)
            return event if state is event.state else replace(event, state=state)
        return event  # type: ignore[return-value]  # the alphabet is closed

    def command_record(self, command: Command) -> CommandRecord:
        """Return a command as it is journaled."""
        if type(command) is FinishTurn and not command.error and not command.note:
            return command  # half of all there are
        if isinstance(command, Send):
            envelope = command.envelope
            return Sent(
                command.turn,
                envelope.n,
                envelope.dst,
                envelope.kind,
                envelope.handler,
                envelope.type,
                xxh3_64_intdigest(self._redact(envelope.payload)),
                envelope.re,
                envelope.deadline,
                envelope.chain,
                envelope.origin,
            )
        if isinstance(command, FinishTurn):
            return self._finish(command)
        if isinstance(command, StartEffect):
            return self._start(command)
        if isinstance(command, Log):
            event, fields = self._redact_text(command.event), self._redact(command.fields)
            if event is command.event and fields is command.fields:
                return command
            return replace(command, event=event, fields=fields)
        return command  # type: ignore[return-value]  # the alphabet is closed

    def _delivered(self, event: Delivered) -> Delivered:
        envelope = event.envelope
        payload = self._redact(envelope.payload)
        if envelope.note:
            envelope = replace(envelope, note=self._redact_text(envelope.note))
        if len(payload) > THRESHOLD and self._blobs is not None:
            envelope = replace(envelope, payload=b"", blob=self._blobs.put(payload))
        elif payload is not envelope.payload:
            envelope = replace(envelope, payload=payload)
        return event if envelope is event.envelope else replace(event, envelope=envelope)

    def _finished(self, event: EffectFinished) -> EffectFinished:
        result = self._redact(event.result)
        if len(result) > THRESHOLD and self._blobs is not None:
            return replace(event, result=b"", blob=self._blobs.put(result))
        return event if result is event.result else replace(event, result=result)

    def _start(self, command: StartEffect) -> StartEffect:
        request = self._redact(command.request)
        if len(request) > THRESHOLD and self._blobs is not None:
            return replace(command, request=b"", blob=self._blobs.put(request))
        return command if request is command.request else replace(command, request=request)

    def _finish(self, command: FinishTurn) -> FinishTurn:
        error, note = self._redact(command.error), self._redact_text(command.note)
        return replace(command, error=error, note=note)


def encode(record: EventRecord | CommandRecord | Opened) -> bytes:
    """Return the msgpack of a record."""
    try:
        return _ENCODER.encode(record)
    except UnicodeEncodeError:
        return _ENCODER.encode(odd(record))


def comparable_record(record: CommandRecord) -> bytes:
    """Return what `BodyEncoder.comparable` returns for the command that was recorded."""
    if isinstance(record, FinishTurn):
        if record.note:
            record = replace(record, note="")
    elif isinstance(record, StartEffect) and len(record.request) > THRESHOLD:
        record = replace(record, request=b"", blob=digest_of(record.request))
    return encode(record)


def handled(records: Sequence[CommandRecord]) -> Handled:
    """Return the record of a step's commands, each escaped that needs it."""
    return Handled([_encodable(record) for record in records])


def odd(record: msgspec.Struct) -> Odd:
    """Return a record that msgpack can't write as one it can."""
    plain = msgspec.to_builtins(record, builtin_types=(bytes,))
    return Odd(strings.map_strings(plain, strings.escape))


def even(record: Odd, cls: object) -> object:
    """Undo `odd`.

    Raises:
        msgspec.ValidationError: It is no record of that class.
    """
    plain = strings.map_strings(record.body, strings.unescape)
    return msgspec.convert(plain, type=cls, builtin_types=(bytes,))


def _encodable(record: CommandRecord) -> CommandRecord | Odd:
    try:
        _ENCODER.encode(record)
    except UnicodeEncodeError:
        return odd(record)
    return record
