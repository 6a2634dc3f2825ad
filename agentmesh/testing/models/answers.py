"""What a simulated model can be told to answer, as data.

A plain string is a `Text`; a mapping, a list or a pydantic model a `Json`; a
function a `Computed`: `as_answer` turns the short forms into the long ones. `answering`
turns an answer into what is sent.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agentmesh.errors import UsageError
from agentmesh.testing.models.chat_request import ChatRequest
from agentmesh.testing.models.faults import Fault

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Text:
    """This text, word for word."""

    text: str

    finish_reason: FinishReason = "stop"
    """Why the model says that it stopped."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `$names` filled in from the request.

    Known names: `$last_user`, `$last_result` (of a tool), `$model`, and each
    named group of the rule's `pattern`. `$$` is a dollar sign.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Json:
    """This value, as JSON text. It is not checked against the request's schema."""

    value: object

    def __post_init__(self) -> None:
        """Refuse what is no JSON.

        Raises:
            UsageError: The value holds something that JSON does not have.
        """
        _check_json("Json", self.value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declines: the message has a `refusal` and no content."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool."""

    name: str

    arguments: Mapping[str, object] | str | None = None
    """A mapping, or the very text to send; None draws arguments valid for the tool's schema."""

    def __post_init__(self) -> None:
        """Refuse arguments that are no JSON.

        Raises:
            UsageError: The mapping holds something that JSON does not have.
        """
        if isinstance(self.arguments, Mapping):
            _check_json(f"ToolCall {self.name}", dict(self.arguments))


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """Calls of one tool, or of several in parallel.

    A model does not ask again for what it has been told: where every one of
    these calls was already made since the last user message, the rule is
    passed over. Rules in a row thus make a conversation with tools.
    """

    calls: tuple[ToolCall, ...]

    text: str | None = None
    """What the model says beside the calls."""

    def __init__(self, *calls: ToolCall | str, text: str | None = None) -> None:
        """Take calls; a bare name is a call with drawn arguments."""
        if not calls:
            fix = "Name at least one tool, or answer with Text."
            raise UsageError("ToolCalls() has no call in it.", fix=fix)
        made = tuple(ToolCall(call) if isinstance(call, str) else call for call in calls)
        object.__setattr__(self, "calls", made)
        object.__setattr__(self, "text", text)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One of several answers, each with its weight.

    At temperature 0 it is always the heaviest one, the first among equals.
    """

    alternatives: "tuple[tuple[float, Answer], ...]"

    def __init__(self, *alternatives: "tuple[float, AnswerLike] | AnswerLike") -> None:
        """Take pairs of weight and answer, or bare answers of weight 1."""
        weighed = tuple(_weighed(alternative) for alternative in alternatives)
        if not weighed or not sum(weight for weight, _ in weighed) > 0:
            what = f"Sampled() has {len(weighed)} alternatives and no weight above 0."
            raise UsageError(what, fix='Write Sampled((3, "yes"), (1, "no")).')
        if any(weight < 0 for weight, _ in weighed):
            what = f"Sampled() has the weights {[weight for weight, _ in weighed]}."
            raise UsageError(what, cause="A weight is below 0.", fix="Use 0 or more.")
        object.__setattr__(self, "alternatives", weighed)


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation written in advance: the model's answers, in order.

    The step is chosen by how many assistant messages the request holds, so
    that any number of conversations can follow one script at the same time.
    Past the end, the rule is passed over.
    """

    steps: "tuple[Answer, ...]"

    def __init__(self, *steps: "AnswerLike") -> None:
        """Take the answers, first one first."""
        if not steps:
            raise UsageError("Script() has no steps.", fix="Give at least one answer.")
        object.__setattr__(self, "steps", tuple(as_answer(step) for step in steps))


@dataclass(frozen=True, slots=True)
class Computed:
    """Whatever a function says to the request; None passes the rule over.

    The function runs in a thread of its own and may take its time. Chance
    should come from `request.random`, which follows the seed.
    """

    function: "Callable[[ChatRequest], AnswerLike | None]"


@dataclass(frozen=True, slots=True)
class Echo:
    """What makes sense without a script; the answer where no rule applies.

    Where tools are offered, the first that this turn has not called is called
    once, with arguments drawn from its schema; then the results are summed
    up. Where JSON is asked for, it is drawn from the schema. Otherwise the
    last user message is repeated.
    """


Answer = Text | Template | Json | Refusal | ToolCalls | Sampled | Script | Computed | Echo | Fault


class Dumpable(Protocol):
    """A pydantic model: its JSON is the answer."""

    def model_dump(self, *, mode: str) -> object:
        """Return plain values."""


AnswerLike = (
    Answer
    | str
    | Mapping[str, object]
    | Sequence[object]
    | Dumpable
    | Callable[[ChatRequest], object]
)


def as_answer(value: object) -> Answer:
    """Turn the short forms of an answer into the long ones.

    Raises:
        UsageError: The value is no answer.
    """
    if isinstance(value, Answer):
        return value
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, ToolCall):
        return ToolCalls(value)
    if isinstance(value, Mapping):
        return Json(dict(value))
    if isinstance(value, list | tuple):
        return Json(list(value))
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return Json(value.model_dump(mode="json"))
    if callable(value) and not isinstance(value, type):
        return Computed(value)
    what = f"{value!r} is no answer of a simulated model."
    cause = "A class was given instead of an instance." if isinstance(value, type) else ""
    fix = "Give a string, a mapping, a function of the request, or an answer such as ToolCalls."
    raise UsageError(what, cause=cause, fix=fix)


def runs_user_code(answer: Answer) -> bool:
    """Whether a function of the user's decides this answer, or a part of it."""
    match answer:
        case Computed():
            return True
        case Sampled(alternatives=alternatives):
            return any(runs_user_code(part) for _, part in alternatives)
        case Script(steps=steps):
            return any(runs_user_code(step) for step in steps)
    return False


def _check_json(subject: str, value: object) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        what = f"{subject} holds what can't be written as JSON: {error}."
        raise UsageError(
            what, fix="Use dicts, lists, strings, numbers, booleans and None."
        ) from error


def _weighed(alternative: object) -> tuple[float, Answer]:
    if isinstance(alternative, tuple):
        weight, answer = alternative
        return float(weight), as_answer(answer)
    return 1.0, as_answer(alternative)
