"""Recorded against replayed commands: equal, or the first difference.

A replay agrees exactly when recording it again would give the same record. Equal
records are told in C without encoding anything; only records that are not equal as a
whole are compared as the bytes a journal would hold of them, without tracebacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agentmesh.journal.encoding import BodyEncoder, comparable_record
from agentmesh.journal.records import CommandRecord
from agentmesh.kernel.commands import Command, is_mark


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
    """Return the first difference between a step's commands, or None.

    A recorded mark of a change (`am.changed`) that today's code does not ask about any more
    is none: it took the new path, which is all the code has now.
    """
    found = _first_difference(encoder, recorded, replayed)
    if found is None or not any(map(is_mark, recorded)):
        return found
    asked = [encoder.command_record(one) for one in replayed if is_mark(one)]
    kept = [one for one in recorded if not is_mark(one) or one in asked]
    return found if len(kept) == len(recorded) else _first_difference(encoder, kept, replayed)


def _first_difference(
    encoder: BodyEncoder, recorded: Sequence[CommandRecord], replayed: Sequence[Command]
) -> Difference | None:
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
