"""What happened in one agent, as intervals: turns, sends and effects.

A journal has points: events, and what handling them issued. `AgentBars` takes the steps of one
agent in order and gives out each interval when it ends; what it holds is what is open. Everything
that is drawn, exported or measured by time is made of these.

When a turn begins is not in the journal. It begins in the last step before its first command in
which it can have begun: a message came, or another turn ended. That is exact unless a handler
waits for another handler of its agent before it does anything else.

Knows the journal's records; no span, no metric and no colour.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentmesh.journal.records import CommandRecord, Sent, Step
from agentmesh.kernel.commands import (
    CancelEffect,
    FinishTurn,
    Log,
    StartEffect,
)
from agentmesh.kernel.envelope import (
    ASK,
    CANCEL,
    CHUNK,
    FAIL,
    REPLY,
    STARTS_TURN,
    Envelope,
)
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    TimerFired,
)
from agentmesh.kernel.supervision import ATTEMPT_FAILED

DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
UNFINISHED = "unfinished"
"""How something ended that has no end on record (yet)."""
LINES_MAX = 128
"""Log lines that are kept of a turn: as many events as a span may have by default."""


@dataclass(slots=True, frozen=True)
class Cause:
    """What an agent had been waiting for when it sent or started something."""

    turn: int
    n: int
    is_ask: bool
    """Whether it was an ask (`n` is the message's counter) or an effect."""


@dataclass(slots=True, frozen=True)
class Line:
    """A log line."""

    at_ns: int
    level: str
    text: str
    fields: bytes


@dataclass(slots=True)
class TurnBar:
    """One attempt of an agent at a message, or the end of a message that got no turn."""

    agent: str
    turn: int
    """0 without a turn."""
    envelope: Envelope | None
    """The message; None where the record does not have it."""
    message: str
    """Its id."""
    step: int
    """The step in which the message came."""
    delivered_ns: int
    began_ns: int
    ended_ns: int = 0
    outcome: str = UNFINISHED
    """done, failed, ...; `retried` for an attempt that was not the last."""
    error: bytes = b""
    note: str = ""
    lines: list[Line] = field(default_factory=list)
    lines_dropped: int = 0


@dataclass(slots=True)
class SendBar:
    """An ask until its answer, or the moment of a tell."""

    agent: str
    command: Sent
    step: int
    began_ns: int
    ended_ns: int = 0
    outcome: str = UNFINISHED
    cause: Cause | None = None
    answer: Envelope | None = None
    pieces: int = 0
    """Items of a streamed answer."""


@dataclass(slots=True)
class EffectBar:
    """An effect from its start to its end."""

    agent: str
    command: StartEffect
    step: int
    began_ns: int
    ended_ns: int = 0
    outcome: str = UNFINISHED
    cause: Cause | None = None
    result: EffectFinished | None = None
    error: bytes = b""
    note: str = ""
    pieces: int = 0
    first_ns: int = 0
    """When the first piece came that was not the head of a response."""
    chunks: list[bytes] = field(default_factory=list)
    """The pieces, if they are wanted."""


Bar = TurnBar | SendBar | EffectBar

RETRIED = "retried"


@dataclass(slots=True)
class _Begun:
    at_ns: int
    step: int
    lines: list[Line] = field(default_factory=list)
    dropped: int = 0


class AgentBars:
    """Makes the bars of one agent.

    Args:
        agent: Its address.
        keeps_chunks: Whether pieces of effects are kept until the effect ends.
        whole: Whether its first step comes first; else what ended before is not known.
    """

    def __init__(self, agent: str, *, keeps_chunks: bool = False, whole: bool = True) -> None:
        self.agent = agent
        self.highest_turn = 0
        """How many turns have begun."""
        self._keeps_chunks = keeps_chunks
        self._whole = whole
        self._waiting: dict[str, tuple[Envelope, int, int]] = {}
        self._begun: dict[int, _Begun] = {}
        self._asks: dict[int, SendBar] = {}
        self._effects: dict[tuple[int, int], EffectBar] = {}
        self._chance_ns = 0  # when the latest turn can have begun
        self._last_ns = 0

    @property
    def open(self) -> int:
        """How many messages are waiting or being handled."""
        return len(self._waiting)

    @property
    def queued(self) -> int:
        """How many messages wait in the mailbox."""
        return max(len(self._waiting) - len(self._begun), 0)

    def low_step(self, following: int) -> int:
        """Return the first step that is needed to know what is open.

        Args:
            following: The next step: what it is if nothing is open.
        """
        steps = [step for _, _, step in self._waiting.values()]
        steps += [begun.step for begun in self._begun.values()]
        steps += [bar.step for bar in self._asks.values()]
        steps += [bar.step for bar in self._effects.values()]
        return min(steps, default=following)

    def take(self, step: Step) -> list[Bar]:
        """Take in the next step; return what has ended in it."""
        ended: list[Bar] = []
        cause = self._event(step, ended)
        for command in step.commands:
            self._command(step, command, cause, ended)
        self._last_ns = step.event.at
        return ended

    def rest(self) -> Iterator[Bar]:
        """Yield what has no end, as if it ended with the agent's last event."""
        numbers = iter(sorted(self._begun))
        for envelope, at, step in self._waiting.values():
            turn = next(numbers, 0)
            begun = self._begun.get(turn, _Begun(at, step))
            yield TurnBar(
                *(self.agent, turn, envelope, envelope.id, step, at),
                began_ns=max(begun.at_ns, at),
                ended_ns=max(self._last_ns, at),
                lines=begun.lines,
                lines_dropped=begun.dropped,
            )
        still: list[SendBar | EffectBar] = [*self._asks.values(), *self._effects.values()]
        for bar in still:
            bar.ended_ns = self._last_ns
            yield bar

    def _event(self, step: Step, ended: list[Bar]) -> Cause | None:
        event = step.event
        if isinstance(event, Delivered):
            return self._delivered(step, event.envelope, ended)
        if isinstance(event, EffectStreamed):
            return self._piece(event)
        if isinstance(event, EffectFinished | EffectFailed):
            bar = self._effects.pop((event.turn, event.n), None)
            if bar is not None:
                bar.ended_ns = event.at
                if isinstance(event, EffectFinished):
                    bar.outcome, bar.result = DONE, event
                else:
                    bar.outcome, bar.error, bar.note = FAILED, event.error, event.note
                ended.append(bar)
            return Cause(event.turn, event.n, is_ask=False)
        if isinstance(event, TimerFired) and not event.turn:
            self._chance_ns = event.at  # the rest after a failure is over
        return None

    def _delivered(self, step: Step, envelope: Envelope, ended: list[Bar]) -> Cause | None:
        kind, at = envelope.kind, step.event.at
        if kind in STARTS_TURN:
            self._waiting[envelope.id] = (envelope, at, step.number)
            self._chance_ns = at
        elif kind == CHUNK and envelope.re in self._asks:
            bar = self._asks[envelope.re]
            bar.pieces += 1
            return Cause(bar.command.turn, envelope.re, is_ask=True)
        elif kind in (REPLY, FAIL) and envelope.re in self._asks:
            bar = self._asks.pop(envelope.re)
            bar.ended_ns, bar.answer = at, envelope
            bar.outcome = DONE if kind == REPLY else FAILED
            ended.append(bar)
            return Cause(bar.command.turn, envelope.re, is_ask=True)
        return None

    def _piece(self, event: EffectStreamed) -> Cause:
        bar = self._effects.get((event.turn, event.n))
        if bar is not None:
            bar.pieces += 1
            if bar.pieces == _FIRST_AFTER_HEAD:
                bar.first_ns = event.at
            if self._keeps_chunks and bar.pieces >= _FIRST_AFTER_HEAD:
                bar.chunks.append(event.chunk)
        return Cause(event.turn, event.n, is_ask=False)

    def _command(
        self, step: Step, command: CommandRecord, cause: Cause | None, ended: list[Bar]
    ) -> None:
        turn, at = command.turn, step.event.at
        if turn > self.highest_turn and not isinstance(command, FinishTurn):
            self._begin(turn, step)
        if isinstance(command, FinishTurn):
            self._finish(command, step, ended)
        elif isinstance(command, Sent):
            self._sent(command, step, cause, ended)
        elif isinstance(command, StartEffect):
            key = (turn, command.n)
            self._effects[key] = EffectBar(
                *(self.agent, command, step.number, at), cause=_if_of(cause, turn)
            )
        elif isinstance(command, CancelEffect):
            effect = self._effects.pop((turn, command.n), None)
            if effect is not None:
                effect.ended_ns, effect.outcome = at, CANCELLED
                ended.append(effect)
        elif isinstance(command, Log):
            self._log(command, step, ended)

    def _begin(self, turn: int, step: Step) -> None:
        """Note that turns up to this one have begun."""
        first = self.highest_turn + 1 if self._whole or self.highest_turn else turn
        for number in range(first, turn + 1):
            self._begun[number] = _Begun(self._chance_ns or step.event.at, step.number)
        self.highest_turn = turn

    def _finish(self, command: FinishTurn, step: Step, ended: list[Bar]) -> None:
        at = step.event.at
        if command.turn > self.highest_turn:
            self._begin(command.turn, step)
        envelope, delivered, came = self._waiting.pop(command.message, (None, at, step.number))
        begun = self._begun.pop(command.turn, _Begun(at, step.number))
        ended.append(
            TurnBar(
                *(self.agent, command.turn, envelope, command.message, came, delivered),
                began_ns=max(begun.at_ns, delivered),
                ended_ns=at,
                outcome=command.outcome,
                error=command.error,
                note=command.note,
                lines=begun.lines,
                lines_dropped=begun.dropped,
            )
        )
        self._chance_ns = at

    def _sent(self, command: Sent, step: Step, cause: Cause | None, ended: list[Bar]) -> None:
        at = step.event.at
        if command.kind == CANCEL:
            ask = self._asks.pop(command.re, None)
            if ask is not None:
                ask.ended_ns, ask.outcome = at, CANCELLED
                ended.append(ask)
        elif command.kind in STARTS_TURN:
            bar = SendBar(
                *(self.agent, command, step.number, at), cause=_if_of(cause, command.turn)
            )
            if command.kind == ASK:
                self._asks[command.n] = bar
            else:
                bar.ended_ns, bar.outcome = at, DONE
                ended.append(bar)

    def _log(self, command: Log, step: Step, ended: list[Bar]) -> None:
        at = step.event.at
        failed = _failed_attempt(command) if command.event == ATTEMPT_FAILED else None
        if failed is not None:
            turn, message, error = failed
            envelope, delivered, came = self._waiting.get(message, (None, at, step.number))
            begun = self._begun.pop(turn, _Begun(at, step.number))
            ended.append(
                TurnBar(
                    *(self.agent, turn, envelope, message, came, delivered),
                    began_ns=max(begun.at_ns, delivered),
                    ended_ns=at,
                    outcome=RETRIED,
                    error=error,
                    lines=begun.lines,
                    lines_dropped=begun.dropped,
                )
            )
            self._chance_ns = at
            return
        begun_turn = self._begun.get(command.turn)
        if begun_turn is None:
            return
        if len(begun_turn.lines) < LINES_MAX:
            line = Line(at, command.level, command.event, command.fields)
            begun_turn.lines.append(line)
        else:
            begun_turn.dropped += 1


_FIRST_AFTER_HEAD = 2
"""The first piece of a streamed response is its head."""


def _if_of(cause: Cause | None, turn: int) -> Cause | None:
    return cause if cause is not None and cause.turn == turn else None


def _failed_attempt(command: Log) -> tuple[int, str, bytes] | None:
    """Return turn, message and error of an attempt that failed; None if a user said the like."""
    try:
        said: Any = json.loads(command.fields)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("error"), dict):
        return None
    turn, message = said.get("turn"), said.get("message")
    if not isinstance(turn, int) or not isinstance(message, str):
        return None
    return turn, message, json.dumps(said["error"]).encode()
