"""From an answer as it was written to what the model says to this request.

Pure: a request, an answer and a source of chance give a `Completion`, a
`Fault`, or None where the answer is passed over. What a script says is taken
at its word, even where a real model could not say it (a call of a tool that
is not offered, text where a call is required): programs must survive models
that misbehave. Only `Echo` follows what the request asks for.
"""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agentmesh.testing.models.answers import (
    Answer,
    Computed,
    Echo,
    Json,
    Refusal,
    Sampled,
    Script,
    Template,
    Text,
    ToolCall,
    ToolCalls,
    as_answer,
)
from agentmesh.testing.models.api_errors import bad_value
from agentmesh.testing.models.chat_request import ChatRequest, ToolSpec
from agentmesh.testing.models.completion import CompletedCall, Completion
from agentmesh.testing.models.faults import Fault
from agentmesh.testing.models.sampling import Draws
from agentmesh.testing.models.scalars import CannotGenerateError
from agentmesh.testing.models.schemas import generate

# Words of the question that generated strings are made of, and how much of it is repeated.
_WORDS_MAX = 40
_QUOTE_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, one of its choices, and the chance it gets."""

    request: ChatRequest
    draws: Draws

    choice: int = 0
    """Which of the `n` alternatives this is."""

    groups: Mapping[str, str] = field(default_factory=dict)
    """What the named groups of the rule's pattern found."""

    depth: int = 0
    """How many answers lead to this one; distinguishes their draws."""


def resolve(answer: Answer, asked: Asked) -> Completion | Fault | None:
    """Return what an answer comes to for one request; None passes the rule over.

    Raises:
        ApiError: JSON was to be drawn from a schema that allows none.
    """
    match answer:
        case Text(text=text, finish_reason=reason):
            return Completion(text=text, finish_reason=reason)
        case Template(text=text):
            return Completion(text=_filled(text, asked))
        case Json(value=value):
            return Completion(text=json.dumps(value, ensure_ascii=False))
        case Refusal(text=text):
            return Completion(refusal=text)
        case ToolCalls():
            return _call_tools(answer, asked)
        case Sampled():
            return resolve(_pick(answer, asked), _deeper(asked))
        case Script(steps=steps):
            step = asked.request.answers_so_far
            return resolve(steps[step], _deeper(asked)) if step < len(steps) else None
        case Computed(function=function):
            source = asked.draws.model("computed", asked.choice, asked.depth)
            said = function(replace(asked.request, random=source))
            return None if said is None else resolve(as_answer(said), _deeper(asked))
        case Echo():
            return _echo(asked)
        case _:
            return answer


def _deeper(asked: Asked) -> Asked:
    return replace(asked, depth=asked.depth + 1)


def _pick(sampled: Sampled, asked: Asked) -> Answer:
    weights = [weight for weight, _ in sampled.alternatives]
    answers = [answer for _, answer in sampled.alternatives]
    if asked.request.temperature == 0:
        return answers[weights.index(max(weights))]
    source = asked.draws.model("sampled", asked.choice, asked.depth)
    return source.choices(answers, weights)[0]


def _filled(text: str, asked: Asked) -> str:
    results = asked.request.tool_results
    known = {
        "last_user": asked.request.last_user,
        "last_result": results[-1][1] if results else "",
        "model": asked.request.model,
        **asked.groups,
    }
    return string.Template(text).safe_substitute(known)


def _call_tools(answer: ToolCalls, asked: Asked) -> Completion | None:
    calls = tuple(_complete_call(call, index, asked) for index, call in enumerate(answer.calls))
    if all(
        _was_made(written, call, asked) for written, call in zip(answer.calls, calls, strict=True)
    ):
        return None
    return Completion(text=answer.text, calls=calls, finish_reason=_called(asked))


def _was_made(written: ToolCall, call: CompletedCall, asked: Asked) -> bool:
    """Whether this turn has made the call; drawn arguments count as any arguments."""
    return any(
        made.name == call.name
        and (written.arguments is None or _same_json(made.arguments, call.arguments))
        for made in asked.request.calls_made
    )


def _same_json(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def _complete_call(call: ToolCall, index: int, asked: Asked) -> CompletedCall:
    match call.arguments:
        case None:
            arguments = _draw_arguments(call.name, index, asked)
        case str():
            arguments = call.arguments
        case _:
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    call_id = "call_" + asked.draws.identifier("call", asked.choice, asked.depth, index)
    return CompletedCall(call_id=call_id, name=call.name, arguments=arguments)


def _draw_arguments(name: str, index: int, asked: Asked) -> str:
    tool = asked.request.tool(name)
    schema = dict(tool.parameters) if tool else {}
    if not schema:
        return "{}"
    return _draw_json({"type": "object", **schema}, f"the tool '{name}'", asked, index)


def _draw_json(schema: Mapping[str, object], subject: str, asked: Asked, index: int = 0) -> str:
    source = asked.draws.model("json", asked.choice, asked.depth, index)
    words = asked.request.last_user.split()[:_WORDS_MAX]
    try:
        value = generate(schema, source, words)
    except CannotGenerateError as error:
        message = (
            f"The simulator cannot make up a value for the schema of {subject}: {error}. "
            "Give the simulator a rule that answers this request."
        )
        raise bad_value("response_format", message, code="simulator_cannot_generate") from error
    return json.dumps(value, ensure_ascii=False)


def _called(asked: Asked) -> Literal["stop", "tool_calls"]:
    # The API reports "stop" where the request named the one function to call.
    return "stop" if asked.request.tool_choice.name else "tool_calls"


def _echo(asked: Asked) -> Completion:
    request = asked.request
    tool = _next_tool(request)
    if tool is not None:
        call = _complete_call(ToolCall(tool.name), 0, asked)
        return Completion(calls=(call,), finish_reason=_called(asked))
    match request.response_format.kind:
        case "json_schema":
            text = _draw_json(request.response_format.schema, "the response format", asked)
        case "json_object":
            text = json.dumps({"simulated": True, "answer": _summary(request)}, ensure_ascii=False)
        case _:
            text = _summary(request)
    return Completion(text=text)


def _next_tool(request: ChatRequest) -> ToolSpec | None:
    """Return the tool an unscripted model calls now, if any.

    Left free, it calls one tool a turn. Told to call, it takes the first that
    this turn has not called yet: an output tool at the end of the list, which
    agent frameworks add, thus gets its turn.
    """
    choice = request.tool_choice
    if choice.mode == "none" or not request.tools:
        return None
    if choice.name:
        return request.tool(choice.name)
    made = {call.name for call in request.calls_made}
    fresh = [tool for tool in request.tools if tool.name not in made]
    if choice.mode == "required":
        return fresh[0] if fresh else request.tools[-1]
    return None if made else request.tools[0]


def _summary(request: ChatRequest) -> str:
    quoted = _shortened(request.last_user)
    results = request.tool_results
    if not results:
        return f"Simulated answer to: {quoted}"
    told = "; ".join(f"{name or 'tool'} said {_shortened(text)}" for name, text in results)
    return f"Simulated answer to: {quoted} ({told})"


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTE_MAX else text[:_QUOTE_MAX] + "..."
