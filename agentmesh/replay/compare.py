"""Recorded and replayed commands side by side, as plain values for people."""

import msgspec

from agentmesh.journal.records import CommandRecord
from agentmesh.kernel.commands import Command


def pointer(recorded: object, replayed: object, at: str = "") -> str:
    """Return the JSON pointer (RFC 6901) of the first place where two values differ.

    Mappings are compared by sorted key, so the answer is the same in every process.
    """
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        if recorded.get("command") != replayed.get("command"):
            return f"{at}/command"
        for key in sorted({*recorded, *replayed}, key=str):
            if recorded.get(key, _MISSING) != replayed.get(key, _MISSING):
                token = str(key).replace("~", "~0").replace("/", "~1")
                return pointer(recorded.get(key), replayed.get(key), f"{at}/{token}")
        return at
    if isinstance(recorded, list | tuple) and isinstance(replayed, list | tuple):
        for index, (one, other) in enumerate(zip(recorded, replayed, strict=False)):
            if one != other:
                return pointer(one, other, f"{at}/{index}")
        return f"{at}/{min(len(recorded), len(replayed))}" if len(recorded) != len(replayed) else at
    return at


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
    return values


def as_data_of(struct: msgspec.Struct) -> dict[str, object]:
    """Return a struct as plain values, JSON in its fields opened up."""
    return {name: opened(getattr(struct, name)) for name in struct.__struct_fields__}


def opened(value: object) -> object:
    """Return a field as plain values: JSON is parsed, tuples become lists."""
    if isinstance(value, bytes):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return value.decode("utf-8", "backslashreplace")
    return list(value) if isinstance(value, tuple) else value


_MISSING = object()
