"""Bars as spans: names, attributes, links and parents, all from `conventions`.

The tree of a run: the workflow's turn is the root; what a turn sends and starts is below it; a
message's turn is below the span in which it was sent, and links to it, as messaging asks for.
What an agent does once an answer or a result has come links to the span that brought it.

What was said to a model or between agents is written only if that was asked for.
"""

import json
from collections.abc import Callable
from typing import Any

from agentmesh.causality.usage import Usage
from agentmesh.journal.run_info import RunInfo
from agentmesh.kernel.commands import CONTINUED, DONE
from agentmesh.kernel.envelope import ASK, CLIENT, CONTINUE, KIND_NAMES, agent_type_of
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry import ids, models
from agentmesh.telemetry.bars import (
    CANCELLED,
    FAILED,
    RETRIED,
    Bar,
    Cause,
    EffectBar,
    SendBar,
    TurnBar,
)
from agentmesh.telemetry.settings import Capture
from agentmesh.telemetry.span import (
    CLIENT_KIND,
    CONSUMER,
    INTERNAL,
    PRODUCER,
    Attributes,
    Event,
    Link,
    Span,
)

_GOOD = (DONE, CONTINUED, RETRIED)
_TOOL = "tool"
_KINDS = {names.EMBEDDINGS: "EMBEDDING"}

Price = Callable[[str, Usage], float | None]


