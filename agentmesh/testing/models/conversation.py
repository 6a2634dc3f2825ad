"""Reads the messages of a chat request and checks that they follow on each other.

The rule that programs break most often is about tools: each call of an
assistant message must be answered, at once, by a message of role "tool".
"""

from typing import Literal

from agentmesh.testing.models.api_errors import bad_value
from agentmesh.testing.models.chat_request import ChatMessage, MadeCall
from agentmesh.testing.models.cursor import Cursor

Role = Literal["system", "developer", "user", "assistant", "tool"]

_ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")
_ATTACHMENTS = ("image_url", "input_audio", "file")


def read_message(item: Cursor) -> ChatMessage:
    """Read one message of the conversation.

    Raises:
        ApiError: A part of it is missing or has the wrong type.
    """
    role = item.need("role").option(_ROLES)
    listed = item.at("tool_calls") if role == "assistant" else None
    calls = tuple(_call(call) for call in listed.items()) if listed else ()
    content = item.at("content")
    if content is None and not calls and not (role == "assistant" and item.at("refusal")):
        raise _no_content(item)
    text, attachments = _content(content) if content else ("", 0)
    if not text and (refusal := item.at("refusal")):
        text = refusal.text()
    call_id = item.need("tool_call_id").text() if role == "tool" else None
    return ChatMessage(
        role=role, text=text, tool_calls=calls, tool_call_id=call_id, attachments=attachments
    )


def check_conversation(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse an empty conversation, unanswered calls, and answers nobody asked for.

    Raises:
        ApiError: With the API's own wording.
    """
    if not messages:
        empty = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise bad_value("messages", empty, code="empty_array")
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                raise _unasked(index)
            waiting.remove(message.tool_call_id)
            continue
        if waiting:
            raise _unanswered(index, waiting)
        waiting = [call.call_id for call in message.tool_calls]
    if waiting:
        raise _unanswered(len(messages), waiting)


def _call(item: Cursor) -> MadeCall:
    item.need("type").option(("function",))
    function = item.need("function")
    return MadeCall(
        call_id=item.need("id").text(),
        name=function.need("name").text(),
        arguments=function.need("arguments").text(),
    )


def _content(content: Cursor) -> tuple[str, int]:
    """Return the text of a message's content and the number of its other parts."""
    if isinstance(content.value, str):
        return content.value, 0
    texts: list[str] = []
    attachments = 0
    for part in content.items():
        match part.need("type").option(("text", "refusal", *_ATTACHMENTS)):
            case "text":
                texts.append(part.need("text").text())
            case "refusal":
                texts.append(part.need("refusal").text())
            case _:
                attachments += 1
    return "".join(texts), attachments


def _no_content(item: Cursor) -> Exception:
    message = f"Invalid value for '{item.where}.content': expected a string, but got null."
    return bad_value(f"{item.where}.content", message)


def _unasked(index: int) -> Exception:
    message = (
        "Invalid parameter: messages with role 'tool' must be a response to a preceding "
        "message with 'tool_calls'."
    )
    return bad_value(f"messages[{index}].role", message)


def _unanswered(index: int, waiting: list[str]) -> Exception:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding "
        "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        + ", ".join(waiting)
    )
    return bad_value(f"messages[{index}].role", message)
