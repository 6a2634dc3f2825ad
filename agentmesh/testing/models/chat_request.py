"""A chat completion request as rules and answers see it: parsed, typed, read-only.

Built by `parsing` from a body that was checked; `body` keeps the JSON as it
came. Views that rules need often are here: the last user message, what has
happened since (the *turn*), which tools were called and what they returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

Region = Literal["last_user", "last_message", "system", "conversation"]
ToolMode = Literal["none", "auto", "required"]
FormatKind = Literal["text", "json_object", "json_schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """A tool call that the conversation already holds."""

    call_id: str
    name: str

    arguments: str
    """JSON, as the model wrote it; nobody promises that it parses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of the conversation."""

    role: str

    text: str = ""
    """Its text parts, joined."""

    tool_calls: tuple[MadeCall, ...] = ()

    tool_call_id: str | None = None
    """The call this message answers; set exactly where `role` is "tool"."""

    attachments: int = 0
    """How many parts are images, sounds or files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A function the model may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """JSON schema of its arguments; empty means that it takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether the model may, must or must not call a tool."""

    mode: ToolMode = "auto"

    name: str | None = None
    """The one tool it must call; only with mode "required"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFormat:
    """The form in which text is to be answered."""

    kind: FormatKind = "text"

    schema: Mapping[str, object] = field(default_factory=dict)
    """What the text must be valid under; only with kind "json_schema"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A checked request for a chat completion."""

    model: str
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    stream: bool = False

    include_usage: bool = False
    """Whether a stream ends with a chunk that holds the usage."""

    choices: int = 1
    """How many alternative answers are asked for (`n`)."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    seed: int | None = None
    parallel_tool_calls: bool = True

    body: Mapping[str, object] = field(default_factory=dict)
    """The JSON as it came."""

    random: Random = field(default_factory=Random, compare=False, repr=False)
    """For answers that are computed: seeded exactly as the simulator's own choices are."""

    @property
    def endpoint(self) -> Literal["chat"]:
        """Which part of the API is asked."""
        return "chat"

    @property
    def repeatable(self) -> bool:
        """Whether the request asks for the same answer every time."""
        return self.temperature == 0 or self.seed is not None

    @property
    def last_user(self) -> str:
        """Text of the last user message; empty if there is none."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def system(self) -> str:
        """Text of all system and developer messages, one per line."""
        parts = [m.text for m in self.messages if m.role in {"system", "developer"}]
        return "\n".join(parts)

    @property
    def turn(self) -> tuple[ChatMessage, ...]:
        """The messages after the last user message."""
        users = [index for index, m in enumerate(self.messages) if m.role == "user"]
        return self.messages[users[-1] + 1 :] if users else self.messages

    @property
    def answers_so_far(self) -> int:
        """How many assistant messages the whole conversation holds."""
        return sum(1 for m in self.messages if m.role == "assistant")

    @property
    def calls_made(self) -> tuple[MadeCall, ...]:
        """The tool calls of this turn, in order."""
        return tuple(call for m in self.turn for call in m.tool_calls)

    @property
    def tool_results(self) -> tuple[tuple[str, str], ...]:
        """The tools that answered in this turn, each with its result, in order."""
        names = {call.call_id: call.name for call in self.calls_made}
        return tuple(
            (names.get(m.tool_call_id or "", ""), m.text) for m in self.turn if m.role == "tool"
        )

    def tool(self, name: str) -> ToolSpec | None:
        """Return the offered tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def region(self, within: Region) -> str:
        """Return the text of one part of the conversation."""
        match within:
            case "last_user":
                return self.last_user
            case "last_message":
                return self.messages[-1].text
            case "system":
                return self.system
            case "conversation":
                return "\n".join(m.text for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """A checked request for embeddings."""

    model: str

    texts: tuple[str, ...]
    """What to embed; a list of token ids appears as their numbers."""

    dimensions: int | None = None
    encoding: Literal["float", "base64"] = "float"
    body: Mapping[str, object] = field(default_factory=dict)

    @property
    def endpoint(self) -> Literal["embeddings"]:
        """Which part of the API is asked."""
        return "embeddings"

    @property
    def repeatable(self) -> bool:
        """Whether the request asks for the same answer every time: it always gets it."""
        return True

    def region(self, within: Region) -> str:  # noqa: ARG002 - one signature for both requests
        """Return all the texts, one per line: there is no conversation to choose from."""
        return "\n".join(self.texts)


Request = ChatRequest | EmbeddingRequest
