"""Rows of messages, each made by whichever of its two sides is read first."""

from agentmesh.journal.records import Sent
from agentmesh.kernel.envelope import (
    ASK,
    CANCEL,
    CHUNK,
    CLIENT,
    CONTINUE,
    FAIL,
    REPLY,
    STARTS_TURN,
    Envelope,
)
from agentmesh.kernel.events import Delivered
from agentmesh.viewer.agents import Agent, told_by
from agentmesh.viewer.rows import COUNTER_BITS, Rows, i32, u32
from agentmesh.viewer.tables import UNKNOWN

_ANSWERS = (REPLY, FAIL, CHUNK)


class MessageRows:
    """Fills the table of messages.

    Args:
        rows: The tables.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._table = rows.tables["messages"]
        self._of = self._table.fields()

    def send(self, agent: Agent, step: int, at: float, command: Sent) -> None:
        """Take in the sender's side."""
        rows, of, kind, turn = self._rows, self._of, command.kind, command.turn
        key = agent.index << COUNTER_BITS | command.n
        row = rows.pending.pop(key, None)
        if row is None:
            row = self._add(key, agent.index, rows.index_of(command.dst), command)
        of.src_step[row], of.src_turn[row] = i32(step), u32(turn)
        of.sent[row] = at
        if row < self._table.rows:
            self._table.changed(row)
        if kind in STARTS_TURN:
            agent.figures.messages_out += 1
            if kind == ASK:
                agent.asks[command.n] = (row, turn)
                begun = agent.open.get(turn)
                if begun is not None:
                    begun.ask(at)
        if command.re and of.re[row] < 0:
            of.re[row] = self._asked(agent, command, at)

    def deliver(self, agent: Agent, step: int, at: float, event: Delivered) -> None:
        """Take in the receiver's side."""
        rows, of, envelope = self._rows, self._of, event.envelope
        kind, src, payload = envelope.kind, envelope.src, envelope.payload
        key = rows.key(src, envelope.n)
        row = rows.pending.pop(key, None)
        if row is None:
            row = self._add(key, rows.index_of(src), agent.index, envelope)
            if src == CLIENT:
                del rows.pending[key]
        of.dst[row], of.dst_step[row] = agent.index, i32(step)
        of.delivered[row] = at
        of.bytes[row] = rows.size(payload, envelope.blob) if envelope.blob else len(payload)
        rows.previews.add("messages", row, payload)
        if row < self._table.rows:
            self._table.changed(row)
        if src != CLIENT:
            agent.causes[-1] = told_by(row)
        if not agent.heard:  # it began to live because of this
            agent.heard = True
            for earlier in range(step):
                agent.causes[earlier] = agent.causes[-1]
        if kind in STARTS_TURN:
            agent.waiting[key] = row
            agent.figures.messages_in += 1
            agent.chance_step, agent.chance = step, at
        elif kind in _ANSWERS:
            self._answer(agent, step, at, row, envelope)

    def _asked(self, agent: Agent, command: Sent, at: float) -> int:
        """Return the row of the ask that a sent message is about."""
        if command.kind == CANCEL:
            return self._stop_waiting(agent, command.re, at)
        asker = command.origin if command.kind == CONTINUE else command.dst
        return agent.waiting.get(self._rows.key(asker, command.re), UNKNOWN)

    def _answer(self, agent: Agent, step: int, at: float, row: int, envelope: Envelope) -> None:
        asked = agent.asks.get(envelope.re)
        if asked is None:
            return
        of = self._of
        of.re[row] = asked[0]
        agent.turns[-1] = u32(asked[1])
        if envelope.kind != CHUNK:
            of.answered[asked[0]], of.answer_step[asked[0]] = at, i32(step)
            self._table.changed(asked[0])
            self._stop_waiting(agent, envelope.re, at)

    def _stop_waiting(self, agent: Agent, n: int, at: float) -> int:
        """Note that an ask is waited for no more; return its row."""
        asked = agent.asks.pop(n, None)
        if asked is None:
            return UNKNOWN
        begun = agent.open.get(asked[1])
        if begun is not None:
            begun.answer(at)
        return asked[0]

    def _add(self, key: int, src: int, dst: int, said: Sent | Envelope) -> int:
        """Add the row of a message of which one side is known."""
        rows, of, row = self._rows, self._of, self._table.new()
        of.src[row], of.dst[row] = src, dst
        of.n[row], of.kind[row] = u32(said.n), said.kind
        of.type[row], of.handler[row] = rows.types.code(said.type), rows.handlers.code(said.handler)
        rows.pending[key] = row
        rows.previews.reserve("messages")
        return row
