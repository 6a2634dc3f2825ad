"""From a request's JSON to a checked request, with the API's own complaints.

A body is refused wherever the real API refuses it and a program could hide
the mistake from a laxer server: roles, types and bounds of parameters, tools
and choices that do not fit, strict schemas that are not strict. Parameters
that say nothing to a simulator (`top_p`, `logit_bias`, ...) are let through.
What a client would wait for in vain is refused and named.
"""

import re
from collections.abc import Callable
from typing import Literal, TypeVar

from agentmesh.testing.models.api_errors import ApiError, bad_request, bad_value
from agentmesh.testing.models.chat_request import (
    ChatRequest,
    EmbeddingRequest,
    FormatKind,
    ResponseFormat,
    ToolChoice,
    ToolMode,
    ToolSpec,
)
from agentmesh.testing.models.conversation import check_conversation, read_message
from agentmesh.testing.models.cursor import Cursor, JsonObject
from agentmesh.testing.models.strict import strict_problem

T = TypeVar("T")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# The API's own limits.
_CHOICES_MAX = 128
_TEMPERATURE_MAX = 2
_TOOLS_MAX = 128
_INPUTS_MAX = 2048
_DIMENSIONS_MAX = 4096

# Asked for, these change the answer; a client that got none would fail far from the cause.
_UNSUPPORTED = {
    "audio": "The simulator makes no audio.",
    "functions": "Use 'tools' instead of the deprecated 'functions'.",
    "function_call": "Use 'tool_choice' instead of the deprecated 'function_call'.",
    "logprobs": "The simulator has no log probabilities.",
    "top_logprobs": "The simulator has no log probabilities.",
    "web_search_options": "The simulator does not search the web.",
}


def parse_chat(body: object) -> ChatRequest:
    """Read the body of `POST /v1/chat/completions`.

    Raises:
        ApiError: The API would refuse the request, or the simulator has to.
    """
    root = Cursor(body, bad_request)
    model = _model(root)
    messages = tuple(read_message(item) for item in root.need("messages").items())
    check_conversation(messages)
    _refuse_unsupported(root)
    tools, choice = _tools_and_choice(root)
    stream = _read(root, "stream", Cursor.flag, default=False)
    if root.at("stream_options") and not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise bad_value("stream_options", message)
    options = root.at("stream_options")
    request = ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        response_format=_response_format(root.at("response_format")),
        stream=stream,
        include_usage=_read(options, "include_usage", Cursor.flag, default=False),
        choices=_read(root, "n", lambda at: at.integer(1, _CHOICES_MAX), default=1),
        max_tokens=_max_tokens(root),
        stop=_stop(root.at("stop")),
        temperature=_read(
            root, "temperature", lambda at: at.number(0, _TEMPERATURE_MAX), default=None
        ),
        seed=_read(root, "seed", Cursor.integer, default=None),
        parallel_tool_calls=_read(root, "parallel_tool_calls", Cursor.flag, default=True),
        body=root.members(),
    )
    _read(root, "top_p", lambda at: at.number(0, 1), default=1.0)
    _check_json_is_asked_for(request)
    return request


def parse_embeddings(body: object) -> EmbeddingRequest:
    """Read the body of `POST /v1/embeddings`.

    Raises:
        ApiError: The API would refuse the request.
    """
    root = Cursor(body, bad_request)
    encodings: tuple[Literal["float"], Literal["base64"]] = ("float", "base64")
    encoding: Literal["float", "base64"] = _read(
        root, "encoding_format", lambda at: at.option(encodings), default="float"
    )
    return EmbeddingRequest(
        model=_model(root),
        texts=_inputs(root.need("input")),
        dimensions=_read(
            root, "dimensions", lambda at: at.integer(1, _DIMENSIONS_MAX), default=None
        ),
        encoding=encoding,
        body=root.members(),
    )


def _read(cursor: Cursor | None, name: str, read: Callable[[Cursor], T], *, default: T) -> T:
    """Read an optional member; null counts as absent, as in the API."""
    found = None if cursor is None else cursor.at(name)
    return default if found is None else read(found)


def _model(root: Cursor) -> str:
    model = root.need("model").text()
    if not model:
        raise bad_value("model", "you must provide a model parameter")
    return model


def _refuse_unsupported(root: Cursor) -> None:
    for name, why in _UNSUPPORTED.items():
        found = root.at(name)
        if found is not None and found.value not in (False, 0, [], {}):
            message = f"Unsupported parameter: '{name}'. {why}"
            raise bad_value(name, message, code="unsupported_parameter")


def _tools_and_choice(root: Cursor) -> tuple[tuple[ToolSpec, ...], ToolChoice]:
    listed = root.at("tools")
    tools = tuple(_tool(item) for item in listed.items()) if listed else ()
    if listed and not 1 <= len(tools) <= _TOOLS_MAX:
        message = f"Invalid 'tools': expected 1 to {_TOOLS_MAX} tools, but got {len(tools)}."
        raise bad_value("tools", message)
    chosen = root.at("tool_choice")
    if chosen is None:
        return tools, ToolChoice()
    if not tools and chosen.value != "none":
        message = "'tool_choice' is only allowed when 'tools' are specified."
        raise bad_value("tool_choice", message)
    return _choose(chosen, tools)