class SpanMaker:
    """Makes the spans of one run.

    Args:
        info: The run.
        capture: Where what was said may be written.
        price: Returns what tokens of a model cost, in US dollars.
    """

    def __init__(self, info: RunInfo, capture: Capture, price: Price | None = None) -> None:
        self.run = info.id
        self.trace_id = ids.trace_id(info.id)
        self._info = info
        self._capture = capture
        self._price = price

    def span(self, bar: Bar) -> Span:
        """Return the span of a bar; its payloads must be there if they may be written."""
        if isinstance(bar, TurnBar):
            return self._turn(bar)
        if isinstance(bar, SendBar):
            return self._send(bar)
        return self._effect(bar)

    # --- turns ------------------------------------------------------------------------------------

    def _turn(self, bar: TurnBar) -> Span:
        envelope, message = bar.envelope, bar.message
        agent_type = agent_type_of(bar.agent)
        root = envelope is not None and envelope.src == CLIENT
        operation = names.INVOKE_WORKFLOW if root else names.INVOKE_AGENT
        attributes: Attributes = {
            names.OPERATION: operation,
            names.WORKFLOW_NAME if root else names.AGENT_NAME: agent_type,
            names.SPAN_KIND: "CHAIN" if root else "AGENT",
            names.AGENT: bar.agent,
            names.EVENT: f"{bar.agent}@{bar.step}",
            names.TURN: bar.turn,
            names.OUTCOME: bar.outcome,
        }
        if not root:
            attributes |= _messaging(names.PROCESS, names.PROCESS, bar.agent, message)
        if envelope is not None:
            attributes |= {names.HANDLER: envelope.handler, names.TYPE: envelope.type}
            attributes[names.WAIT_SECONDS] = (bar.began_ns - bar.delivered_ns) / 1e9
            if self._capture.on_spans and envelope.payload:
                attributes[names.INPUT_VALUE] = envelope.payload.decode("utf-8", "replace")
                attributes[names.INPUT_TYPE] = names.JSON_TYPE
        sent_in = b"" if root else ids.send_span(self.run, message)
        made = Span(
            f"{operation} {agent_type}" if root else f"{names.PROCESS} {agent_type}",
            INTERNAL if root else CONSUMER,
            self.trace_id,
            self._turn_id(bar.agent, bar.turn, message),
            sent_in,
            bar.began_ns,
            bar.ended_ns,
            attributes,
            events=[_line_event(line) for line in bar.lines],
            dropped_events=bar.lines_dropped,
        )
        if sent_in:
            made.links.append(Link(self.trace_id, sent_in, {names.LINK: "message"}))
        elif self._info.parent:
            origin = ids.trace_id(self._info.parent)
            root_id = ids.turn_span(self._info.parent, bar.agent, bar.turn)
            made.links.append(Link(origin, root_id, {names.LINK: "branch_of"}))
        _judge(made, bar.outcome, bar.error, bar.note)
        return made

    def _turn_id(self, agent: str, turn: int, message: str) -> bytes:
        if turn:
            return ids.turn_span(self.run, agent, turn)
        return ids.unhandled_span(self.run, agent, message)

    # --- messages ---------------------------------------------------------------------------------

    def _send(self, bar: SendBar) -> Span:
        command = bar.command
        message = f"{bar.agent}#{command.n}"
        kind = KIND_NAMES[command.kind]
        receiver = agent_type_of(command.dst)
        attributes = _messaging(kind, names.SEND, command.dst, message)
        attributes |= {
            names.AGENT: bar.agent,
            names.EVENT: f"{bar.agent}@{bar.step}",
            names.HANDLER: command.handler,
            names.TYPE: command.type,
            names.SPAN_KIND: "CHAIN",
        }
        if command.kind == ASK:
            attributes |= {names.OUTCOME: bar.outcome, names.CONVERSATION: message}
            answer = bar.answer
            if self._capture.on_spans and answer is not None and bar.outcome == DONE:
                attributes[names.OUTPUT_VALUE] = answer.payload.decode("utf-8", "replace")
                attributes[names.OUTPUT_VALUE_TYPE] = names.JSON_TYPE
        elif command.kind == CONTINUE and command.re:
            attributes[names.CONVERSATION] = f"{command.origin}#{command.re}"
        made = Span(
            f"{kind} {receiver}",
            PRODUCER,
            self.trace_id,
            ids.send_span(self.run, message),
            self._parent(bar.agent, command.turn),
            bar.began_ns,
            bar.ended_ns,
            attributes,
            links=self._cause(bar.agent, bar.cause),
        )
        failed = bar.answer.payload if bar.outcome == FAILED and bar.answer is not None else b""
        _judge(made, bar.outcome, failed, "")
        return made

    def _parent(self, agent: str, turn: int) -> bytes:
        """Return the turn that something belongs to; the workflow's for what belongs to none."""
        if turn:
            return ids.turn_span(self.run, agent, turn)
        return ids.turn_span(self.run, f"{self._info.workflow}/root", 1)

    def _cause(self, agent: str, cause: Cause | None) -> list[Link]:
        if cause is None:
            return []
        if cause.is_ask:
            span = ids.send_span(self.run, f"{agent}#{cause.n}")
        else:
            span = ids.effect_span(self.run, agent, cause.turn, cause.n)
        return [Link(self.trace_id, span, {names.LINK: "cause"})]

    # --- effects ----------------------------------------------------------------------------------

    def _effect(self, bar: EffectBar) -> Span:
        command = bar.command
        made = Span(
            f"{command.kind} {command.name}",
            INTERNAL,
            self.trace_id,
            ids.effect_span(self.run, bar.agent, command.turn, command.n),
            self._parent(bar.agent, command.turn),
            bar.began_ns,
            bar.ended_ns,
            {
                names.AGENT: bar.agent,
                names.EVENT: f"{bar.agent}@{bar.step}",
                names.EFFECT_KIND: command.kind,
                names.EFFECT_KEY: command.key,
                names.OUTCOME: bar.outcome,
                names.AGENT_NAME: agent_type_of(bar.agent),
            },
            links=self._cause(bar.agent, bar.cause),
        )
        if command.kind == models.HTTP:
            self._describe_request(made, bar)
        elif command.kind == _TOOL:
            self._describe_tool(made, bar)
        else:
            made.attributes[names.SPAN_KIND] = "CHAIN"
        _judge(made, bar.outcome, bar.error, bar.note)
        return made

    def _describe_tool(self, made: Span, bar: EffectBar) -> None:
        made.name = f"{names.EXECUTE_TOOL} {bar.command.name}"
        made.attributes |= {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: bar.command.name,
            names.TOOL_TYPE: "function",
            names.SPAN_KIND: "TOOL",
        }
        if not self._capture.on_spans:
            return
        made.attributes[names.TOOL_ARGUMENTS] = _arguments(bar.command.request)
        if bar.result is not None:
            made.attributes[names.TOOL_RESULT] = bar.result.result.decode("utf-8", "replace")

    def _describe_request(self, made: Span, bar: EffectBar) -> None:
        made.kind = CLIENT_KIND
        request = models.request_of(bar.command.request)
        result = bar.result.result if bar.result is not None else b""
        response = models.response_of(result, bar.chunks) if result else None
        attributes = made.attributes
        if request.host:
            attributes[names.SERVER_ADDRESS] = request.host
        if request.port:
            attributes[names.SERVER_PORT] = request.port
        status = response.status if response is not None else 0
        if status >= _BAD_STATUS:
            made.failed = True
            attributes[names.ERROR_TYPE] = str(status)
        if request.operation:
            self._describe_model(made, bar, request, response)
            return
        made.name = bar.command.name or request.method
        attributes |= {
            names.HTTP_METHOD: request.method,
            names.URL: request.url,
            names.SPAN_KIND: "CHAIN",
        }
        if status:
            attributes[names.HTTP_STATUS] = status

    def _describe_model(
        self,
        made: Span,
        bar: EffectBar,
        request: models.Request,
        response: models.Response | None,
    ) -> None:
        attributes = made.attributes
        made.name = f"{request.operation} {request.model}".rstrip()
        attributes |= {
            names.OPERATION: request.operation,
            names.PROVIDER: request.provider,
            names.SPAN_KIND: _KINDS.get(request.operation, "LLM"),
            **models.parameters(request),
        }
        if request.model:
            attributes[names.REQUEST_MODEL] = request.model
        if bar.first_ns:
            attributes[names.FIRST_CHUNK] = (bar.first_ns - bar.began_ns) / 1e9
        if response is not None:
            self._describe_answer(attributes, request, response)
        if self._capture.any:
            said = models.said(request, response)
            if self._capture.on_spans:
                attributes |= said
            if self._capture.as_events:
                made.events.append(Event(bar.ended_ns, names.DETAILS_EVENT, dict(said)))

    def _describe_answer(
        self, attributes: Attributes, request: models.Request, response: models.Response
    ) -> None:
        if response.model:
            attributes[names.RESPONSE_MODEL] = response.model
        if response.id:
            attributes[names.RESPONSE_ID] = response.id
        if response.finish_reasons:
            attributes[names.FINISH_REASONS] = response.finish_reasons
        used = response.used
        if used is None:
            return
        attributes[names.INPUT_TOKENS] = used.input_tokens
        if request.operation != names.EMBEDDINGS:
            attributes[names.OUTPUT_TOKENS] = used.output_tokens
        if used.cached_tokens:
            attributes[names.CACHE_READ_TOKENS] = used.cached_tokens
        if used.written_tokens:
            attributes[names.CACHE_WRITTEN_TOKENS] = used.written_tokens
        cost = self._price(response.model or request.model, used) if self._price else None
        if cost is not None:
            attributes[names.COST] = cost


