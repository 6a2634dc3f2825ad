"""What is said between a program and a model: messages, and the results of tools.

Whatever goes wrong with a tool call is told to the model, which can do better: a name
that does not exist, arguments that do not fit, a tool that failed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentmesh.effects import recorded, tools
from agentmesh.effects.tools import Tool, ToolSpec
from agentmesh.errors import (
    AgentMeshError,
    EffectError,
    RemoteError,
    ToolArgumentsError,
    UsageError,
)

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessage

Prompt = str | Sequence[Mapping[str, Any]]
"""A text, or messages as the API takes them."""
ChatMessage = dict[str, Any]


def opening(prompt: Prompt, system: str | None) -> list[ChatMessage]:
    """Return the messages a conversation starts with.

    Raises:
        UsageError: There is nothing to say, or it is no message.
    """
    if isinstance(prompt, str):
        asked: list[ChatMessage] = [{"role": "user", "content": prompt}]
    else:
        asked = [_checked(message) for message in prompt]
    if not asked:
        raise UsageError("am.llm got no messages.", fix="Hand over a text, or some messages.")
    start: list[ChatMessage] = [{"role": "system", "content": system}] if system else []
    return [_sendable(message) for message in (*start, *asked)]


def _checked(message: object) -> ChatMessage:
    if not isinstance(message, Mapping) or "role" not in message:
        raise UsageError(
            f"am.llm got {message!r} among its messages.",
            fix='Write messages as `{"role": "user", "content": "..."}`, or hand over a text.',
        )
    return dict(message)


def _sendable(value: Any) -> Any:
    """Replace halves of surrogate pairs, which can't be sent; models do write them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {key: _sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(item) for item in value]
    return value


def said(message: "ChatCompletionMessage") -> ChatMessage:
    """Return what a model said, as it is told again in the next request."""
    made: ChatMessage = {"role": "assistant", "content": message.content}
    calls = [each for each in message.tool_calls or () if each.type == "function"]
    if calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in calls
        ]
    return {key: _sendable(value) for key, value in made.items()}


def asked_again(problem: str) -> ChatMessage:
    """Return the message that asks for an answer in the right form."""
    text = f"The answer does not fit the JSON schema: {problem}. Answer again, with the JSON only."
    return _sendable({"role": "user", "content": text})  # type: ignore[no-any-return]


class Toolbox:
    """The tools a model may call.

    Args:
        offered: Functions decorated with `@tool`.

    Raises:
        UsageError: One is no tool, or two have one name.
    """

    def __init__(self, offered: Sequence[Tool[..., Any]]) -> None:
        self._specs: dict[str, ToolSpec] = {}
        self.schemas: list[ChatMessage] = []
        """As the API takes them."""
        for each in offered:
            self._add(each)

    def _add(self, offered: Tool[..., Any]) -> None:
        spec = tools.spec_of(offered)
        if spec is None:
            raise UsageError(
                f"am.llm got {getattr(offered, '__name__', offered)!r} among its tools.",
                cause="Only functions decorated with @am.tool have a schema and are recorded.",
                fix="Put @am.tool above it.",
            )
        if spec.name in self._specs:
            raise UsageError(
                f"am.llm got two tools called {spec.name!r}.",
                fix='Give one another name: `@am.tool(name="...")`.',
            )
        self._specs[spec.name] = spec
        self.schemas.append({"type": "function", "function": dict(offered.schema)})

    async def answers(self, message: "ChatCompletionMessage") -> list[ChatMessage]:
        """Run what a model called, all at once, and return what it is told, in its order."""
        calls = [each for each in message.tool_calls or () if each.type == "function"]
        contents = await asyncio.gather(
            *(self._content(call.function.name, call.function.arguments) for call in calls)
        )
        return [
            {"role": "tool", "tool_call_id": call.id, "content": _sendable(content)}
            for call, content in zip(calls, contents, strict=True)
        ]

    async def _content(self, name: str, arguments: str) -> str:
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(self._specs) or "none"
            return f"Error: there is no tool {name!r}; there are: {known}."
        try:
            return await _result(spec, spec.signature.bind_json(arguments))
        except Exception as error:
            if isinstance(error, AgentMeshError) and not isinstance(error, _FOR_THE_MODEL):
                raise
            what = error.what if isinstance(error, AgentMeshError) else str(error)
            return f"Error: {what}"


_FOR_THE_MODEL = (EffectError, RemoteError, ToolArgumentsError)
"""Errors of agentmesh that a model can do something about; a deadline, say, is none."""


async def _result(spec: ToolSpec, arguments: dict[str, object]) -> str:
    cell = recorded.cell_here()
    if cell is not None:
        value = await tools.call_recorded(cell, spec, arguments)
    else:
        value = await tools.run_plainly(spec, (), arguments)
    return value if isinstance(value, str) else spec.signature.encode_result(value).decode()
