"""Recorded and replayed commands side by side, as plain values for people."""

from collections.abc import Iterator

import msgspec

from agentmesh.journal.records import CommandRecord
from agentmesh.kernel.commands import Command
from agentmesh.replay.text_diff import ABSENT

_DERIVED = ("blob", "key", "digest", "chain", "deadline", "due", "n", "turn")
"""Fields that follow from others, or from what was issued before: looked at last."""


def pointer(recorded: object, replayed: object) -> str:
    """Return the JSON pointer (RFC 6901) of the first place where two values differ.

    What a command is comes first, then what it says, then its numbers; within a value,
    mappings are compared by sorted key: the answer is the same in every process.
    """
    return next(pointers(recorded, replayed), "")


def pointers(recorded: object, replayed: object, at: str = "") -> Iterator[str]:
    """Yield the JSON pointers of all places where two values differ."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        if recorded.get("command") != replayed.get("command"):
            yield f"{at}/command"
            return
        for key in sorted({*recorded, *replayed}, key=_rank if not at else str):
            one, other = recorded.get(key, ABSENT), replayed.get(key, ABSENT)
            if one != other:
                token = str(key).replace("~", "~0").replace("/", "~1")
                yield from pointers(one, other, f"{at}/{token}")
    elif isinstance(recorded, list | tuple) and isinstance(replayed, list | tuple):
        for index, (one, other) in enumerate(zip(recorded, replayed, strict=False)):
            if one != other:
                yield from pointers(one, other, f"{at}/{index}")
        if len(recorded) != len(replayed):
            yield f"{at}/{min(len(recorded), len(replayed))}"
    elif recorded != replayed:
        yield at


def _rank(key: object) -> tuple[int, str]:
    name = str(key)
    first = ("command", "kind", "name", "dst", "handler", "type")
    if name in first:
        return -len(first) + first.index(name), name
    return (1 + _DERIVED.index(name), name) if name in _DERIVED else (0, name)


def value_at(value: object, where: str) -> object:
    """Return what a JSON pointer points to; `ABSENT` where there is nothing."""
    for token in where.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key, ABSENT)
        elif isinstance(value, list | tuple) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value


def as_data(command: Command | CommandRecord | None) -> dict[str, object]:
    """Return a command as plain values, JSON in its fields opened up, for people."""
    if command is None:
        return {}
    values: dict[str, object] = {"command": type(command).__struct_config__.tag}
    for name in command.__struct_fields__:
        value = getattr(command, name)
        if name == "note":
            continue
        if isinstance(value, msgspec.Struct):
            values.update({k: v for k, v in as_data_of(value).items() if k != "note"})
        else:
            values[name] = opened(value)
    if values["command"] == "send":
        values["command"] = "sent"
        del values["src"]
    values.pop("blob", None)
    return values


def as_data_of(struct: msgspec.Struct) -> dict[str, object]:
    """Return a struct as plain values, JSON in its fields opened up."""
    return {name: opened(getattr(struct, name)) for name in struct.__struct_fields__}


def opened(value: object) -> object:
    """Return a field as plain values: JSON is parsed, tuples become lists."""
    if isinstance(value, bytes):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return value.decode("utf-8", "backslashreplace")
    return list(value) if isinstance(value, tuple) else value
