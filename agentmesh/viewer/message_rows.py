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
from agentmesh.viewer.agents import OPEN, Agent, told_by
from agentmesh.viewer.rows import Rows, i32, u32
from agentmesh.viewer.tables import NAN, UNKNOWN

_ANSWERS = (REPLY, FAIL, CHUNK)


class MessageRows:
    """Fills the table of messages.

    Args:
        rows: The tables.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._table = rows.tables["messages"]

    def send(self, agent: Agent, step: int, at: float, command: Sent) -> None:
        """Take in the sender's side."""
        rows, kind, turn = self._rows, command.kind, command.turn
        key = rows.key(agent.address, command.n)
        row = rows.pending.pop(key, None)
        agent.figures.messages_out += kind in STARTS_TURN
        if row is None:
            row = self._add(key, agent.index, rows.index_of(command.dst), command)
        columns = self._table.columns
        columns["src_step"][row], columns["src_turn"][row] = i32(step), u32(turn)
        columns["sent"][row] = at
        self._table.changed(row)
        if kind == ASK:
            agent.asks[command.n] = (row, turn)
            begun = agent.open.get(turn)
            if begun is not None:
                begun.ask(at)
        elif command.re and columns["re"][row] < 0:
            columns["re"][row] = self._asked(agent, command, at)

    def deliver(self, agent: Agent, step: int, at: float, event: Delivered) -> None:
        """Take in the receiver's side."""
        rows, envelope = self._rows, event.envelope
        kind, src = envelope.kind, envelope.src
        key = rows.key(src, envelope.n)
        row = rows.pending.pop(key, None)
        if row is None:
            row = self._add(key, rows.index_of(src), agent.index, envelope)
            if src == CLIENT:
                del rows.pending[key]
        columns = self._table.columns
        columns["dst"][row], columns["dst_step"][row] = agent.index, i32(step)
        columns["delivered"][row] = at
        columns["bytes"][row] = rows.size(envelope.payload, envelope.blob)
        rows.previews.add("messages", row, envelope.payload)
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
        columns = self._table.columns
        columns["re"][row] = asked[0]
        agent.turns[-1] = u32(asked[1])
        if envelope.kind != CHUNK:
            columns["answered"][asked[0]] = at
            columns["answer_step"][asked[0]] = i32(step)
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
        row = self._table.add(
            (
                *(src, UNKNOWN, 0, dst, UNKNOWN, u32(said.n), said.kind),
                *(self._rows.types.code(said.type), self._rows.handlers.code(said.handler)),
                *(NAN, NAN, NAN, NAN, OPEN, 0, UNKNOWN, NAN, UNKNOWN, 0, 0.0, 0),
            )
        )
        self._rows.pending[key] = row
        self._rows.previews.add("messages", row, b"")
        return row
