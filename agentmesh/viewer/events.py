"""All about one event: what came, what handling it issued, where that went.

Reads the steps that it tells about, and no others. Which events these are, the columns say.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from agentmesh.causality.order import EventRef
from agentmesh.causality.summaries import Teller, command_words, value_of
from agentmesh.causality.usage import usage_of
from agentmesh.effects import prices
from agentmesh.journal.records import Step, kind_of
from agentmesh.kernel.commands import FinishTurn, Log, StartEffect
from agentmesh.kernel.envelope import KIND_NAMES, STARTS_TURN, agent_type_of
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
)
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.agents import OUTCOMES
from agentmesh.viewer.conversation import conversation, usage_json
from agentmesh.viewer.opened import OpenRun
from agentmesh.viewer.parts import (
    bytes_of,
    command_bytes,
    debug_line,
    event_payload,
    key_of,
    log_json,
)
from agentmesh.viewer.payloads import SHOWN_BYTES, payload_json
from agentmesh.viewer.rows import found
from agentmesh.viewer.source_lines import source_of
from agentmesh.viewer.words import DELIVERED, Words

LINKS_MAX = 50
"""Direct effects that are told; how many there are is told, too."""
COMMANDS_MAX = 500
_COMMAND_BYTES = 4_096
_PIECES_MAX = 5_000
_ENDS = (EffectFinished, EffectFailed, EffectStreamed)
_OUTCOME_NAMES = ("open", *OUTCOMES)


class EventTeller:
    """Tells about events of a run.

    Args:
        opened: The run's columns.
        run: The run.
    """

    def __init__(self, opened: OpenRun, run: RecordedRun) -> None:
        self._opened = opened
        self._run = run
        self._graph = opened.graph()
        self._order = self._graph.order
        self._teller = Teller(run, self._order)
        self._words = Words(opened.building)
        self._start_ns = opened.building.rows.start_ns
        self._prices = prices.recorded(run.info.prices)

    def link(self, event: EventRef | None) -> dict[str, Any] | None:
        """Return an event in a few words."""
        if event is None:
            return None
        return {
            "ref": str(event),
            "row": event.number,
            "at_ns": event.at - self._start_ns,
            "what": self._words.what(event),
            "kind": self._words.kind(event),
        }

    def event(self, ref: str, limit: int = SHOWN_BYTES) -> dict[str, Any]:
        """Return all about an event.

        Args:
            ref: Its reference, or its number.
            limit: Bytes of a payload that are told.

        Raises:
            UsageError: It names no event.
            UnknownAgentError: The run has no such agent.
            UnknownEventError: The run has no such event.
        """
        event = self._order.find(ref)
        step = self._teller.step(event)
        body = self._run.resolve(step.event)
        effects = self._graph.effects_of(event)
        shown = effects[:LINKS_MAX]
        cause = self._graph.cause_of(event)
        neighbours = [self._beside(event, -1), self._beside(event, 1)]
        agent = self._opened.building.rows.by_address[event.address]
        effect = self._effect(event, body, limit)
        return {
            "ref": str(event),
            "agent": event.address,
            "agent_index": agent.index,
            "step": event.step,
            "steps": len(agent.at),
            "row": event.number,
            "at_ns": event.at - self._start_ns,
            "at_ms": event.at / 1e6,
            "kind": kind_of(body),
            "what": self._teller.summary(event).what,
            "message": self._message(event, body),
            "effect": effect,
            "payload": event_payload(body, limit),
            "conversation": self._conversation(event, body, effect),
            "turn": self._turn(event),
            "cause": self.link(cause),
            "effects_of": [self.link(each) for each in shown],
            "effects_of_count": len(effects),
            "previous": self.link(neighbours[0]),
            "next": self.link(neighbours[1]),
            "commands": list(self._commands(event, step, shown)),
            "commands_count": len(step.commands),
            "logs": [log_json(each) for each in step.commands if isinstance(each, Log)],
            "handled": step.handled,
            "source": self._source(event, body),
            "debug_line": debug_line(self._run.id, event),
        }

    def payload(self, ref: str, part: str) -> bytes:
        """Return a payload in full.

        Args:
            ref: The event.
            part: `event`, `request` of the effect that has ended, or `command:N`.

        Raises:
            UsageError: The event has no such part.
        """
        event = self._order.find(ref)
        step = self._teller.step(event)
        if part == "event":
            return bytes_of(self._run.resolve(step.event))
        if part == "request":
            started = self._started(event, step.event)
            return b"" if started is None else self._run.resolve(started[1]).request
        word, _, number = part.partition(":")
        commands = step.commands
        if word != "command" or not number.isdecimal() or not 0 < int(number) <= len(commands):
            return b""
        return command_bytes(self._run.resolve(commands[int(number) - 1]))

    def _beside(self, event: EventRef, by: int) -> EventRef | None:
        step = event.step + by
        if not 0 <= step < self._order.steps_of(event.address):
            return None
        return self._order.at_place(self._order.place_of(event.address, step))

    def _at(self, address: str, step: int) -> EventRef | None:
        if not 0 <= step < self._order.steps_of(address):
            return None
        return self._order.at_place(self._order.place_of(address, step))

    # --- messages and turns -----------------------------------------------------------------------

    def _message(self, event: EventRef, body: Any) -> dict[str, Any] | None:
        if not isinstance(body, Delivered):
            return None
        envelope = body.envelope
        ended, finish = self._end_of(event) if envelope.kind in STARTS_TURN else (None, None)
        outcome = finish.outcome if finish is not None else "open"
        return {
            "id": envelope.id,
            "kind": KIND_NAMES[envelope.kind],
            "sender": envelope.src,
            "handler": envelope.handler,
            "type": envelope.type,
            "deadline_ms": envelope.deadline / 1e6 if envelope.deadline else None,
            "sent": self.link(self._graph.cause_of(event)),
            "outcome": outcome if envelope.kind in STARTS_TURN else None,
            "ended": self.link(ended),
            "error": value_of(finish.error) if finish is not None and finish.error else None,
            "traceback": finish.note if finish is not None else envelope.note,
            "origin": envelope.origin,
            "lethal": body.lethal,
        }

    def _end_of(self, event: EventRef) -> tuple[EventRef | None, FinishTurn | None]:
        """Return the event at which the message of a delivery ended, and its end."""
        row = self._turn_row(event, "deliver_step", event.step)
        table = self._opened.building.tables["turns"]
        if row is None or not table.columns["outcome"][row]:
            return None, None
        ended = self._at(event.address, table.columns["last_step"][row])
        if ended is None:
            return None, None
        said = self._teller.step(event).event
        message = said.envelope.id if isinstance(said, Delivered) else ""
        for command in self._teller.step(ended).commands:
            if isinstance(command, FinishTurn) and command.message == message:
                return ended, command
        return ended, None

    def _turn(self, event: EventRef) -> dict[str, Any] | None:
        agent = self._opened.building.rows.by_address[event.address]
        number = agent.turns[event.step]
        row = self._turn_row(event, "turn", number) if number else None
        if row is None:
            return None
        building = self._opened.building
        columns = building.tables["turns"].columns
        outcome = columns["outcome"][row]
        return {
            "number": number,
            "row": row,
            "handler": building.rows.handlers.texts[columns["handler"][row]],
            "delivered": self.link(self._at(event.address, columns["deliver_step"][row])),
            "began": self.link(self._at(event.address, columns["first_step"][row])),
            "ended": self.link(self._at(event.address, columns["last_step"][row]))
            if outcome
            else None,
            "outcome": _OUTCOME_NAMES[outcome],
        }

    def _turn_row(self, event: EventRef, column: str, value: int) -> int | None:
        """Return the row of the turn of an event's agent that has a value in a column."""
        table = self._opened.building.tables["turns"]
        agent = self._opened.building.rows.by_address[event.address].index
        rows = list(found(table, column, value, agent))
        return rows[-1] if rows else None

    # --- effects ----------------------------------------------------------------------------------

    def _started(self, event: EventRef, body: Any) -> tuple[EventRef, StartEffect] | None:
        """Return where an effect began of which an event is the end."""
        cause = self._graph.cause_of(event) if isinstance(body, _ENDS) else None
        if cause is None or not isinstance(body, _ENDS):
            return None
        for command in self._teller.step(cause).commands:
            if isinstance(command, StartEffect) and (command.turn, command.n) == (
                body.turn,
                body.n,
            ):
                return cause, command
        return None

    def _effect(self, event: EventRef, body: Any, limit: int) -> dict[str, Any] | None:
        started = self._started(event, body)
        if started is None:
            return None
        began, command = started
        request = self._run.resolve(command).request
        result = body.result if isinstance(body, EffectFinished) else None
        status = "finished" if result is not None else "open"
        if isinstance(body, EffectFailed):
            status = "failed"
        return {
            "kind": command.kind,
            "name": command.name,
            "turn": command.turn,
            "n": command.n,
            "began": self.link(began),
            "ended": None if isinstance(body, EffectStreamed) else self.link(event),
            "status": status,
            "duration_ns": event.at - began.at,
            "request": payload_json(request, "request", limit),
            "result": None if result is None else payload_json(result, "event", limit),
            "error": value_of(body.error) if isinstance(body, EffectFailed) else None,
            "traceback": body.note if isinstance(body, EffectFailed) else "",
            "idempotent": command.idempotent,
            "key": command.key,
            "usage": usage_json(result or b""),
            "cost_usd": self._cost(result or b""),
        }

    def _cost(self, result: bytes) -> float | None:
        used = usage_of(result)
        return None if used is None else self._prices.cost_of(*used)

    def _conversation(
        self, event: EventRef, body: Any, effect: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        started = self._started(event, body)
        if started is None or effect is None:
            return None
        began, command = started
        result = body.result if isinstance(body, EffectFinished) else None
        request = self._run.resolve(command).request
        made = conversation(request, result, self._pieces(began, event, body))
        return None if made is None else {**made, "cost_usd": effect["cost_usd"]}

    def _pieces(self, began: EventRef, event: EventRef, body: Any) -> Iterator[bytes]:
        """Yield the pieces of an answer that came in pieces, up to an event."""
        agent = self._opened.building.rows.by_address[event.address]
        streamed = [
            step
            for step in range(began.step + 1, event.step + 1)
            if agent.causes[step] == began.step and agent.kinds[step] == _STREAMED
        ][:_PIECES_MAX]
        if not streamed:
            return
        wanted = set(streamed)
        for step in self._run.steps(event.address, start=streamed[0]):
            piece = step.event
            if step.number in wanted and isinstance(piece, EffectStreamed):
                yield piece.chunk if (piece.turn, piece.n) == (body.turn, body.n) else b""
            if step.number >= streamed[-1]:
                return

    # --- commands ---------------------------------------------------------------------------------

    def _commands(
        self, event: EventRef, step: Step, effects: Iterable[EventRef]
    ) -> Iterator[dict[str, Any]]:
        targets = self._targets(event, effects)
        for index, command in enumerate(step.commands[:COMMANDS_MAX], 1):
            resolved = self._run.resolve(command)
            what, _ = command_words(resolved, event.at)
            data = command_bytes(resolved)
            yield {
                "index": index,
                "kind": kind_of(command),
                "what": what,
                "turn": command.turn,
                "link": self.link(targets.get(key_of(command))),
                "payload": payload_json(data, f"command:{index}", _COMMAND_BYTES) if data else None,
            }

    def _targets(
        self, event: EventRef, effects: Iterable[EventRef]
    ) -> dict[tuple[str, int, int], EventRef]:
        """Return where each command of an event went: by what the command is known by."""
        made: dict[tuple[str, int, int], EventRef] = {}
        tables, rows = self._opened.building.tables, self._opened.building.rows
        sender = rows.by_address[event.address].index
        for target in effects:
            agent = rows.by_address[target.address]
            if agent.kinds[target.step] == DELIVERED:
                row = self._words.message(agent, target.step)
                columns = tables["messages"].columns
                if row is not None and columns["src"][row] == sender:
                    made["sent", 0, columns["n"][row]] = target
                continue
            row = self._words.effect(agent, target.step)
            if row is not None:
                columns = tables["effects"].columns
                made["effect", columns["turn"][row], columns["n"][row]] = target
        return made

    def _source(self, event: EventRef, body: Any) -> dict[str, Any] | None:
        handler = ""
        if isinstance(body, Delivered) and body.envelope.handler:
            handler = body.envelope.handler
        else:
            agent = self._opened.building.rows.by_address[event.address]
            row = self._turn_row(event, "turn", agent.turns[event.step])
            if row is not None and agent.turns[event.step]:
                building = self._opened.building
                code = building.tables["turns"].columns["handler"][row]
                handler = building.rows.handlers.texts[code]
        return source_of(self._run.info, agent_type_of(event.address), handler or "run")


_STREAMED = 4
