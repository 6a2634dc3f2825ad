"""Search in what a run's agents said and did: messages, effects, log lines and ends of turns.

One pass in the order of time, which stops as soon as there are enough hits; memory is bounded by
the effects under way. Payloads are looked at as they are stored, and parsed only where that can't
be avoided; those in the blob store are fetched.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from agentmesh.causality.json_path import JsonQuery
from agentmesh.causality.summaries import error_text, milliseconds, summary_of, value_of
from agentmesh.errors import UsageError
from agentmesh.journal.records import Recorded
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import (
    CANCELLED,
    CONTINUED,
    DONE,
    CancelEffect,
    FinishTurn,
    Log,
    StartEffect,
)
from agentmesh.kernel.envelope import FAIL
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished, EffectStreamed

MESSAGE, EFFECT, LOG, TURN = "message", "effect", "log", "turn"
KINDS = (MESSAGE, EFFECT, LOG, TURN)
"""What can be searched for: messages delivered, effects with requests and results, lines that
`am.log` wrote, and turns that did not end well."""

_WELL = (DONE, CONTINUED)
_SPEAKING = (LOG, TURN)
"""What says something beside its payload."""
_EFFECT_ENDS = (EffectFinished, EffectFailed, EffectStreamed)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Something that was searched for."""

    event: str
    """The event that it is, or that caused it: `Type/key@N`."""
    at_ns: int
    """Logical time, in nanoseconds since the epoch."""
    kind: str
    """message, effect, log or turn."""
    what: str
    """What happened, in a few words."""
    payload: Any = None
    """Message, request, result, error or fields, as a JSON value."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What is searched for: all that is given must hold.

    Attributes:
        text: Is in the payload, or in the line or error; upper and lower case are the same.
        agents: Addresses or types of agents.
        kinds: Some of `KINDS`; all for none.
        type: Of a message: its type or handler; of an effect: its kind or name; `*` stands for
            anything.
        where: A JSON path that the payload has, perhaps with a comparison.
        failed: Only what failed: failures as answers, effects, turns.
    """

    text: str = ""
    agents: Sequence[str] = ()
    kinds: Sequence[str] = ()
    type: str = ""
    where: JsonQuery | None = None
    failed: bool = False

    def __post_init__(self) -> None:
        """Refuse kinds that there are not."""
        for kind in self.kinds:
            if kind not in KINDS:
                raise UsageError(
                    f"There is no kind {kind!r} to search for.",
                    fix=f"Use one of: {', '.join(KINDS)}.",
                )

    def wants_agent(self, address: str) -> bool:
        """Tell whether an agent is searched."""
        return not self.agents or address in self.agents or _type_of(address) in self.agents

    def wants(self, kind: str, names: Sequence[str], *, failed: bool) -> bool:
        """Tell whether something may be a hit, before its payload is looked at."""
        if (self.kinds and kind not in self.kinds) or (self.failed and not failed):
            return False
        return not self.type or any(fnmatchcase(name, self.type) for name in names)

    def holds_for(self, payload: bytes, words: str = "") -> bool:
        """Tell whether the content is what is searched for.

        Args:
            payload: JSON, or any bytes.
            words: Further text that may have it.
        """
        if self.text and not self._is_in(payload, words):
            return False
        return self.where is None or (bool(payload) and self.where.matches(value_of(payload)))

    def _is_in(self, payload: bytes, words: str) -> bool:
        wanted = self.text.lower()
        if wanted in words.lower():
            return True
        if wanted.isascii() and wanted.isprintable() and not {*'"\\'} & {*wanted}:
            return wanted.encode() in payload.lower()
        value = value_of(payload)  # it may be written with escapes
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return wanted in text.lower() or wanted in _strings(value)