def _tool(item: Cursor) -> ToolSpec:
    item.need("type").option(("function",))
    function = item.need("function")
    name = function.need("name")
    if not _NAME.fullmatch(name.text()):
        message = "expected letters, digits, '_' and '-', 64 at most."
        raise name.wrong(f"'{name.value}'; {message}")
    parameters = function.at("parameters")
    schema = parameters.members() if parameters else {}
    if _read(function, "strict", Cursor.flag, default=False):
        _check_strict(schema, f"function '{name.value}'", function.where + ".parameters")
    description = _read(function, "description", Cursor.text, default="")
    return ToolSpec(name=name.text(), description=description, parameters=schema)


def _choose(chosen: Cursor, tools: tuple[ToolSpec, ...]) -> tuple[tuple[ToolSpec, ...], ToolChoice]:
    modes: tuple[ToolMode, ...] = ("none", "auto", "required")
    if isinstance(chosen.value, str):
        return tools, ToolChoice(mode=chosen.option(modes))
    if chosen.need("type").option(("function", "allowed_tools")) == "function":
        name = _named_tool(chosen, tools)
        return tools, ToolChoice(mode="required", name=name)
    allowed = chosen.need("allowed_tools")
    names = [_named_tool(item, tools) for item in allowed.need("tools").items()]
    kept = tuple(tool for tool in tools if tool.name in names)
    return kept, ToolChoice(mode=allowed.need("mode").option(("auto", "required")))


def _named_tool(cursor: Cursor, tools: tuple[ToolSpec, ...]) -> str:
    name = cursor.need("function").need("name")
    if all(tool.name != name.text() for tool in tools):
        message = f"Tool choice '{name.value}' not found in 'tools' parameter."
        raise bad_value("tool_choice", message)
    return name.text()


def _response_format(found: Cursor | None) -> ResponseFormat:
    if found is None:
        return ResponseFormat()
    kinds: tuple[FormatKind, ...] = ("text", "json_object", "json_schema")
    kind = found.need("type").option(kinds)
    if kind != "json_schema":
        return ResponseFormat(kind=kind)
    described = found.need("json_schema")
    name = described.need("name").text()
    empty: JsonObject = {}
    schema = _read(described, "schema", Cursor.members, default=empty)
    if _read(described, "strict", Cursor.flag, default=False):
        if schema.get("type") != "object":
            got = schema.get("type")
            message = f"schema must be a JSON Schema of type 'object', got type {got!r}."
            raise _invalid_schema(f"response_format '{name}'", message, "response_format")
        _check_strict(schema, f"response_format '{name}'", "response_format")
    return ResponseFormat(kind=kind, schema=schema)


def _check_strict(schema: object, subject: str, where: str) -> None:
    problem = strict_problem(schema)
    if problem:
        raise _invalid_schema(subject, problem, where)


def _invalid_schema(subject: str, problem: str, where: str) -> ApiError:
    message = f"Invalid schema for {subject}: {problem}"
    return bad_value(where, message, code="invalid_function_parameters")


def _max_tokens(root: Cursor) -> int | None:
    names = ("max_completion_tokens", "max_tokens")
    found = [cursor for name in names if (cursor := root.at(name))]
    return found[0].integer(1) if found else None


def _stop(found: Cursor | None) -> tuple[str, ...]:
    if found is None:
        return ()
    if isinstance(found.value, str):
        return (found.value,) if found.value else ()
    return tuple(item.text() for item in found.items() if item.text())


def _check_json_is_asked_for(request: ChatRequest) -> None:
    if request.response_format.kind != "json_object":
        return
    if "json" not in request.region("conversation").casefold():
        message = (
            "'messages' must contain the word 'json' in some form, "
            "to use 'response_format' of type 'json_object'."
        )
        raise bad_value("messages", message)


def _inputs(found: Cursor) -> tuple[str, ...]:
    """Read one text, a list of texts, one list of token ids, or a list of those."""
    if isinstance(found.value, str):
        return (_input(found),)
    items = found.items()
    if not 1 <= len(items) <= _INPUTS_MAX:
        raise found.wrong(f"expected 1 to {_INPUTS_MAX} inputs, but got {len(items)}.")
    if all(isinstance(item.value, int) for item in items):
        return (_token_ids(items),)
    return tuple(_input(item) for item in items)


def _input(item: Cursor) -> str:
    if isinstance(item.value, list):
        return _token_ids(item.items())
    if not item.text():
        raise item.wrong("input cannot be an empty string.")
    return item.text()


def _token_ids(items: list[Cursor]) -> str:
    return " ".join(str(item.integer(0)) for item in items)
