"""Recorded against replayed commands: equal, or the first difference.

A replay agrees exactly when recording it again would give the same record. Equal
records are told in C without encoding anything; only records that are not equal as a
whole are compared as the bytes a journal would hold of them, without tracebacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