_BAD_STATUS = 400


def _messaging(operation: str, kind: str, destination: str, message: str) -> Attributes:
    return {
        names.MESSAGING_SYSTEM: names.SYSTEM,
        names.MESSAGING_OPERATION: operation,
        names.MESSAGING_TYPE: kind,
        names.DESTINATION: destination,
        names.DESTINATION_TEMPLATE: f"{agent_type_of(destination)}/{{key}}",
        names.MESSAGE_ID: message,
    }


def _line_event(line: Any) -> Event:
    return Event(
        line.at_ns,
        line.text,
        {names.LEVEL: line.level, names.FIELDS: line.fields.decode("utf-8", "replace")},
    )


def _judge(made: Span, outcome: str, error: bytes, note: str) -> None:
    """Say how it ended: what a caller has called off is no error, whatever it is called."""
    if outcome in _GOOD and outcome != RETRIED:
        return
    if outcome == RETRIED:
        made.attributes[names.ATTEMPT_FAILED] = True
    described = _error_of(error)
    kind = str(described.get("type") or outcome)
    made.attributes[names.ERROR_TYPE] = kind
    if outcome == CANCELLED:
        return
    made.failed = True
    problem, note = _without_arguments(described, note)
    made.problem = problem or outcome
    if described:
        exception: Attributes = {
            names.EXCEPTION_TYPE: kind,
            names.EXCEPTION_MESSAGE: made.problem,
        }
        if note:
            exception[names.EXCEPTION_STACKTRACE] = note
        made.events.append(Event(made.end_ns, names.EXCEPTION_EVENT, exception))


def _without_arguments(described: dict[str, Any], note: str) -> tuple[str, str]:
    """Return an error's text and traceback without what its tool was called with."""
    what, fields = str(described.get("what") or ""), described.get("fields")
    if not isinstance(fields, dict):
        return what, note
    call, own = fields.get("call"), fields.get("message")
    if not isinstance(call, str) or not call:
        return what, note
    shown = call.partition("(")[0]
    problem = own if isinstance(own, str) and own else what.replace(call, shown)
    return problem, note.replace(call, shown)


def _error_of(error: bytes) -> dict[str, Any]:
    try:
        value = json.loads(error) if error else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _arguments(request: bytes) -> str:
    """Return the arguments of a tool as JSON."""
    try:
        value = json.loads(request)
    except (ValueError, RecursionError):
        return request.decode("utf-8", "replace")
    if isinstance(value, dict) and "arguments" in value:
        value = value["arguments"]
    return json.dumps(value, ensure_ascii=False)