def search(run: Run, criteria: Criteria) -> Iterator[Hit]:
    """Yield what is searched for, in the order of time.

    Args:
        run: The run, open.
        criteria: What to look for.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    looking = _Search(run, criteria)
    for record in run.entries():
        if criteria.wants_agent(record.address):
            yield from looking.at(record)


class _Search:
    def __init__(self, run: Run, criteria: Criteria) -> None:
        self._run = run
        self._criteria = criteria
        self._effects: dict[tuple[str, int, int], tuple[StartEffect, int]] = {}

    def at(self, record: Recorded) -> Iterator[Hit]:
        """Yield the record, if it is a hit."""
        body = record.body
        if isinstance(body, Delivered):
            yield from self._message(record, body)
        elif isinstance(body, StartEffect):
            self._effects[record.address, body.turn, body.n] = (body, record.at)
            yield from self._request(record, body)
        elif isinstance(body, CancelEffect):
            self._effects.pop((record.address, body.turn, body.n), None)
        elif isinstance(body, _EFFECT_ENDS):
            yield from self._end(record, body)
        elif isinstance(body, Log):
            if self._criteria.wants(LOG, (body.event,), failed=False):
                yield from self._hit(record, LOG, body.fields, f"log {body.level}: {body.event}")
        elif isinstance(body, FinishTurn) and body.outcome not in _WELL:
            failed = body.outcome != CANCELLED
            if self._criteria.wants(TURN, (body.outcome,), failed=failed):
                text = error_text(value_of(body.error)) if body.error else ""
                what = f"{body.message} {body.outcome}" + (f": {text}" if text else "")
                yield from self._hit(record, TURN, body.error, what)

    def _message(self, record: Recorded, body: Delivered) -> Iterator[Hit]:
        envelope = body.envelope
        names = (envelope.type, envelope.handler)
        if self._criteria.wants(MESSAGE, names, failed=envelope.kind == FAIL):
            resolved = self._run.resolve(body)
            payload = resolved.envelope.payload
            yield from self._hit(record, MESSAGE, payload, summary_of(resolved).what)

    def _request(self, record: Recorded, body: StartEffect) -> Iterator[Hit]:
        """Yield an effect at its start only if what was asked is searched: else its end tells."""
        criteria = self._criteria
        if not (criteria.text or criteria.where):
            return
        if criteria.wants(EFFECT, (body.name, body.kind), failed=False):
            request = self._run.resolve(body).request
            yield from self._hit(record, EFFECT, request, f"{body.kind} {body.name} starts")

    def _end(
        self, record: Recorded, body: EffectFinished | EffectFailed | EffectStreamed
    ) -> Iterator[Hit]:
        key = (record.address, body.turn, body.n)
        forget = not isinstance(body, EffectStreamed)
        known = self._effects.pop(key, None) if forget else self._effects.get(key)
        started, began = known if known is not None else (None, record.at)
        names = (started.name, started.kind) if started is not None else ()
        failed = isinstance(body, EffectFailed)
        if not self._criteria.wants(EFFECT, names, failed=failed):
            return
        name = f"{started.kind} {started.name}" if started is not None else "an effect"
        after = milliseconds(record.at - began)
        if isinstance(body, EffectFinished):
            result = self._run.resolve(body).result
            yield from self._hit(record, EFFECT, result, f"{name} finished after {after}")
        elif isinstance(body, EffectFailed):
            text = error_text(value_of(body.error))
            yield from self._hit(record, EFFECT, body.error, f"{name} failed after {after}: {text}")
        elif self._criteria.text or self._criteria.where:
            yield from self._hit(record, EFFECT, body.chunk, f"{name} brought a piece")

    def _hit(self, record: Recorded, kind: str, payload: bytes, what: str) -> Iterator[Hit]:
        if self._criteria.holds_for(payload, what if kind in _SPEAKING else ""):
            yield Hit(
                event=f"{record.address}@{record.step}",
                at_ns=record.at,
                kind=kind,
                what=what,
                payload=value_of(payload),
            )


def _type_of(address: str) -> str:
    return address.partition("/")[0]


def _strings(value: Any) -> str:
    """Return all strings in a JSON value, without escapes, in lower case."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one.lower())
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return "\n".join(found)
