"""A run's records with more redacted than when they were written.

More patterns and fields make more placeholders: in payloads, requests, results, errors and
log lines. What stands for a payload elsewhere is computed again, as a replay will: a
sender's digest of its message, the key of an effect, the name of a blob. So a redacted run
replays as long as handlers only hand on what is redacted. From the first event on that was
changed, a handler may do something else than it did; which that is, by agent, is on record.

Names stay: addresses, types, handlers and tools are what records refer to each other by.

Theory of operation. A message's payload is known where it was delivered, and its digest is
needed where it was sent: so all deliveries are looked at first, and only digests that change
are kept. An effect's key has the message in it that caused its turn, which is recorded when
the turn ends: so an agent's steps are read twice. A digest or key that can't be computed (the
message was never delivered, the turn never ended) stays as it is.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace
from xxhash import xxh3_64_intdigest

from agentmesh.journal import strings
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.fields import is_readable
from agentmesh.journal.records import CommandRecord, EventRecord, Sent, Step
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn, Log, StartEffect
from agentmesh.kernel.envelope import CLIENT, FAIL, REPLY
from agentmesh.kernel.events import Delivered, EffectFinished, EffectStreamed, Started
from agentmesh.kernel.identity import key_of_effect, sameness

MODEL = "http"
"""Kind of the effects that are calls of models."""


@dataclass(kw_only=True)
class Changes:
    """What a redaction has changed."""

    counts: Counter[str] = field(default_factory=Counter)
    """How many of what: `messages`, `answers of models`, `results`, `requests`, `log lines`,
    `errors`, `states`."""
    inputs: dict[str, int] = field(default_factory=dict)
    """By agent: its first step whose event was changed."""


class Rewriter:
    """Redacts the records of a run.

    Args:
        run: The run.
        redactor: Redacts what the run's own one does, and more.
        encoder: Makes records with that redactor, and stores large payloads.
    """

    def __init__(self, run: Run, redactor: Redactor, encoder: BodyEncoder) -> None:
        self._run = run
        self._redactor = redactor
        self._encoder = encoder
        self._inline = BodyEncoder(redactor)
        self.changes = Changes()
        self._digests = dict(self._changed_digests())

    def steps(self, address: str) -> Iterator[Step]:
        """Yield the steps of an agent, redacted."""
        keys = _Keys(self._run, address)
        for step in self._run.steps(address):
            redacted = self._redacted(step.event)
            if redacted != step.event:
                self.changes.counts[_event_kind(step.event, keys)] += 1
                self.changes.inputs.setdefault(address, step.number)
            event = self._encoder.event_record(redacted)
            commands = tuple(self._command(address, each, keys) for each in step.commands)
            yield replace(step, event=event, commands=commands)

    def _redacted(self, event: EventRecord) -> EventRecord:
        if isinstance(event, EffectStreamed) and self._may_be_cut(event.chunk):
            shown = self._redactor.placeholder(strings.bytes_to_text(event.chunk))
            return replace(event, chunk=strings.dumps(shown))
        return self._inline.event_record(event)

    def _may_be_cut(self, chunk: bytes) -> bool:
        """Tell whether a field whose value is to be hidden may go on in the next piece."""
        return bool(self._redactor.fields) and not is_readable(chunk)

    def _command(self, address: str, record: CommandRecord, keys: "_Keys") -> CommandRecord:
        if isinstance(record, Sent):
            digest = self._digests.get(f"{address}#{record.n}", record.digest)
            return record if digest == record.digest else replace(record, digest=digest)
        if isinstance(record, StartEffect):
            return self._start(address, self._run.resolve(record), keys)
        made = self._encoder.command_record(cast("Log | FinishTurn", record))
        if made != record:
            self.changes.counts["log lines" if isinstance(record, Log) else "errors"] += 1
        return made

    def _start(self, address: str, record: StartEffect, keys: "_Keys") -> CommandRecord:
        request = self._redactor.json(record.request)
        key = keys.key_of(address, record, request)
        if request != record.request:
            self.changes.counts["requests"] += 1
        return self._encoder.command_record(replace(record, request=request, key=key))

    def _changed_digests(self) -> Iterator[tuple[str, int]]:
        """Yield the ids of messages whose payloads change, and their new digests."""
        for address in self._run.addresses():
            for step in self._run.steps(address):
                event = step.event
                if isinstance(event, Delivered):
                    payload = event.envelope.payload
                    redacted = self._redactor.json(payload)
                    if redacted != payload:
                        yield event.envelope.id, xxh3_64_intdigest(redacted)
                for each in step.commands:
                    if isinstance(each, Sent) and each.dst == CLIENT:
                        yield from self._answer(address, each)

    def _answer(self, address: str, sent: Sent) -> Iterator[tuple[str, int]]:
        """Yield the new digest of the run's answer, which nobody was delivered."""
        info = self._run.info
        said = {REPLY: info.result, FAIL: info.error}.get(sent.kind)
        payload = strings.dumps(said)
        if xxh3_64_intdigest(payload) == sent.digest:
            yield f"{address}#{sent.n}", xxh3_64_intdigest(self._redactor.json(payload))


class _Keys:
    """What is known of the effects of one agent: what they are, and the parts of their keys."""

    def __init__(self, run: Run, address: str) -> None:
        self._messages = {
            each.turn: each.message
            for step in run.steps(address, resolve=False)
            for each in step.commands
            if isinstance(each, FinishTurn) and each.turn
        }
        self._models: set[tuple[int, int]] = set()
        self._before: Counter[tuple[int, str]] = Counter()
        self._after: Counter[tuple[int, str]] = Counter()

    def is_model(self, turn: int, n: int) -> bool:
        """Tell whether an effect is a call of a model."""
        return (turn, n) in self._models

    def key_of(self, address: str, record: StartEffect, request: bytes) -> str:
        """Return the key that an effect has with another request; the old one if unknown."""
        if record.kind == MODEL:
            self._models.add((record.turn, record.n))
        message = self._messages.get(record.turn, "")
        made = []
        for counted, asked in ((self._before, record.request), (self._after, request)):
            same = sameness(record.kind, record.name, asked)
            occurrence = counted[record.turn, same]
            counted[record.turn, same] += 1
            made.append(key_of_effect(address, message, same, occurrence))
        before, after = made
        return after if before == record.key else record.key


def _event_kind(event: EventRecord, keys: _Keys) -> str:
    if isinstance(event, Delivered):
        return "messages"
    if isinstance(event, EffectFinished | EffectStreamed):
        return "answers of models" if keys.is_model(event.turn, event.n) else "results"
    return "states" if isinstance(event, Started) else "errors"
