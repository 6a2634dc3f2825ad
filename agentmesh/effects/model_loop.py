"""`llm`: one question to a model, with tools and a form for the answer, on the openai SDK.

The loop: ask; run the tools that the model calls and tell it their results; ask
again; check the answer's form, and have it corrected. Each request and each tool
call is an effect, so the whole conversation is in the journal with its tokens.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pydantic import BaseModel

from agentmesh.effects import clients, conversation, endpoints, settings, structured
from agentmesh.effects.conversation import ChatMessage, Prompt, Toolbox
from agentmesh.effects.tools import Tool
from agentmesh.errors import ModelAnswerError, UsageError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessage
    from openai.types.chat.chat_completion import Choice

M = TypeVar("M", bound=BaseModel)

TURNS_MAX = 8
"""Requests with tools after which a model that goes on calling is given up."""
REPAIRS_MAX = 2
"""How often a model may correct the form of its answer."""


@overload
async def llm(
    prompt: Prompt,
    /,
    *,
    model: str | None = None,
    tools: Sequence[Tool[..., Any]] = (),
    response_model: None = None,
    max_turns: int = TURNS_MAX,
    temperature: float | None = None,
    seed: int | None = None,
    system: str | None = None,
    **options: Any,
) -> str: ...
@overload
async def llm(
    prompt: Prompt,
    /,
    *,
    response_model: type[M],
    model: str | None = None,
    tools: Sequence[Tool[..., Any]] = (),
    max_turns: int = TURNS_MAX,
    temperature: float | None = None,
    seed: int | None = None,
    system: str | None = None,
    **options: Any,
) -> M: ...
async def llm(
    prompt: Prompt,
    /,
    *,
    model: str | None = None,
    tools: Sequence[Tool[..., Any]] = (),
    response_model: type[BaseModel] | None = None,
    max_turns: int = TURNS_MAX,
    temperature: float | None = None,
    seed: int | None = None,
    system: str | None = None,
    **options: Any,
) -> str | BaseModel:
    """Ask a model, let it call tools, and return its answer.

    Args:
        prompt: A text, or messages as the chat API takes them.
        model: Instead of the run's `OPENAI_MODEL`.
        tools: Functions decorated with `@tool` that it may call, several at once.
        response_model: The form of the answer: a pydantic model or `Message`.
        max_turns: Requests after which a model that goes on calling tools is given up.
        temperature: As the API takes it.
        seed: As the API takes it.
        system: A system message to start with.
        options: Further options of the chat API, such as `max_completion_tokens`.

    Returns:
        The text, or the instance of `response_model`.

    Raises:
        ModelAnswerError: The model declined, went on calling tools, or did not get the
            answer's form right.
        UsageError: No model is configured, or an argument can't work.
        openai.OpenAIError: The API failed for good.
    """
    box = Toolbox(tools)
    if max_turns < 1:
        raise UsageError(f"am.llm got max_turns={max_turns!r}.", fix="Give a number from 1.")
    request = {
        "model": model or settings.model_of(settings.here()),
        "temperature": temperature,
        "seed": seed,
        "tools": box.schemas or None,
        "response_format": structured.response_format(response_model) if response_model else None,
        **options,
    }
    given = {name: value for name, value in request.items() if value is not None}
    talk = _Talk(given, conversation.opening(prompt, system), box)
    choice = await talk.answer(max_turns)
    return talk.text(choice) if response_model is None else await talk.fit(choice, response_model)


class _Talk:
    """One conversation with a model."""

    def __init__(self, request: dict[str, Any], messages: list[ChatMessage], box: Toolbox) -> None:
        self._request = request
        self._messages = messages
        self._box = box

    async def answer(self, turns: int) -> "Choice":
        """Ask until the model calls no more tools."""
        choice = None
        for _ in range(turns):
            choice = await self._ask()
            if not choice.message.tool_calls:
                return choice
            self._messages.append(conversation.said(choice.message))
            self._messages += await self._box.answers(choice.message)
        assert choice is not None
        raise ModelAnswerError(
            f"{self._model} still called tools in turn {turns}: {_called(choice.message)}.",
            cause="The tools' results may not be what it looks for, or it repeats itself.",
            fix="Look at the conversation with `agentmesh show`; raise max_turns if it makes "
            "progress, or say in the prompt when to stop.",
            turns=turns,
        )

    async def fit(self, choice: "Choice", form: type[M]) -> M:
        """Read the answer's form; have it corrected a few times."""
        repairs = 0
        while True:
            text = self.text(choice)
            try:
                return structured.parse(text, form)
            except ValueError as error:
                problem = structured.problems(error)
            if choice.finish_reason == "length" or repairs == REPAIRS_MAX:
                raise self._unfit(choice, form, text, problem)
            repairs += 1
            self._messages += [conversation.said(choice.message), conversation.asked_again(problem)]
            choice = await self._ask(without_tools=True)

    async def _ask(self, *, without_tools: bool = False) -> "Choice":
        request = dict(self._request)
        if without_tools and "tools" in request:
            request["tool_choice"] = "none"
        messages: Any = self._messages
        done = await _client().chat.completions.create(messages=messages, **request)
        if not getattr(done, "choices", None):
            raise ModelAnswerError(
                f"{self._model} answered without any choice.",
                cause="The server speaks another dialect of the API.",
                fix="Look at the recorded body with `agentmesh show`.",
            )
        choice: Choice = done.choices[0]
        return choice

    def text(self, choice: "Choice") -> str:
        """Return what the model said.

        Raises:
            ModelAnswerError: It declined.
        """
        refusal = choice.message.refusal
        if refusal or choice.finish_reason == "content_filter":
            raise ModelAnswerError(
                f"{self._model} declined to answer: {refusal or 'a content filter stopped it'}.",
                fix="Ask otherwise, or handle am.ModelAnswerError.",
            )
        return choice.message.content or ""

    def _unfit(
        self, choice: "Choice", form: type[BaseModel], text: str, problem: str
    ) -> ModelAnswerError:
        cut = choice.finish_reason == "length"
        return ModelAnswerError(
            f"{self._model} gave no valid {form.__name__}: {problem}. It wrote: {_short(text)}",
            cause="The answer was cut off at its token limit."
            if cut
            else f"It was asked to correct it {REPAIRS_MAX} times.",
            fix="Allow more tokens: `max_completion_tokens=...`."
            if cut
            else "Use a simpler form, describe its fields, or use a model that keeps to schemas.",
        )

    @property
    def _model(self) -> str:
        return f"Model {self._request['model']}"


def _called(message: "ChatCompletionMessage") -> str:
    calls = [each for each in message.tool_calls or () if each.type == "function"]
    return ", ".join(f"{call.function.name}({_short(call.function.arguments)})" for call in calls)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


_SHOWN_MAX = 200


@functools.cache
def _client() -> "AsyncOpenAI":
    """Return the client of this process; it finds the run's server where it is used."""
    return clients.openai(base_url=endpoints.UNRESOLVED)
