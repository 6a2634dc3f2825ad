"""Recorded against replayed commands: equal, or the first difference.

A replay agrees exactly when recording it again would give the same record. Equal
records are told in C without encoding anything; only records that are not equal as a
whole are compared as the bytes a journal would hold of them, without tracebacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agentmesh.journal.encoding import BodyEncoder, comparable_record
from agentmesh.journal.records import CommandRecord
from agentmesh.kernel.commands import Command


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where the commands of one step part."""

    index: int
    """Place among the step's commands, from 0."""
    recorded: CommandRecord | None
    """None when the replay issued a command that was not recorded."""
    replayed: Command | None
    """None when the replay stopped issuing commands too early."""


def first_difference(
    encoder: BodyEncoder, recorded: Sequence[CommandRecord], replayed: Sequence[Command]
) -> Difference | None:
    """Return the first difference between a step's commands, or None."""
    for index, command in enumerate(replayed):
        if index >= len(recorded):
            return Difference(index=index, recorded=None, replayed=command)
        known = recorded[index]
        if encoder.command_record(command) != known and encoder.comparable(
            command
        ) != comparable_record(known):
            return Difference(index=index, recorded=recorded[index], replayed=command)
    if len(recorded) > len(replayed):
        index = len(replayed)
        return Difference(index=index, recorded=recorded[index], replayed=None)
    return None


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
