"""Values of JSON fields with certain names, hidden at any depth.

A string becomes a placeholder, a number 0, a truth value false, and a list or an object has
all of its values hidden: the JSON keeps its shape, so that a replay still reads it as the
message it was. JSON inside strings (a model's tool calls) and in the lines of a stream of
server-sent events is looked into, too.

Hiding twice changes nothing, and JSON without such a field stays the same bytes.
Knows no record, and not what a placeholder looks like.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from agentmesh.journal.strings import bytes_to_text, dumps, loads, text_to_bytes

Hide = Callable[[str], str]
_EVENT = "data:"
_OPENING = ("{", "[", '"')


def without_fields(data: bytes, names: AbstractSet[str], hide: Hide) -> bytes:
    """Return JSON with the values of some fields hidden; the same object if it has none.

    Args:
        data: JSON, or lines of which some are `data:` and JSON; anything else stays as it is.
        names: Names of fields.
        hide: Returns what stands for a string; what it has returned stays as it is.
    """
    text = bytes_to_text(data)
    changed = _in_text(text, names, hide)
    return data if changed == text else text_to_bytes(changed)


def is_readable(data: bytes) -> bool:
    """Tell whether `without_fields` can look into all of some data."""
    text = bytes_to_text(data)
    if _value_of(text) is not _NONE:
        return True
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(
        line.startswith(":")
        or line.partition(":")[0] in {"event", "id", "retry"}
        or (line.startswith(_EVENT) and _is_event(line))
        for line in lines
    )


def _is_event(line: str) -> bool:
    content = line.removeprefix(_EVENT).strip()
    return content == "[DONE]" or _value_of(content) is not _NONE


def _in_text(text: str, names: AbstractSet[str], hide: Hide) -> str:
    value = _value_of(text)
    if value is not _NONE:
        try:
            changed = _searched(value, names, hide)
        except RecursionError:  # too deep to be looked into: all of it, to be sure
            changed = hide(text)
        return text if changed == value else bytes_to_text(dumps(changed))
    if _EVENT not in text:
        return text
    return "".join(_in_line(line, names, hide) for line in text.splitlines(keepends=True))


def _in_line(line: str, names: AbstractSet[str], hide: Hide) -> str:
    content = line.removeprefix(_EVENT).strip()
    value = _value_of(content) if line.startswith(_EVENT) else _NONE
    changed = value if value is _NONE else _searched(value, names, hide)
    if changed == value:
        return line
    return line.replace(content, bytes_to_text(dumps(changed)))


def _searched(value: Any, names: AbstractSet[str], hide: Hide) -> Any:
    """Return a value with the fields hidden that are somewhere in it."""
    if isinstance(value, dict):
        return {
            key: _hidden(item, hide) if key in names else _searched(item, names, hide)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_searched(item, names, hide) for item in value]
    if isinstance(value, str) and value.lstrip().startswith(_OPENING):
        inner = _value_of(value)
        if inner is not _NONE:
            changed = _searched(inner, names, hide)
            return value if changed == inner else bytes_to_text(dumps(changed))
    return value


def _hidden(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value) if value else value
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return 0
    if isinstance(value, list):
        return [_hidden(item, hide) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(item, hide) for key, item in value.items()}
    return value


def _value_of(text: str) -> Any:
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return _NONE


_NONE = object()
